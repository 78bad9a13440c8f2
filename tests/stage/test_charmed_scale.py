"""Writers of charmed clusters go and come under a load of which every entry is accounted for (G6, G12).

What may fail, and for how long, is what docs/reliability.md promises of the same steps on one machine.
"""

from __future__ import annotations

import sys

import pytest
from charmed import COORDINATOR, Charmed
from charmed_ledger import READS, WRITES, failing, ledger_at
from patience import until

from conftest import Deployer
from rolecall.core.product import Product
from rolecall.core.products.loki import LOKI
from rolecall.core.products.mimir import MIMIR

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

WORKERS = (("write", ("write",), 3), ("rest", ("read", "backend"), 1))
LEADER_LOST, ONE_LEFT, THREE_AGAIN = "3 to 2, and the leader is lost", "2 to 1", "1 to 3"
TOGETHER = "3 to 1, at once"
POD_LOST = "a writer's pod is lost, and never comes back"
AWAY_S = 20
"""For how long the only writer, and the only reader, may be away to follow another replication factor."""
IN_FLIGHT_S = 5
"""For how long requests may fail after a pod is lost: those under way, until others are asked instead."""
_DRAINED_S = 600
"""A unit hands over, and then waits until the readers have found that."""


@pytest.mark.parametrize("product", [LOKI, MIMIR], ids=lambda product: product.name)
def test_nothing_is_lost_while_writers_go_and_come(product: Product, charmed: Deployer):
    """From three copies to one and back; a drain outlives the coordinator that gave the leave for it.

    At last a writer goes without a word, with what it holds: the others have it too.
    """
    cluster = charmed(product, WORKERS, coordinators=2)
    cluster.await_active()
    leader = cluster.leader()
    (heir,) = {f"{COORDINATOR}/0", f"{COORDINATOR}/1"} - {leader}

    with ledger_at(cluster, heir) as ledger:
        ledger.phase(LEADER_LOST)
        cluster.juju.remove_unit("write", num_units=1)
        _await_draining(cluster, "write/2")
        cluster.lose(leader)
        _await_gone(cluster, "write/2")
        cluster.give_back(leader)
        cluster.await_active()
        ledger.phase(ONE_LEFT)
        cluster.juju.remove_unit("write", num_units=1)
        _await_gone(cluster, "write/1")
        cluster.await_active()
        ledger.phase(THREE_AGAIN)
        cluster.juju.add_unit("write", num_units=2)
        cluster.await_active()
        assert set(cluster.ring("write/0")) == {"write-0", "write-1", "write-2"}
        ledger.phase(POD_LOST)
        cluster.lose("write/2")
        until(lambda: cluster.ring("write/0")["write-2"] == "UNHEALTHY", 120, "its heartbeat to be too old")
        cluster.abandon("write")
        until(lambda: set(cluster.ring("write/0")) == {"write-0", "write-1"}, 60, "the ring to forget it")
        cluster.await_active()
        report = ledger.finish(limit_s=180)

    sys.stdout.write(report.table())
    assert cluster.leader() == heir
    assert report.total.acknowledged > 100
    assert report.total.lost == 0, report.table()
    assert failing(report, LEADER_LOST, (*WRITES, *READS)) == (), report.table()
    assert report.phase(LEADER_LOST).unreadable == 0, report.table()
    for step in (ONE_LEFT, THREE_AGAIN):
        assert len(failing(report, step, WRITES)) <= AWAY_S, report.table()
        assert report.phase(step).longest_unreadable_s <= AWAY_S, report.table()
    assert all(second < IN_FLIGHT_S for second in failing(report, POD_LOST, (*WRITES, *READS))), (
        report.table()
    )
    assert report.phase(POD_LOST).unreadable == 0, report.table()


def test_writers_that_are_removed_together_go_one_after_the_other(charmed: Deployer):
    """Two that were away at a time would take along, for as long, what only they have copies of (G3)."""
    cluster = charmed(LOKI, WORKERS)
    cluster.await_active()
    told: list[dict[str, str]] = []

    def one_left() -> bool:
        units = cluster.juju.status().apps["write"].units
        told.append({name: unit.workload_status.message for name, unit in units.items()})
        return set(units) == {"write/0"}

    with ledger_at(cluster, f"{COORDINATOR}/0") as ledger:
        ledger.phase(TOGETHER)
        cluster.juju.remove_unit("write", num_units=2)
        until(one_left, 2 * _DRAINED_S, "both to be gone", seen=lambda: told[-1])
        cluster.await_active()
        report = ledger.finish(limit_s=180)

    sys.stdout.write(report.table())
    assert "leaving: write/2 goes first" in {statuses.get("write/1") for statuses in told}
    assert [one for one in told if sum("draining" in text for text in one.values()) > 1] == []
    assert report.total.lost == 0, report.table()
    assert len(failing(report, TOGETHER, WRITES)) <= AWAY_S, report.table()
    assert report.phase(TOGETHER).unreadable == 0, report.table()


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
