"""What a drain depends on: how a product hands over, what was asked of a unit, and what its host sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct, field

from rolecall.core.gossip import Entry
from rolecall.core.routes import Verb

METRICS = "/metrics"
"""Where every product's process says how it is."""
CALL_S = 120.0
"""How long a call that hands over may take: some answer only when all is handed over."""


class Disk(Struct, frozen=True, kw_only=True):
    """What lies beneath a unit's data; paths are relative to it."""

    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    """Every file to its size in bytes."""
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    """The files that `Drain.notes` names, to their texts."""


def _nothing(_: Disk) -> tuple[str, ...]:
    return ()


def _no_calls(_: Disk) -> tuple[Verb, ...]:
    return ()


class Drain(Struct, frozen=True, kw_only=True):
    """How the units of some roles hand over what they hold."""

    roles: tuple[str, ...]
    open: Callable[[Disk], tuple[Verb, ...]] = _no_calls
    """Calls without which a process that has started again leaves what lies on its disk alone; they may be
    repeated."""
    stop: tuple[Verb, ...] = ()
    """Calls that stop the writes, in order; they may be repeated."""
    ask: tuple[Verb, ...] = ()
    """Calls that start the handing over once the others have heard of it, in order; they may be repeated."""
    leave: tuple[Verb, ...] = ()
    """Calls after which the others ask a process for nothing more, although it still answers; it can't go on
    from there."""
    flush: tuple[Verb, ...] = ()
    """Calls that put what a process holds into the object store while it goes on as ever; none: there is no
    such call."""
    uploads_at_end: bool = False
    """Whether each end of a process, that of a restart too, puts what it holds into the object store."""
    flushed: tuple[str, ...] = ()
    """Those of `held` that are 0 once that is done, although more comes in."""
    undo: tuple[Verb, ...] = ()
    """Calls that take it back, for a unit that stays after all."""
    ring: str = ""
    """Name, in the units' gossip, of the ring by which writes come to a unit that no call keeps from taking
    them: its tokens there are taken away first."""
    held: Mapping[str, str] = field(default_factory=dict[str, str])
    """Metrics of the process that are all 0 once nothing is left, each with how to say that it isn't:
    `{count}` is its value."""
    found_s: int = 0
    """How long readers may take, while the process still answers, to find what was handed over."""
    kept_s: int = 0
    """How long they may take to find what was handed over at the process's end."""
    data: tuple[str, ...] = ()
    """Where beneath a unit's data a process keeps what may be in no object store, should it not have handed
    it over."""
    notes: tuple[str, ...] = ()
    """Names of small files there in which a process says what it has handed over."""
    unsent: Callable[[Disk], tuple[str, ...]] = _nothing
    """What a process that was asked has yet to hand over, by its disk; beside `held`."""
    unready: Callable[[Disk], tuple[str, ...]] = _nothing
    """The same, before it is ready to be handed over. Only who gets no more writes ever has none."""
    leftovers: Callable[[Disk], tuple[str, ...]] = _nothing
    """What a process that has handed over and ended has left behind nevertheless."""
    stored: Callable[[Disk], tuple[str, ...]] = _nothing
    """Keys that the object store must have by then."""
    folder: str = ""
    """Where these keys are when the object store is a directory."""
    reads_only: tuple[str, ...] = ()
    """More arguments, with which a process that has handed over at its end goes on for readers only: it joins
    its ring without tokens. Empty: it just ends."""
    unfinished: Callable[[Disk], tuple[str, ...]] = _nothing
    """What shows on its disk, while it goes on, that the end before wasn't a whole one."""

    @property
    def can_stay(self) -> bool:
        """Whether a unit can have all that it holds in the object store without going."""
        return bool(self.flush) or self.uploads_at_end


def way_of(drains: Iterable[Drain], roles: Iterable[str]) -> Drain | None:
    """Return how a unit with these roles drains; None when it keeps nothing."""
    own = frozenset(roles)
    return next((drain for drain in drains if own & set(drain.roles)), None)


class Handover(Struct, frozen=True, kw_only=True):
    """What a unit's host remembers of a drain; times are seconds since the epoch, 0 for never."""

    flush: int = 0
    """What a flush is called that it goes through while it stays; 0: it is a drain."""
    told_s: float = 0.0
    """When it was told, and in its gossip, that it gets no more writes."""
    asked_s: float = 0.0
    """When the process had answered well to all that was asked."""
    tried_s: float = 0.0
    """When it was last asked."""
    refused: str = ""
    """What it answered when it didn't."""
    empty_s: float = 0.0
    """When it was first seen to hold nothing."""
    ended_s: float = 0.0
    """When it was first seen to have ended, and to have left nothing behind."""
    parted_s: float = 0.0
    """When the process was told to leave its rings, while it still answered."""
    entry: Entry | None = None
    """What the unit had in its ring before it was asked."""
    started_s: float = 0.0
    """When the process had started that was to end, and to come back for readers only."""
    found: tuple[str, ...] = ()
    """Keys that were seen in the object store: a compactor may have taken them away since."""


class Sight(Struct, frozen=True, kw_only=True):
    """What a drain depends on, beside what is remembered."""

    now_s: float
    alive: bool = False
    """Whether the process runs, or is on its way."""
    ready: bool = False
    ending: bool = False
    """Whether it was asked to end, and hasn't yet."""
    reads_only: bool = False
    """Whether it was asked to end and to come back for readers only."""
    unit: str = ""
    """What it is called in its ring."""
    ring: str = ""
    """The ring as the process shows it in its gossip; empty: it doesn't."""
    metrics: str = ""
    """What the process says of itself, as Prometheus would read it; empty: nothing."""
    disk: Disk = field(default_factory=Disk)
    absent: tuple[str, ...] = ()
    """Keys of `Drain.stored`, less `Handover.found`, that the object store doesn't have."""
    blind: str = ""
    """Why the object store can't be looked into; empty: it can."""
    forced: bool = False
    """Whether the administrator accepts the loss of what isn't handed over."""
