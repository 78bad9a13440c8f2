"""Add the accounts of a load up: in all, by phase and by second."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct, field

from rolecall.testing.accounts import Accounts, Fate, Gap, Outcome, Read, Write
from rolecall.testing.report import Absence, Missing, Phase, Report, Tally


class _Part(Struct):
    """What belongs to one part of a run."""

    writes: list[Write] = field(default_factory=list[Write])
    fates: list[Fate] = field(default_factory=list[Fate])
    gaps: list[Gap] = field(default_factory=list[Gap])
    reads: list[Read] = field(default_factory=list[Read])


def total(accounts: Accounts, *, late_s: float | None) -> Tally:
    """Add up only the whole; None: nothing is said of lateness."""
    everything = _Part(
        writes=accounts.writes,
        fates=list(accounts.fates.values()),
        gaps=list(accounts.gaps()),
        reads=accounts.reads,
    )
    return _tally(everything, late_s)


def report(accounts: Accounts, *, run: str, ended_s: float, late_s: float, watched: bool) -> Report:
    """Add everything up.

    Args:
        accounts: What happened.
        run: The run's own name.
        ended_s: When it ended, by the clock of the accounts.
        late_s: An entry that is first readable later than this after its acknowledgement is late.
        watched: Whether everything was read all the time; else nothing is said of lateness.
    """
    began = accounts.began_s
    starts = [at for _, at in accounts.phases]
    by_phase = _parts(accounts, lambda at: bisect_right(starts, at) - 1)
    by_second = _parts(accounts, lambda at: int(at - began))
    limit = late_s if watched else None
    failed = (f"{write.outcome.value}: {write.why}" for write in accounts.writes if write.why)
    return Report(
        run=run,
        seconds=round(ended_s - began, 3),
        watched=watched,
        total=total(accounts, late_s=limit),
        phases=tuple(
            Phase(name=name, began_s=round(at - began, 3), tally=_tally(by_phase.get(place, _Part()), limit))
            for place, (name, at) in enumerate(accounts.phases)
        ),
        by_second=tuple((second, _tally(part, limit)) for second, part in sorted(by_second.items())),
        failures=_counted(failed),
        read_failures=_counted(read.why for read in accounts.reads if read.why),
        missing=tuple(_missing(fate, began) for fate in accounts.fates.values() if not fate.here),
        absences=tuple(_absence(accounts, gap) for gap in accounts.gaps()),
        unasked=len(accounts.unasked),
    )


def _parts(accounts: Accounts, part_of: Callable[[float], int]) -> dict[int, _Part]:
    """Share everything out: a write by its end, a read and a gap by its beginning."""
    parts: dict[int, _Part] = defaultdict(_Part)
    for write in accounts.writes:
        parts[part_of(write.ended_s)].writes.append(write)
    for fate in accounts.fates.values():
        parts[part_of(fate.acknowledged_s)].fates.append(fate)
    for read in accounts.reads:
        parts[part_of(read.began_s)].reads.append(read)
    for gap in accounts.gaps():
        parts[part_of(gap.began_s)].gaps.append(gap)
    return parts


def _tally(part: _Part, late_s: float | None) -> Tally:
    outcomes = Counter(write.outcome for write in part.writes)
    delays = [max(0.0, fate.first_s - fate.acknowledged_s) for fate in part.fates if fate.first_s is not None]
    return Tally(
        sent=len(part.writes),
        acknowledged=outcomes[Outcome.ACKNOWLEDGED],
        failed=outcomes[Outcome.REFUSED] + outcomes[Outcome.UNREACHED],
        unknown=outcomes[Outcome.UNKNOWN],
        lost=sum(not fate.here for fate in part.fates),
        unreadable=len({gap.number for gap in part.gaps}),
        longest_unreadable_s=_longest([gap.ended_s - gap.began_s for gap in part.gaps]),
        late=sum(delay > late_s for delay in delays) if late_s is not None else 0,
        slowest_s=_longest(delays) if late_s is not None else 0.0,
        duplicated=sum(fate.copies > 1 for fate in part.fates),
        reads=len(part.reads),
        failed_reads=sum(bool(read.why) for read in part.reads),
    )


def _longest(stretches: Sequence[float]) -> float:
    return round(max(stretches, default=0.0), 3)


def _counted(texts: Iterable[str]) -> dict[str, int]:
    return dict(Counter(texts).most_common())


def _missing(fate: Fate, began_s: float) -> Missing:
    return Missing(
        number=fate.entry.number,
        series=fate.entry.series,
        at_ns=fate.entry.at_ns,
        acknowledged_s=round(fate.acknowledged_s - began_s, 3),
        was_read=fate.first_s is not None,
    )


def _absence(accounts: Accounts, gap: Gap) -> Absence:
    began = accounts.began_s
    return Absence(
        number=gap.number,
        acknowledged_s=round(accounts.fates[gap.number].acknowledged_s - began, 3),
        began_s=round(gap.began_s - began, 3),
        ended_s=round(gap.ended_s - began, 3),
    )
