"""The ledger against a cluster of charms, and what its report says of a phase."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from charmed import Charmed
from patience import until

from rolecall.testing.door import HttpDoor
from rolecall.testing.ledger import Ledger
from rolecall.testing.report import Report

WRITES, READS = ("failed", "unknown"), ("failed_reads",)
"""Kinds of requests, as the report counts them when they fail."""
_BEGUN = 100
_BEGIN_S = 60


@contextmanager
def ledger_at(cluster: Charmed, unit: str) -> Generator[Ledger]:
    """Write through a coordinator unit's gateway and read all of it back, from before the body to its end."""
    assert cluster.product.entries is not None
    address = cluster.address(unit)
    urls = {one.name: f"http://{address}:{one.number}" for one in cluster.product.listeners}
    with HttpDoor(urls) as door, Ledger(cluster.product.entries, door) as ledger:
        until(
            lambda: ledger.so_far().acknowledged > _BEGUN,
            _BEGIN_S,
            "the writing to begin",
            seen=ledger.so_far,
        )
        yield ledger


def failing(report: Report, name: str, kinds: Iterable[str]) -> tuple[int, ...]:
    """List the seconds of a phase, counted from its beginning, in which requests of these kinds failed."""
    names = [phase.name for phase in report.phases]
    begins = [*(int(phase.began_s) for phase in report.phases), int(report.seconds) + 1]
    began, ended = begins[names.index(name)], begins[names.index(name) + 1]
    return tuple(
        second - began
        for second, tally in report.by_second
        if began <= second < ended and any(getattr(tally, kind) for kind in kinds)
    )
