"""A coordinator's own worker, others that take over, and the own one again, under a load (G6, G12)."""

from __future__ import annotations

import json
import sys

import pytest
from charmed import COORDINATOR, Charmed
from patience import until

from conftest import Deployer
from rolecall.core.products.loki import LOKI
from rolecall.testing.door import HttpDoor
from rolecall.testing.ledger import Ledger

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

OWN = "coordinator-0"
WORKERS = (("write", ("write",), 1), ("rest", ("read", "backend"), 1))
_TAKEN_OVER_S = 600
"""An own worker hands over, and waits until the readers have found that; so do those that are removed."""


def test_nothing_is_lost_on_the_way_from_one_to_many_and_back(charmed: Deployer):
    """One deployment serves; workers take over, and give back when they are removed."""
    assert LOKI.entries is not None
    cluster = charmed(LOKI, (), solo=True)
    cluster.await_active()
    (gateway,) = cluster.gateways()
    urls = {one.name: f"http://{gateway}:{one.number}" for one in LOKI.listeners}

    with HttpDoor(urls) as door, Ledger(LOKI.entries, door) as ledger:
        until(lambda: ledger.so_far().acknowledged > 50, 60, "the writing to begin", seen=ledger.so_far)
        ledger.phase("to workers")
        for worker in WORKERS:
            cluster.deploy_worker(*worker)
        _await_served_by(cluster, {"write-0", "rest-0"})
        until(
            lambda: OWN not in cluster.births(), _TAKEN_OVER_S, "the own worker to end", seen=cluster.births
        )
        cluster.await_active()
        ledger.phase("and back")
        for name, _, _ in WORKERS:
            cluster.juju.remove_application(name)
        _await_served_by(cluster, {OWN})
        until(lambda: set(cluster.births()) == {OWN}, _TAKEN_OVER_S, "the others to end", seen=cluster.births)
        cluster.await_active()
        report = ledger.finish(limit_s=180)

    sys.stdout.write(report.table())
    assert report.total.acknowledged > 50
    assert (report.total.lost, report.total.failed) == (0, 0), report.table()
    assert "own workers" in cluster.message(f"{COORDINATOR}/0")[1]


def _await_served_by(cluster: Charmed, units: set[str]) -> None:
    (gateway,) = cluster.gateways()
    until(
        lambda: set(json.loads(cluster.served(gateway))["units"]) == units,
        _TAKEN_OVER_S,
        f"the gateway to send to {', '.join(sorted(units))}",
        seen=lambda: cluster.served(gateway),
    )
