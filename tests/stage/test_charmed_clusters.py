"""Real clusters as charms: two coordinators, separate roles, an object store, and what happens to them.

The tests of one product follow each other on one cluster, in the order of this file.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping

import pytest
from charmed import AUTHORITY, COORDINATOR, STORE, Birth, Charmed, Writer
from patience import until
from s3_server import S3Server

from conftest import Deployer
from rolecall.core.products.loki import LOKI
from rolecall.core.products.mimir import MIMIR

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

WORKERS = (("write", ("write",), 3), ("read", ("read",), 2), ("backend", ("backend",), 2))


@pytest.fixture(scope="module", params=[LOKI, MIMIR], ids=lambda product: product.name)
def cluster(request: pytest.FixtureRequest, charmed: Deployer) -> Iterator[Charmed]:
    """Deploy a product with three writers, so that three copies of everything are kept."""
    deployed = charmed(request.param, WORKERS, coordinators=2)
    deployed.await_active()
    yield deployed
    deployed.end()


def test_what_one_gateway_takes_the_other_gives(cluster: Charmed):
    """Either coordinator unit serves the whole cluster."""
    first, second = cluster.gateways()

    cluster.check("abc1", write=first, read=second)
    cluster.check("abc2", write=second, read=first)


def test_each_process_started_once(cluster: Charmed):
    """The cluster came up without a restart: what starts together has what it needs from the beginning."""
    starts = cluster.starts()

    assert set(starts) == {"write-0", "write-1", "write-2", "read-0", "read-1", "backend-0", "backend-1"}
    assert set(starts.values()) == {1}


def test_the_actions_answer(cluster: Charmed):
    """`check` writes and reads through the gateway, `diagnose` tells the verdict, `rollout` its state."""
    check = cluster.juju.run(f"{COORDINATOR}/1", "check")
    diagnosed = cluster.juju.run(f"{COORDINATOR}/0", "diagnose")
    rollout = cluster.juju.run(cluster.leader(), "rollout", {"action": "state"})

    assert int(check.results["write-ms"]) > 0
    assert json.loads(diagnosed.results["problems"]) == []
    assert len(json.loads(diagnosed.results["units"])) == 7
    assert (rollout.results["paused"], rollout.results["remaining"]) == ("false", "none")


def test_a_unit_that_joins_restarts_nobody(cluster: Charmed):
    """G1: a new reader serves, and every other process is the one that it was."""
    before = cluster.births()

    cluster.juju.add_unit("read")
    cluster.await_active()

    after = cluster.births()
    assert {unit: after.get(unit) for unit in before} == before
    assert all('"read-2"' in cluster.served(gateway) for gateway in cluster.gateways())


def test_a_unit_that_goes_is_forgotten_first(cluster: Charmed):
    """G1 and G5: under a writer, no request fails, and every other process is the one that it was."""
    before = cluster.births()

    with Writer(cluster, "goes") as writer:
        cluster.juju.remove_unit("read", num_units=1)
        until(lambda: "read-2" not in cluster.births(), 120, "the unit to go", seen=cluster.births)
        cluster.await_active()

    del before["read-2"]
    assert writer.failed == []
    assert cluster.births() == before
    assert not any('"read-2"' in cluster.served(gateway) for gateway in cluster.gateways())


def test_another_leader_changes_nothing(cluster: Charmed):
    """The leader's pod is lost: the other unit leads on, and no worker notices."""
    before, leader = cluster.births(), cluster.leader()

    with Writer(cluster, "leader") as writer:
        heir = next(name for name in (f"{COORDINATOR}/0", f"{COORDINATOR}/1") if name != leader)
        cluster.juju.cli("stage", "move-leader", heir)
        cluster.await_active()

    assert cluster.leader() == heir
    assert writer.failed == []
    assert cluster.births() == before


def test_new_keys_roll_through_without_a_failed_write(cluster: Charmed, s3: S3Server):
    """Every process starts anew with the rotated keys, one after the other, and nothing is lost."""
    before = cluster.births()
    access, secret = s3.another_account()

    with Writer(cluster, "keys") as writer:
        cluster.juju.config(STORE, {"access-key": access, "secret-key": secret})
        until(lambda: _all_new(cluster, before), 400, "every process to be another", seen=cluster.births)
        cluster.await_active()

    assert writer.failed == []
    assert writer.acknowledged
    assert writer.lost(cluster.gateways()[0]) == []


def _all_new(cluster: Charmed, before: Mapping[str, Birth]) -> bool:
    now = cluster.births()
    return set(now) == set(before) and all(now[unit] != before[unit] for unit in before)


def test_tls_is_turned_on_renewed_and_off(cluster: Charmed):
    """Each unit serves with a certificate of its own; a renewal never goes back to plain text."""
    before = cluster.births()
    cluster.juju.deploy("self-signed-certificates", AUTHORITY)
    cluster.juju.integrate(f"{COORDINATOR}:certificates", f"{AUTHORITY}:certificates")
    gateways = cluster.gateways()
    until(lambda: all(_certificate(one, cluster) for one in gateways), 120, "TLS at every gateway")
    first = {gateway: _certificate(gateway, cluster) for gateway in gateways}

    with Writer(cluster, "tls", scheme="https") as writer:
        cluster.juju.run(f"{AUTHORITY}/0", "rotate")
        until(lambda: _renewed(cluster, first), 120, "a renewed certificate at every gateway")
    cluster.check("tls1", write=gateways[0], read=gateways[1], scheme="https")
    cluster.juju.remove_relation(f"{COORDINATOR}:certificates", f"{AUTHORITY}:certificates")
    cluster.await_active()

    assert len(set(first.values())) == len(gateways)
    assert writer.failed == []
    cluster.check("tls2", write=gateways[0], read=gateways[1])
    assert cluster.births() == before


def _renewed(cluster: Charmed, first: dict[str, str]) -> bool:
    return all(_certificate(gateway, cluster) not in ("", first[gateway]) for gateway in first)


def _certificate(gateway: str, cluster: Charmed) -> str:
    """Return the certificate that a gateway serves with; empty while it speaks plain text."""
    try:
        return ssl.get_server_certificate((gateway, cluster.product.listeners[0].number), timeout=5)
    except OSError:
        return ""


def test_without_a_store_the_rest_goes_on(cluster: Charmed):
    """G8: Blocked by name; the gateway follows the workers all the same, and it heals."""
    cluster.juju.remove_relation(f"{COORDINATOR}:s3", f"{STORE}:s3-credentials")
    until(
        lambda: cluster.message(f"{COORDINATOR}/0")[0] == "blocked",
        60,
        "Blocked without a store",
        seen=lambda: cluster.message(f"{COORDINATOR}/0"),
    )
    before = cluster.births()
    cluster.juju.add_unit("read")
    gateways = cluster.gateways()

    assert "object store" in cluster.message(f"{COORDINATOR}/0")[1]
    until(lambda: all('"read-' in cluster.served(one) for one in gateways), 120, "the gateway to follow")
    cluster.juju.integrate(f"{COORDINATOR}:s3", f"{STORE}:s3-credentials")
    cluster.await_active()
    after = cluster.births()
    assert {unit: after.get(unit) for unit in before} == before
