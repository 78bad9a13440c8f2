"""Real clusters as charms: two coordinators, separate roles, an object store, and what happens to them.

The tests of one product follow each other on one cluster, in the order of this file.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest
from charmed import ACTION_S, AUTHORITY, COORDINATOR, STORE, Birth, Charmed
from charmed_secrets import places, secrets_of
from charmed_writer import Writer
from patience import until
from planted import leaks
from s3_server import S3Server

from conftest import Deployer
from rolecall.core.products.loki import LOKI
from rolecall.core.products.mimir import MIMIR

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

WORKERS = (("write", ("write",), 3), ("read", ("read",), 2), ("backend", ("backend",), 2))


@pytest.fixture(scope="module", params=[LOKI, MIMIR], ids=lambda product: product.name)
def cluster(request: pytest.FixtureRequest, charmed: Deployer) -> Charmed:
    """Deploy a product with three writers, so that three copies of everything are kept."""
    deployed = charmed(request.param, WORKERS, coordinators=2)
    deployed.await_active()
    return deployed


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
    check = cluster.juju.run(f"{COORDINATOR}/1", "check", wait=ACTION_S)
    diagnosed = cluster.juju.run(f"{COORDINATOR}/0", "diagnose", wait=ACTION_S)
    rollout = cluster.juju.run(cluster.leader(), "rollout", {"action": "state"}, wait=ACTION_S)

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
    assert all("read-2" in _listed(cluster, gateway) for gateway in cluster.gateways())


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
    assert not any("read-2" in _listed(cluster, gateway) for gateway in cluster.gateways())


def test_a_lost_leader_is_followed_by_the_other(cluster: Charmed):
    """Its pod is gone: the other unit leads on, its gateway serves all the time, and no worker notices."""
    before, lost = cluster.births(), cluster.leader()
    (heir,) = {f"{COORDINATOR}/0", f"{COORDINATOR}/1"} - {lost}

    with Writer(cluster, "leader", gateways=(cluster.address(heir),), reads=True) as writer:
        cluster.lose(lost)
        until(lambda: cluster.leader() == heir, 60, "the other unit to lead", seen=cluster.leader)
        # Only who leads may, and is heard: it writes what all of them read.
        paused = cluster.juju.run(heir, "rollout", {"action": "pause"}, wait=ACTION_S)
        resumed = cluster.juju.run(heir, "rollout", {"action": "resume"}, wait=ACTION_S)
        writer.go_on()
        cluster.give_back(lost)
        cluster.await_active()
        writer.go_on()

    back = cluster.address(lost)
    assert [one.results["paused"] for one in (paused, resumed)] == ["true", "false"]
    assert cluster.leader() == heir
    assert writer.failed == []
    assert cluster.births() == before
    assert _listed(cluster, back) == set(before)
    cluster.check("back1", write=back, read=cluster.address(heir))
    assert writer.lost(back) == []


def test_a_lost_writer_comes_back_with_what_it_had(cluster: Charmed):
    """No acknowledged write is lost, the gateways leave it out until it is ready, nobody else restarts."""
    unit, name = "write/1", "write-1"
    before, gateways = cluster.births(), cluster.gateways()
    (cluster.storage(unit) / "kept").touch()

    with Writer(cluster, "pod") as writer:
        writer.go_on()
        assert writer.failed == []
        cluster.lose(unit)
        writer.forgive()
        writer.go_on(20)
        cluster.give_back(unit)
        until(lambda: name in cluster.births(), 60, "the unit's process to be started")
        born = cluster.births()[name]
        # So it can't get ready before the gateways were looked at.
        os.kill(born.pid, signal.SIGSTOP)
        try:
            until(
                lambda: not any(name in _listed(cluster, one) for one in gateways),
                90,
                "the gateways to leave the unit out",
            )
            writer.go_on()
        finally:
            os.kill(born.pid, signal.SIGCONT)
        cluster.await_active()
        writer.go_on()

    assert all(name in _listed(cluster, one) for one in gateways)
    assert Path(f"/proc/{born.pid}/root{_data(cluster)}/kept").is_file()
    assert writer.failed == []
    assert writer.lost(gateways[0]) == []
    assert cluster.births() == {**before, name: born}


def _data(cluster: Charmed) -> str:
    return cluster.product.charm.storage.path if cluster.product.charm else ""


def _listed(cluster: Charmed, gateway: str) -> set[str]:
    """Return the units that a gateway sends to, by its own account."""
    return set(json.loads(cluster.served(gateway))["units"])


def test_new_keys_roll_through_without_a_failed_write(cluster: Charmed, s3: S3Server):
    """Every process starts anew with the rotated keys, one after the other, and nothing is lost."""
    if cluster.site.real:
        pytest.skip("needs another account of the object store, which only the tests' own server gives")
    before = cluster.births()
    access, secret = s3.another_account()

    with Writer(cluster, "keys") as writer:
        cluster.rotate(access, secret)
        until(lambda: _all_new(cluster, before), 500, "every process to be another", seen=cluster.births)
        cluster.await_active()

    assert writer.failed == []
    assert writer.acknowledged
    assert writer.lost(cluster.gateways()[0]) == []


def _all_new(cluster: Charmed, before: Mapping[str, Birth]) -> bool:
    now = cluster.births()
    return set(now) == set(before) and all(now[unit] != before[unit] for unit in before)


def test_tls_is_turned_on_renewed_and_off(cluster: Charmed):
    """Each unit serves with a certificate of its own; a renewal never goes back to plain text."""
    cluster.site.need_stage("the action `rotate` of its own self-signed-certificates")
    before = cluster.births()
    cluster.juju.deploy("self-signed-certificates", AUTHORITY)
    cluster.juju.integrate(f"{COORDINATOR}:certificates", f"{AUTHORITY}:certificates")
    gateways = cluster.gateways()
    until(lambda: all(_certificate(one, cluster) for one in gateways), 120, "TLS at every gateway")
    first = {gateway: _certificate(gateway, cluster) for gateway in gateways}

    with Writer(cluster, "tls", scheme="https") as writer:
        cluster.juju.run(f"{AUTHORITY}/0", "rotate", wait=ACTION_S)
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
        120,
        "Blocked without a store",
        seen=lambda: cluster.message(f"{COORDINATOR}/0"),
    )
    before = cluster.births()
    cluster.juju.add_unit("read")
    gateways = cluster.gateways()

    assert "object store" in cluster.message(f"{COORDINATOR}/0")[1]
    until(
        lambda: all("read-2" in _listed(cluster, one) for one in gateways),
        120,
        "the gateways to follow",
        seen=lambda: [cluster.served(one) for one in gateways],
    )
    cluster.juju.integrate(f"{COORDINATOR}:s3", f"{STORE}:s3-credentials")
    cluster.await_active()
    after = cluster.births()
    assert {unit: after.get(unit) for unit in before} == before


def test_a_writer_that_is_gone_for_good_is_forgotten(cluster: Charmed):
    """G7: its ring keeps it, dead as it is, for as long as its unit is in the model; then no longer."""
    if cluster.product is not LOKI:
        pytest.skip("a heartbeat is too old after a minute for every product: one of them is enough")
    before, name = cluster.births(), "write-2"
    cluster.lose("write/2")
    until(lambda: cluster.ring("write/0")[name] == "UNHEALTHY", 120, "the heartbeat to be too old")
    cluster.juju.cli("stage", "update-status")

    assert name in cluster.ring("write/0")
    cluster.abandon("write")
    until(lambda: name not in cluster.ring("write/0"), 60, "the ring to forget it")

    cluster.await_active()
    first, second = cluster.gateways()
    cluster.check("gone1", write=first, read=second)
    del before[name]
    assert cluster.births() == before


def test_no_secret_is_anywhere_it_may_not_be(cluster: Charmed):
    """G10: after all that has happened, whoever may not know the keys finds them nowhere."""
    assert leaks(places(cluster), secrets_of(cluster)) == []
