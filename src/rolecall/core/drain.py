"""Let a unit that is to go hand over what it alone holds, step by step (G6).

Nothing is planned: each cycle looks at what was asked of the process and when, at what the process says
that it still holds, and at what an ended process has left on its disk. So a drain that was interrupted
anywhere goes on where it was.

1. The process is asked to take no more writes where it can, and to hand over what it holds. A process
   that was started since has forgotten that, and is asked again.
2. Its own metrics say that nothing is left.
3. The readers get the time they need to find it in the object store; the process still answers for it.
4. The process ends, and hands over at its end what came in meanwhile. What then lies on its disk and in
   no object store brings the process back, and all begins anew.
5. The readers get their time once more, and the unit is drained.

Where a process can't be kept from taking writes, what counts is not what it says but how it ended: it is
asked to end only when it hands over by then, and what it leaves on its disk and in the object store shows
whether it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from rolecall.core import metrics
from rolecall.core.routes import Answer, Verb

_STARTED = "process_start_time_seconds"
"""Every process says when it began, in seconds since the epoch
(prometheus.io/docs/instrumenting/writing_clientlibs, process metrics)."""

_AGAIN_S = 5.0
"""After how long a process that refused, or that still holds something, is asked again."""


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


class Drain(Struct, frozen=True, kw_only=True):
    """How the units of some roles hand over what they hold."""

    roles: tuple[str, ...]
    ask: tuple[Verb, ...] = ()
    """Calls that stop the writes and start the handing over, in order; they may be repeated."""
    undo: tuple[Verb, ...] = ()
    """Calls that take it back, for a unit that stays after all."""
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
    leftovers: Callable[[Disk], tuple[str, ...]] = _nothing
    """What a process that has handed over and ended has left behind nevertheless."""
    stored: Callable[[Disk], tuple[str, ...]] = _nothing
    """Keys that the object store must have by then."""
    folder: str = ""
    """Where these keys are when the object store is a directory."""


class Handover(Struct, frozen=True, kw_only=True):
    """What a unit's host remembers of a drain; times are seconds since the epoch, 0 for never."""

    asked_s: float = 0.0
    """When the process had answered well to all that was asked."""
    tried_s: float = 0.0
    """When it was last asked."""
    refused: str = ""
    """What it answered when it didn't."""
    empty_s: float = 0.0
    """When it was first seen to hold nothing."""
    ended_s: float = 0.0
    """When it was first seen to have ended."""


class Sight(Struct, frozen=True, kw_only=True):
    """What a drain depends on, beside what is remembered."""

    now_s: float
    alive: bool = False
    """Whether the process runs, or is on its way."""
    ready: bool = False
    ending: bool = False
    """Whether it was asked to end, and hasn't yet."""
    metrics: str = ""
    """What the process says of itself, as Prometheus would read it; empty: nothing."""
    disk: Disk = field(default_factory=Disk)
    absent: tuple[str, ...] = ()
    """Keys of `Drain.stored` that the object store doesn't have."""
    blind: str = ""
    """Why the object store can't be looked into; empty: it can."""
    forced: bool = False
    """Whether the administrator accepts the loss of what isn't handed over."""


class Course(StrEnum):
    """What is to become of the process."""

    GO_ON = "go on"
    START = "start"
    END = "end"
    DONE = "done"
    """It has ended, and nobody needs the unit any more."""


class Step(Struct, frozen=True, kw_only=True):
    """What to do in one cycle of a drain."""

    course: Course
    handover: Handover
    ask: tuple[Verb, ...] = ()
    """Calls to make now."""
    then: Handover = Handover()
    """What to remember instead of `handover` when all calls were answered well."""
    waits: str = ""
    """What is left to do or waited for, in one line; empty when the unit is drained."""


def of(drains: Iterable[Drain], roles: Iterable[str]) -> Drain | None:
    """Return how a unit with these roles drains; None when it keeps nothing."""
    own = frozenset(roles)
    return next((drain for drain in drains if own & set(drain.roles)), None)


def advance(drain: Drain | None, seen: Sight, kept: Handover) -> Step:
    """Decide one cycle of a unit that has leave to go."""
    if seen.alive:
        if drain is None or seen.forced or seen.ending:
            return Step(course=Course.END, handover=kept, waits="its process is ending")
        return _serving(drain, seen, kept)
    if drain is None or seen.forced:
        return Step(course=Course.DONE, handover=kept)
    return _ended(drain, seen, kept)


def refusal(verbs: Iterable[Verb], call: Callable[[Verb], Answer]) -> str:
    """Make calls in order, up to the first that is refused; return how, or nothing when all went well."""
    for verb in verbs:
        answer = call(verb)
        if answer.status // 100 != 2:
            said = " ".join(answer.text.split())[:200]
            return f"{verb.method} {verb.path} is answered {answer.status}: {said or 'nothing'}"
    return ""


def take_back(drain: Drain | None, seen: Sight, kept: Handover) -> Step:
    """Decide one cycle of a unit that stays, though it may have been asked to hand over."""
    if drain is None or not kept.tried_s or not drain.undo:
        return Step(course=Course.GO_ON, handover=Handover())
    if not seen.ready or seen.now_s - kept.tried_s < _AGAIN_S:
        return Step(course=Course.GO_ON, handover=kept)
    return Step(course=Course.GO_ON, handover=replace(kept, tried_s=seen.now_s), ask=drain.undo)


def _serving(drain: Drain, seen: Sight, kept: Handover) -> Step:
    """Decide while the process is there."""
    kept = replace(kept, ended_s=0.0)
    if not seen.ready:
        return Step(course=Course.GO_ON, handover=kept, waits="it isn't ready, and holds what it hasn't read")
    if not drain.ask:
        kept = replace(kept, asked_s=seen.now_s)
        return Step(course=Course.END, handover=kept, waits="it hands over at its end")
    if kept.asked_s <= metrics.total(seen.metrics, (_STARTED,), otherwise=seen.now_s):
        return _asking(drain, seen, replace(kept, asked_s=0.0, empty_s=0.0), "it is asked to hand over")
    if not kept.empty_s and (left := _left(drain, seen)):
        return _asking(drain, seen, kept, f"it is handing over: {left}")
    kept = replace(kept, empty_s=kept.empty_s or seen.now_s)
    if seen.now_s - kept.empty_s < drain.found_s:
        waits = f"it has handed over; readers find it within {drain.found_s} s"
        return Step(course=Course.GO_ON, handover=kept, waits=waits)
    return Step(course=Course.END, handover=kept, waits="its process is ending")


def _asking(drain: Drain, seen: Sight, kept: Handover, waits: str) -> Step:
    """Ask a process, unless that was done a moment ago."""
    if seen.now_s - kept.tried_s < _AGAIN_S:
        return Step(course=Course.GO_ON, handover=kept, waits=kept.refused or waits)
    kept = replace(kept, tried_s=seen.now_s)
    return Step(
        course=Course.GO_ON,
        handover=kept,
        ask=drain.ask,
        then=replace(kept, asked_s=seen.now_s, refused=""),
        waits=kept.refused or waits,
    )


def _left(drain: Drain, seen: Sight) -> str:
    """Say what a process still holds; empty when it holds nothing."""
    counts = {name: metrics.total(seen.metrics, (name,), otherwise=math.inf) for name in drain.held}
    if math.inf in counts.values():
        return "its metrics can't be read"
    if unsent := drain.unsent(seen.disk):
        return f"{unsent[0]} isn't in the object store yet"
    return ", ".join(drain.held[name].format(count=f"{count:g}") for name, count in counts.items() if count)


def _ended(drain: Drain, seen: Sight, kept: Handover) -> Step:
    """Decide once there is no process."""
    left = _left_behind(drain, seen, kept)
    if len(left) > 0:
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        return Step(
            course=Course.START,
            handover=Handover(),
            waits=f"its disk holds what is in no object store ({left[0]}{more}): it is started again",
        )
    if seen.blind:
        waits = f"whether it has handed over can't be seen: {seen.blind}"
        return Step(course=Course.END, handover=kept, waits=waits)
    kept = replace(kept, ended_s=kept.ended_s or seen.now_s)
    if kept.asked_s and seen.now_s - kept.ended_s < drain.kept_s:
        waits = f"it has ended; readers find the last of it within {drain.kept_s} s"
        return Step(course=Course.END, handover=kept, waits=waits)
    return Step(course=Course.DONE, handover=kept)


def _left_behind(drain: Drain, seen: Sight, kept: Handover) -> tuple[str, ...]:
    """List what an ended process has left that is in no object store, as far as can be told."""
    if kept.asked_s and (kept.empty_s or not drain.held):
        return (*drain.leftovers(seen.disk), *seen.absent)
    files = sorted(seen.disk.sizes.items())
    return tuple(path for path, size in files if size and path.startswith(drain.data))
