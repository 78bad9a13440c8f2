"""Hold a report of the ledger against a cell of the table."""

from __future__ import annotations

from collections.abc import Iterator

from faults import Cell

from rolecall.testing.report import Report

FAULT, CALM = "fault", "calm"
"""Names of phases: something is broken, and everything is as it was."""


def broken(cell: Cell, report: Report) -> list[str]:
    """List the promises of a cell that a report breaks."""
    return [*_lost(cell, report), *_failed(cell, report), *_gaps(cell, report)]


def _lost(cell: Cell, report: Report) -> Iterator[str]:
    allowed = [(began - cell.loses_s, ended) for began, ended in _faults(report)] if cell.loses_s else []
    wrong = [
        one for one in report.missing if not any(start <= one.acknowledged_s <= end for start, end in allowed)
    ]
    if wrong:
        yield f"{len(wrong)} acknowledged entries are lost that may not be"


def _failed(cell: Cell, report: Report) -> Iterator[str]:
    for second, tally in report.by_second:
        if (tally.failed or tally.unknown) and not _allowed(second, cell.fails_s, report):
            yield f"in second {second} {tally.failed} writes failed and {tally.unknown} broke"
        if tally.failed_reads and not _allowed(second, cell.reading_fails_s, report):
            yield f"in second {second} {tally.failed_reads} reads failed"
    away = [second for second, tally in report.by_second if tally.failed or tally.unknown]
    if len(away) > cell.away_s:
        yield f"writes failed in {len(away)} seconds, which may be {cell.away_s:g}"


def _gaps(cell: Cell, report: Report) -> Iterator[str]:
    allowed = [*((FAULT,) if cell.gaps else ()), *((CALM,) if cell.gaps_after else ())]
    for phase in report.phases:
        if phase.tally.unreadable and phase.name not in allowed:
            longest = phase.tally.longest_unreadable_s
            yield f"in {phase.name} {phase.tally.unreadable} entries were unreadable, for up to {longest} s"


def _allowed(second: int, fails_s: float, report: Report) -> bool:
    """Whether requests may fail in a second: it is whole seconds, so the first and the last count."""
    return any(
        began - 1 < second <= min(ended, began + fails_s) for began, ended in _faults(report) if fails_s
    )


def _faults(report: Report) -> Iterator[tuple[float, float]]:
    """Yield the beginning and the end of each fault."""
    ends = [*(phase.began_s for phase in report.phases[1:]), report.seconds]
    for phase, end in zip(report.phases, ends, strict=True):
        if phase.name == FAULT:
            yield phase.began_s, end
