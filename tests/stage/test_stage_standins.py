"""The stage's own charms, as the charm libraries of the other side understand them."""

from __future__ import annotations

from collections.abc import Iterator

import jubilant
import pytest
from stage_site import CLIENT, Site, site

STORE = {
    "endpoint": "http://127.0.0.1:9000",
    "bucket": "bucket",
    "region": "here",
    "access-key": "access",
    "secret-key": "first-secret-key",
}


@pytest.fixture(scope="module")
def client() -> Iterator[Site]:
    """A client with an object store and a certificate."""
    with site() as running:
        running.juju.deploy(CLIENT, "client")
        running.juju.deploy("s3-integrator", config=STORE)
        running.juju.deploy("self-signed-certificates", "ca", config={"certificate-validity": "90s"})
        running.juju.integrate("client:s3", "s3-integrator")
        running.juju.integrate("client", "ca")
        running.juju.wait(jubilant.all_active)
        running.settle()
        yield running


def test_keys_travel_in_a_secret_and_change_with_the_config(client: Site) -> None:
    results = client.juju.run("client/0", "get-s3").results
    assert {key: results[key] for key in STORE} == STORE
    assert "first-secret-key" not in str(client.juju.show_unit("client/0"))
    client.juju.config("s3-integrator", {"secret-key": "second-secret-key"})
    client.settle()
    assert client.juju.run("client/0", "get-s3").results["secret-key"] == "second-secret-key"
    assert "first-secret-key" not in client.log()


def test_keys_may_be_in_a_secret_of_the_administrators(client: Site) -> None:
    secret = client.juju.add_secret("keys", {"access-key": "theirs", "secret-key": "third-secret-key"})
    client.juju.grant_secret("keys", "s3-integrator")
    client.juju.config("s3-integrator", {"credentials": secret})
    client.settle()
    results = client.juju.run("client/0", "get-s3").results
    assert (results["access-key"], results["secret-key"]) == ("theirs", "third-secret-key")
    client.juju.update_secret("keys", {"access-key": "theirs", "secret-key": "fourth-secret-key"})
    client.settle()
    assert client.juju.run("client/0", "get-s3").results["secret-key"] == "fourth-secret-key"
    client.juju.config("s3-integrator", reset="credentials")
    client.settle()
    assert client.juju.run("client/0", "get-s3").results["access-key"] == "access"


def test_certificates_are_as_short_lived_as_asked_and_issued_anew(client: Site) -> None:
    before = client.juju.run("client/0", "get-certificate").results
    assert (before["name"], before["authority"], before["lasts"]) == ("client-0", "Stage CA", "90")
    assert client.juju.run("ca/0", "rotate", {"ca": True}).results == {"issued": "1"}
    client.settle()
    after = client.juju.run("client/0", "get-certificate").results
    assert after["certificate"] != before["certificate"]


def test_the_old_protocol_writes_the_keys_into_the_databag(client: Site) -> None:
    client.juju.remove_relation("client:s3", "s3-integrator")
    client.settle()
    client.juju.config("s3-integrator", {"protocol": "v0"})
    client.juju.integrate("client:s3", "s3-integrator")
    client.settle()
    data = next(r for r in client.juju.show_unit("client/0").relation_info if r.endpoint == "s3").app_data
    assert data["access-key"] == "access"
    assert client.juju.run("client/0", "get-s3").results["bucket"] == "bucket"
