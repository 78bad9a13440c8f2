"""Writers of charmed clusters go and come under a load of which every entry is accounted for (G6, G12)."""

from __future__ import annotations

import sys

import pytest
from charmed import COORDINATOR, Charmed
from patience import until

from conftest import Deployer
from rolecall.core.product import Product
from rolecall.core.products.loki import LOKI
from rolecall.core.products.mimir import MIMIR
from rolecall.testing.door import HttpDoor
from rolecall.testing.ledger import Ledger

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

WORKERS = (("write", ("write",), 3), ("rest", ("read", "backend"), 1))
_DRAINED_S = 600
"""A unit hands over, and then waits until the readers have found that."""


@pytest.mark.parametrize("product", [LOKI, MIMIR], ids=lambda product: product.name)
def test_nothing_is_lost_while_writers_go_and_come(product: Product, charmed: Deployer):
    """From three copies to one and back; a drain outlives the coordinator that gave the leave for it."""
    assert product.entries is not None
    cluster = charmed(product, WORKERS, coordinators=2)
    cluster.await_active()
    leader = cluster.leader()
    (heir,) = {f"{COORDINATOR}/0", f"{COORDINATOR}/1"} - {leader}

    with HttpDoor(_urls(cluster, heir)) as door, Ledger(product.entries, door) as ledger:
        until(lambda: ledger.so_far().acknowledged > 100, 60, "the writing to begin", seen=ledger.so_far)
        ledger.phase("3 to 2, and the leader is lost")
        cluster.juju.remove_unit("write", num_units=1)
        _await_draining(cluster, "write/2")
        cluster.lose(leader)
        _await_gone(cluster, "write/2")
        cluster.give_back(leader)
        cluster.await_active()
        ledger.phase("2 to 1")
        cluster.juju.remove_unit("write", num_units=1)
        _await_gone(cluster, "write/1")
        cluster.await_active()
        ledger.phase("1 to 3")
        cluster.juju.add_unit("write", num_units=2)
        cluster.await_active()
        report = ledger.finish(limit_s=180)

    sys.stdout.write(report.table())
    assert cluster.leader() == heir
    assert report.total.acknowledged > 100
    assert report.total.lost == 0, report.table()
    assert set(cluster.ring("write/0")) == {"write-0", "write-1", "write-2"}


def _urls(cluster: Charmed, unit: str) -> dict[str, str]:
    """Map each of the product's listeners to where a coordinator's gateway has it."""
    address = cluster.address(unit)
    return {one.name: f"http://{address}:{one.number}" for one in cluster.product.listeners}


def _await_draining(cluster: Charmed, unit: str) -> None:
    """Wait until a unit hands over, or has."""
    until(
        lambda: unit not in _writers(cluster) or "draining" in cluster.message(unit)[1],
        _DRAINED_S,
        f"{unit} to hand over",
        seen=lambda: cluster.message(unit),
    )


def _await_gone(cluster: Charmed, unit: str) -> None:
    until(
        lambda: unit not in _writers(cluster),
        _DRAINED_S,
        f"{unit} to be gone",
        seen=lambda: cluster.message(unit),
    )


def _writers(cluster: Charmed) -> set[str]:
    return set(cluster.juju.status().apps["write"].units)
