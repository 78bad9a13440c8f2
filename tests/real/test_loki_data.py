"""What was written to Loki survives what happens to its processes."""

from __future__ import annotations

import pytest
from loki_client import QUICK, Loki, loki_of
from real_clusters import Clusters, births, bring_up, kill, leftovers, take_down, written

from rolecall.core.products.loki import LOKI
from rolecall.local import operations

pytestmark = pytest.mark.real

ROLES = {"write": 1, "read": 1, "backend": 1}
# Streams are what is shared out between writers.
STREAMS = [f"stream-{number}" for number in range(24)]


def push_streams(loki: Loki) -> None:
    """Write lines to many streams."""
    for job in STREAMS:
        loki.push([f"{job} {number}" for number in range(5)], job=job)


def await_streams(loki: Loki) -> None:
    """Wait until every line of them is read."""
    for job in STREAMS:
        loki.await_lines([f"{job} {number}" for number in range(5)], job=job)


def test_it_survives_down(clusters: Clusters):
    """After down and up everything is read."""
    cluster = clusters(written(LOKI, ROLES, settings=QUICK))
    bring_up(cluster)
    with loki_of(cluster) as loki:
        push_streams(loki)

    take_down(cluster)
    bring_up(cluster)

    with loki_of(cluster) as loki:
        await_streams(loki)


def test_it_survives_the_supervisors_end(clusters: Clusters):
    """After kill -9 of the supervisor, up converges: one new process for each unit, and all data."""
    cluster = clusters(written(LOKI, ROLES, settings=QUICK))
    bring_up(cluster)
    with loki_of(cluster) as loki:
        push_streams(loki)
    before = births(cluster)

    kill(cluster, "supervisor")
    bring_up(cluster)

    after = births(cluster)
    assert after.keys() == before.keys()
    assert not {birth.pid for birth in after.values()} & {birth.pid for birth in before.values()}
    assert len([line for line in leftovers(cluster) if "loki" in line and "-target" in line]) == len(ROLES)
    with loki_of(cluster) as loki:
        await_streams(loki)


def test_it_survives_fewer_writers(clusters: Clusters):
    """A writer that alone holds lines hands them over before it goes: every line is read right after."""
    settings = {**QUICK, "replication-factor": 1}
    cluster = clusters(written(LOKI, {**ROLES, "write": 3}, settings=settings))
    bring_up(cluster)
    with loki_of(cluster) as loki:
        push_streams(loki)
    before = births(cluster)
    fewer = clusters.again(cluster, written(LOKI, {**ROLES, "write": 2}, settings=settings))

    bring_up(fewer)

    after = births(fewer)
    assert before.keys() - after.keys() == {"write-2"}
    assert {unit: before[unit] for unit in after} == after
    seen = operations.status(fewer)
    assert "write-2" not in {unit.unit for unit in seen.units}
    assert seen.rings["/ring"] == {"write-0": "ACTIVE", "write-1": "ACTIVE"}
    with loki_of(fewer) as loki:
        await_streams(loki)
