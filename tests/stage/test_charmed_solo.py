"""A coordinator's own worker, others that take over, and the own one again, under a load (G6, G12)."""

from __future__ import annotations

import json
import sys

import pytest
from charmed import COORDINATOR, Charmed
from charmed_ledger import WRITES, failing, ledger_at
from patience import until

from conftest import Deployer
from rolecall.core.product import Product
from rolecall.core.products.loki import LOKI
from rolecall.core.products.mimir import MIMIR

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

OWN = "coordinator-0"
WORKERS = (("write", ("write",), 1), ("rest", ("read", "backend"), 1))
TO_WORKERS, AND_BACK = "to workers", "and back"
AWAY_S = {LOKI.name: 0, MIMIR.name: 3}
"""For how many seconds writes may fail: a single Mimir ingester refuses some while it compacts."""
_TAKEN_OVER_S = 600
"""An own worker hands over, and waits until the readers have found that; so do those that are removed."""


@pytest.mark.parametrize("product", [LOKI, MIMIR], ids=lambda product: product.name)
def test_nothing_is_lost_on_the_way_from_one_to_many_and_back(product: Product, charmed: Deployer):
    """One deployment serves; workers take over, and give back when they are removed."""
    cluster = charmed(product, (), solo=True)
    cluster.await_active()

    with ledger_at(cluster, f"{COORDINATOR}/0") as ledger:
        ledger.phase(TO_WORKERS)
        for worker in WORKERS:
            cluster.deploy_worker(*worker)
        _await_served_by(cluster, {"write-0", "rest-0"})
        until(
            lambda: OWN not in cluster.births(), _TAKEN_OVER_S, "the own worker to end", seen=cluster.births
        )
        cluster.await_active()
        ledger.phase(AND_BACK)
        for name, _, _ in WORKERS:
            cluster.juju.remove_application(name)
        _await_served_by(cluster, {OWN})
        until(lambda: set(cluster.births()) == {OWN}, _TAKEN_OVER_S, "the others to end", seen=cluster.births)
        cluster.await_active()
        report = ledger.finish(limit_s=180)

    sys.stdout.write(report.table())
    assert report.total.lost == 0, report.table()
    for step in (TO_WORKERS, AND_BACK):
        assert len(failing(report, step, WRITES)) <= AWAY_S[product.name], report.table()
    assert "own workers" in cluster.message(f"{COORDINATOR}/0")[1]


def _await_served_by(cluster: Charmed, units: set[str]) -> None:
    (gateway,) = cluster.gateways()
    until(
        lambda: set(json.loads(cluster.served(gateway))["units"]) == units,
        _TAKEN_OVER_S,
        f"the gateway to send to {', '.join(sorted(units))}",
        seen=lambda: cluster.served(gateway),
    )
