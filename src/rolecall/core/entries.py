"""Entries: small writes that can be told apart, so that each of them can be looked for afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from rolecall.core.routes import Call

SERIES = 48
"""How many series a run writes to: products share data out by series, so that each unit gets some."""

MOST = 4000
"""Entries that one answer must be able to hold; Loki's `max_entries_limit_per_query` of 5000 is the least
of all products' limits."""


class Entry(Struct, frozen=True, kw_only=True):
    """One write of a run, unlike all others."""

    run: str
    """Sixteen hexadecimal digits that tell the run from all others; the first is not 0."""
    number: int
    """Its number within the run, from 0."""
    series: int
    """Which series it belongs to: 0 to SERIES - 1. Within a series, times only rise."""
    at_ns: int
    """Its time in nanoseconds since 1970."""


class Window(Struct, frozen=True, kw_only=True, order=True):
    """A stretch of time, in whole seconds since 1970, of which all entries of a run are read at once."""

    run: str
    start_s: int
    end_s: int
    """The first second that doesn't belong to it."""


class Entries(Struct, frozen=True, kw_only=True):
    """How a product takes entries in and gives them back."""

    write: Callable[[Entry], Call]
    read: Callable[[Window], Call]
    """The read of a whole window; entries beside the window may be in the answer too."""
    found: Callable[[Window, str], Mapping[int, int]]
    """(window, answer) to the numbers of the entries of the run in it, and how often each is there.

    Raises ValueError, KeyError, IndexError or TypeError when the answer isn't one to that read.
    """
    settles_s: float = 0.0
    """For so many seconds after its acknowledgement some copies may not show an entry yet while others do,
    so that one answer may have it and the next one not."""
