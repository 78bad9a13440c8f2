"""One process becomes many and one again, by another rolecall.yaml and `up` alone, while it serves."""

from __future__ import annotations

import pytest
from patience import until
from real_clusters import UP_S, Clusters, births, bring_up, written

from rolecall.core.products.tempo import TEMPO
from rolecall.local import load
from rolecall.local.cluster import LocalCluster
from rolecall.testing.ledger import Ledger

pytestmark = pytest.mark.real

LEAST = {",".join(roles): units for _, roles, units in TEMPO.minimal}
OTHERS = {"supervisor", "gateway"}
READ_S, STEADY_S = 60, 30


def test_from_one_process_to_many_and_back(clusters: Clusters):
    """Nothing acknowledged is lost, no connection breaks, and who comes in another's place never restarts."""
    cluster = clusters(written(TEMPO))
    bring_up(cluster)
    assert units(cluster) == {"solo-0"}
    with load.ledger(cluster, watch=False) as ledger:
        await_writes(ledger)

        for workers in (LEAST, None):
            cluster = clusters.again(cluster, written(TEMPO, workers))
            taken_over(cluster)
            await_writes(ledger)
        report = ledger.finish(limit_s=READ_S)

    assert units(cluster) == {"solo-0"}
    assert (report.total.lost, report.total.unknown) == (0, 0), report.table()


def taken_over(cluster: LocalCluster) -> None:
    """Run cycles as `up` does until those that are to go have ended; nobody waits for their readers."""
    wanted = {f"{group.name}-{number}" for group in cluster.spec.groups for number in range(group.units)}
    cluster.cycle()
    until(lambda: cluster.cycle() and units(cluster) >= wanted, UP_S, f"{wanted} to run")
    begun = {unit: births(cluster)[unit] for unit in wanted}

    until(
        lambda: cluster.cycle() and units(cluster) == wanted,
        UP_S,
        f"{wanted} to be all that runs",
        seen=lambda: births(cluster),
    )

    assert {unit: births(cluster)[unit] for unit in wanted} == begun


def units(cluster: LocalCluster) -> set[str]:
    """List the units that run."""
    return set(births(cluster)) - OTHERS


def await_writes(ledger: Ledger) -> None:
    """Wait until some more writes are acknowledged."""
    before = ledger.so_far().acknowledged
    until(
        lambda: ledger.so_far().acknowledged >= before + 20,
        STEADY_S,
        "20 more acknowledged writes",
        seen=ledger.so_far,
    )
