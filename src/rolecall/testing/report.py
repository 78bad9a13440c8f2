"""What a run of the ledger found: values, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct


class Tally(Struct, frozen=True, kw_only=True):
    """What happened to the entries and reads of a run, or of a part of it."""

    sent: int = 0
    acknowledged: int = 0
    failed: int = 0
    """Requests that were refused, or that reached nobody: not written, as far as a client can tell."""
    unknown: int = 0
    """Requests that broke before their answer came: perhaps written."""
    lost: int = 0
    """Acknowledged, and not in the last reading of all."""
    unreadable: int = 0
    """Acknowledged and already read, and then for some time not found."""
    longest_unreadable_s: float = 0.0
    late: int = 0
    """Acknowledged, and first readable only after the limit for it."""
    slowest_s: float = 0.0
    """The longest time from an acknowledgement to the end of the first read that gave the entry back."""
    duplicated: int = 0
    """Acknowledged, and at some time there more than once."""
    reads: int = 0
    failed_reads: int = 0


class Phase(Struct, frozen=True, kw_only=True):
    """A named part of a run."""

    name: str
    began_s: float
    """Seconds after the run began."""
    tally: Tally


class Missing(Struct, frozen=True, kw_only=True):
    """One acknowledged entry that the last reading did not give back."""

    number: int
    series: int
    at_ns: int
    """The entry's own time."""
    acknowledged_s: float
    """Seconds after the run began."""
    was_read: bool
    """Whether an earlier reading gave it back."""


class Absence(Struct, frozen=True, kw_only=True):
    """One stretch in which an entry that had been read was not found, in seconds after the run began."""

    number: int
    acknowledged_s: float
    began_s: float
    ended_s: float


class Report(Struct, frozen=True, kw_only=True):
    """What a run found, in all, by phase and by second."""

    run: str
    seconds: float
    watched: bool
    """Whether everything was read all the time: without that, lateness and gaps are not known."""
    total: Tally
    phases: tuple[Phase, ...]
    by_second: tuple[tuple[int, Tally], ...]
    """(seconds after the run began, what happened in that second), without the seconds of nothing."""
    failures: Mapping[str, int]
    """Why writes were not acknowledged, and how often."""
    read_failures: Mapping[str, int]
    missing: tuple[Missing, ...]
    """Every entry that is lost."""
    absences: tuple[Absence, ...] = ()
    """Every stretch in which an entry was unreadable."""
    unasked: int = 0
    """Entries that are there although they were never acknowledged: a client would have sent them again."""

    @property
    def kept(self) -> bool:
        """Whether something was acknowledged, and all of that was readable from first to last."""
        return self.total.acknowledged > 0 and not self.total.lost and not self.total.unreadable

    def phase(self, name: str) -> Tally:
        """Return the tally of a phase; raises KeyError."""
        for phase in self.phases:
            if phase.name == name:
                return phase.tally
        raise KeyError(name)

    def json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"kept": self.kept, **msgspec.to_builtins(self)}

    def table(self) -> str:
        """Return it as a table, with why requests failed below it."""
        head = ("PHASE", "FROM", *(title for title, _ in _COLUMNS))
        rows = [(phase.name, f"{phase.began_s:.0f} s", *_cells(phase.tally)) for phase in self.phases]
        if len(rows) > 1:
            rows.append(("total", "", *_cells(self.total)))
        return "\n".join((*_aligned((head, *rows)), *self._notes()))

    def _notes(self) -> list[str]:
        notes = [f"write failed: {why} ({count} times)" for why, count in self.failures.items()]
        notes += [f"read failed: {why} ({count} times)" for why, count in self.read_failures.items()]
        if self.missing:
            lost = [
                f"{one.number} (series {one.series}, acknowledged after {one.acknowledged_s:.1f} s, "
                f"{'read before' if one.was_read else 'never read'})"
                for one in self.missing
            ]
            notes.append(f"lost: {_some(lost)}")
        if self.absences:
            away = [
                f"{one.number} (acknowledged after {one.acknowledged_s:.1f} s, away from {one.began_s:.1f} s "
                f"to {one.ended_s:.1f} s)"
                for one in self.absences
            ]
            notes.append(f"unreadable: {_some(away)}")
        if self.unasked:
            notes.append(f"{self.unasked} entries that were not acknowledged are there all the same")
        return notes


_SHOWN = 5
_COLUMNS = (
    ("SENT", "sent"),
    ("ACKNOWLEDGED", "acknowledged"),
    ("LOST", "lost"),
    ("UNREADABLE", "unreadable"),
    ("LONGEST", "longest_unreadable_s"),
    ("LATE", "late"),
    ("SLOWEST", "slowest_s"),
    ("DUPLICATED", "duplicated"),
    ("FAILED", "failed"),
    ("UNKNOWN", "unknown"),
    ("READS", "reads"),
    ("FAILED READS", "failed_reads"),
)


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _cells(tally: Tally) -> tuple[str, ...]:
    values = (getattr(tally, name) for _, name in _COLUMNS)
    return tuple(f"{value:.1f} s" if isinstance(value, float) else str(value) for value in values)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align names to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
