"""The accounts of a load: what was acknowledged, and what every read showed of it.

Nothing here sends a request or looks at a clock: times are seconds of any steady clock, given by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from rolecall.core.entries import Entry, Window


class Outcome(StrEnum):
    """How the write of an entry ended."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    """There was an answer, and it wasn't 2xx."""
    UNREACHED = "unreached"
    """There was no connection: surely not written."""
    UNKNOWN = "unknown"
    """The connection broke or timed out after the request was sent: perhaps written."""


class Write(Struct, frozen=True, kw_only=True):
    """One write that has ended."""

    entry: Entry
    tenant: str = ""
    outcome: Outcome
    ended_s: float
    why: str = ""
    """What kept it from being acknowledged."""


class Page(Struct, frozen=True, kw_only=True, order=True):
    """What one read asks for: a window of one tenant."""

    window: Window
    tenant: str = ""


class Read(Struct, frozen=True, kw_only=True):
    """One read that has ended."""

    began_s: float
    ended_s: float
    why: str = ""
    """What kept it from being answered; empty: it was."""


class Gap(Struct, frozen=True, kw_only=True):
    """A stretch in which an entry that had been readable was not found."""

    number: int
    began_s: float
    """When the first read began that missed it."""
    ended_s: float
    """When the read ended that found it again, or, if none did, the last one that missed it."""


class Fate(Struct, kw_only=True):
    """What reads have shown of one acknowledged entry."""

    entry: Entry
    acknowledged_s: float
    first_s: float | None = None
    """When the first read ended that gave it back."""
    here: bool = False
    """Whether the last read that was answered gave it back."""
    away_s: float | None = None
    """When the first read began that missed it after others had given it back; None: it isn't away."""
    copies: int = 0
    """How often it was in one answer, at most."""


class Accounts:
    """Everything that was written and read in one run."""

    def __init__(self, *, window_s: int, began_s: float, settles_s: float = 0.0) -> None:
        """Open the accounts.

        Args:
            window_s: One read returns the entries of so many seconds.
            began_s: When the run began.
            settles_s: A read that began no later than this after an acknowledgement may miss the entry,
                though one before has shown it: see `Entries.settles_s`.
        """
        self._window_s, self._settles_s = window_s, settles_s
        self._pages: dict[Page, list[Fate]] = {}
        self._last_misses: dict[int, float] = {}
        self.began_s = began_s
        self.phases: list[tuple[str, float]] = [("run", began_s)]
        self.writes: list[Write] = []
        self.reads: list[Read] = []
        self.fates: dict[int, Fate] = {}
        self.unasked: set[int] = set()
        """Entries that were read although they were never acknowledged."""
        self._gaps: list[Gap] = []

    def phase(self, name: str, at_s: float) -> None:
        """Count what happens from now on under this name."""
        self.phases.append((name, at_s))

    def wrote(self, write: Write) -> None:
        """Take a write down; raises ValueError when its entry was acknowledged before."""
        number = write.entry.number
        if write.outcome is Outcome.ACKNOWLEDGED:
            if number in self.fates:
                raise ValueError(f"cannot take entry {number} down: it was already acknowledged")
            self.fates[number] = Fate(entry=write.entry, acknowledged_s=write.ended_s)
            self._pages.setdefault(self._page(write), []).append(self.fates[number])
            self.unasked.discard(number)
        self.writes.append(write)

    def pages(self) -> tuple[Page, ...]:
        """List the reads that together return everything that was acknowledged, the oldest first."""
        return tuple(sorted(self._pages))

    def answered(self, page: Page, found: Mapping[int, int], *, began_s: float, ended_s: float) -> None:
        """Take down what a read of a page gave back: entry to how often it is there.

        It says nothing of what was acknowledged only after it began.
        """
        self.reads.append(Read(began_s=began_s, ended_s=ended_s))
        for fate in self._pages.get(page, ()):
            copies = found.get(fate.entry.number, 0)
            if copies:
                self._seen(fate, copies, ended_s)
            elif fate.acknowledged_s <= began_s:
                self._missed(fate, began_s, ended_s)
        self.unasked.update(number for number in found if number not in self.fates)

    def unanswered(self, why: str, *, began_s: float, ended_s: float) -> None:
        """Take down a read that failed; it says nothing of any entry."""
        self.reads.append(Read(began_s=began_s, ended_s=ended_s, why=why))

    def begin_last_reading(self) -> None:
        """Have everything shown once more: what no read gives back from now on is lost."""
        for fate in self.fates.values():
            fate.here = False

    def complete(self, page: Page) -> bool:
        """Whether the last read of a page that was answered gave back everything acknowledged in it."""
        return all(fate.here for fate in self._pages.get(page, ()))

    def gaps(self) -> tuple[Gap, ...]:
        """List the stretches in which entries were not found again, also those that have not ended."""
        lasting = (
            Gap(number=number, began_s=fate.away_s, ended_s=self._last_misses[number])
            for number, fate in self.fates.items()
            if fate.away_s is not None
        )
        return (*self._gaps, *lasting)

    def _seen(self, fate: Fate, copies: int, at_s: float) -> None:
        if fate.first_s is None:
            fate.first_s = at_s
        if fate.away_s is not None:
            self._gaps.append(Gap(number=fate.entry.number, began_s=fate.away_s, ended_s=at_s))
        fate.here, fate.away_s, fate.copies = True, None, max(fate.copies, copies)

    def _missed(self, fate: Fate, began_s: float, ended_s: float) -> None:
        fate.here = False
        if fate.first_s is not None and began_s >= fate.acknowledged_s + self._settles_s:
            fate.away_s = began_s if fate.away_s is None else fate.away_s
            self._last_misses[fate.entry.number] = ended_s

    def _page(self, write: Write) -> Page:
        second = write.entry.at_ns // 10**9
        start = second - second % self._window_s
        window = Window(run=write.entry.run, start_s=start, end_s=start + self._window_s)
        return Page(window=window, tenant=write.tenant)
