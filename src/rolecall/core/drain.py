"""Let a unit that is to go hand over what it alone holds, step by step (G6).

Nothing is planned: each cycle looks at what was asked of the process and when, at what the process says
that it still holds, and at what an ended process has left on its disk. So a drain that was interrupted
anywhere goes on where it was.

1. The process is told to take no more writes where it can be, and once the others have heard of it, it is
   asked to hand over what it holds. A process that was started since has forgotten that: it is told again.
2. Its own metrics say that nothing is left.
3. The readers get the time they need to find it in the object store; the process still answers for it.
4. The process leaves its rings where it can while it still answers, so that nobody asks it in the moment of
   its end. It ends, and hands over at its end what came in meanwhile. What then lies on its disk and in no
   object store brings the process back, and all begins anew.
5. The readers get their time once more, and the unit is drained.

Where a process hands over at its end only, it comes back at once, and answers for what it has handed over
until the readers have found that (`Drain.reads_only`); it gets no writes any more. So 5 comes before 4.

Where a process can't be kept from taking writes, what counts is not what it says but how it ended: it is
asked to end only when it hands over by then, and what it leaves on its disk and in the object store shows
whether it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from enum import Enum, auto

from msgspec import Struct
from msgspec.structs import replace

from rolecall.core import gossip, metrics
from rolecall.core.gossip import Entry
from rolecall.core.handover import Drain, Handover, Sight
from rolecall.core.routes import Answer, Verb

_STARTED = "process_start_time_seconds"
"""Every process says when it began, in seconds since the epoch
(prometheus.io/docs/instrumenting/writing_clientlibs, process metrics)."""

AGAIN_S = 5.0
"""After how long a process that refused, or that still holds something, is asked again."""
_HEARD_S = 3.0
"""Within which time all members have heard what one of them was told: they gossip five times a second
(dskit kv/memberlist, gossip_interval)."""
_AWAY_S = 20
"""How long a process may be away that comes back for its readers, before its ring takes it for gone. It may
wait ten seconds before it ends, because its ring doesn't believe it (dskit kv/memberlist, maxCasRetries)."""
_BACK_S = 120.0
"""When it is given up that such a process comes back; what it had is handed over even so."""


class Course(Enum):
    """What is to become of the process."""

    GO_ON = auto()
    START = auto()
    READS_ONLY = auto()
    """It is to end, and to come back for readers only."""
    END = auto()
    DONE = auto()
    """It has ended, and nobody needs the unit any more."""


class Step(Struct, frozen=True, kw_only=True):
    """What to do in one cycle of a drain."""

    course: Course
    handover: Handover
    ask: tuple[Verb, ...] = ()
    """Calls to make now."""
    entry: Entry | None = None
    """What to say of the unit in its gossip before."""
    dated_s: int = 0
    """How that is to be dated, in seconds since the epoch."""
    then: Handover = Handover()
    """What to remember instead of `handover` when all calls were answered well."""
    waits: str = ""
    """What is left to do or waited for, in one line; empty when the unit is drained."""


def advance(drain: Drain | None, seen: Sight, kept: Handover) -> Step:
    """Decide one cycle of a unit that has leave to go."""
    if seen.alive:
        if drain is None or seen.forced or seen.ending:
            return _ending(kept)
        if kept.parted_s > started(seen, otherwise=0.0):
            return _parting(drain, seen, kept) or _ending(kept)
        return _reading(drain, seen, kept) if seen.reads_only else _serving(drain, seen, kept)
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
    if drain is None or not kept.tried_s or not (drain.undo or kept.entry):
        return Step(course=Course.GO_ON, handover=Handover())
    # The process that left its rings has ended: the next one is in them.
    kept = kept if seen.alive else replace(kept, parted_s=0.0)
    if not seen.ready or seen.now_s - kept.tried_s < AGAIN_S:
        return Step(course=Course.GO_ON, handover=kept)
    return Step(
        course=Course.GO_ON,
        handover=replace(kept, tried_s=seen.now_s),
        ask=drain.undo,
        entry=kept.entry,
        dated_s=int(seen.now_s) + _AWAY_S + 1,
    )


def _serving(drain: Drain, seen: Sight, kept: Handover) -> Step:
    """Decide while the process is there."""
    kept = replace(kept, ended_s=0.0, started_s=0.0, found=())
    if not seen.ready:
        return Step(course=Course.GO_ON, handover=kept, waits="it isn't ready, and holds what it hasn't read")
    if not drain.stop and not drain.ask and not drain.ring:
        return _end(drain, seen, replace(kept, asked_s=seen.now_s), "it hands over at its end")
    began = started(seen, otherwise=seen.now_s)
    if kept.asked_s > began:
        return _asked(drain, seen, kept)
    kept = replace(kept, asked_s=0.0, empty_s=0.0, parted_s=0.0)
    if kept.told_s <= began:
        return _telling(drain, seen, replace(kept, told_s=0.0))
    if seen.now_s - kept.told_s < _HEARD_S:
        return Step(course=Course.GO_ON, handover=kept, waits="the others hear that it takes no more writes")
    return _first_asking(drain, seen, kept)


def _first_asking(drain: Drain, seen: Sight, kept: Handover) -> Step:
    if drain.ask:
        return _asking(drain, seen, kept, "it is asked to hand over")
    return _asked(drain, seen, replace(kept, asked_s=seen.now_s))


def _telling(drain: Drain, seen: Sight, kept: Handover) -> Step:
    """Have a process get no more writes, unless that was tried a moment ago or there is no way."""
    waits = "it is told to take no more writes"
    if _soon(seen, kept):
        return Step(course=Course.GO_ON, handover=kept, waits=kept.refused or waits)
    entry = kept.entry or gossip.entry_of(seen.ring, seen.unit)
    kept = replace(kept, entry=entry)
    quiet = _quiet(seen, kept)
    calls = (*drain.open(seen.disk), *drain.stop)
    if not calls and quiet is None:
        return _first_asking(drain, seen, kept)
    kept = replace(kept, tried_s=seen.now_s)
    return Step(
        course=Course.GO_ON,
        handover=kept,
        ask=calls,
        entry=quiet,
        dated_s=int(seen.now_s) + 1,
        then=replace(kept, told_s=seen.now_s, refused=""),
        waits=kept.refused or waits,
    )


def _asked(drain: Drain, seen: Sight, kept: Handover) -> Step:
    """Decide while a process that was asked is handing over."""
    if not kept.empty_s and (left := _left(drain, seen, kept)):
        return _asking(drain, seen, kept, f"it is handing over: {left}")
    kept = replace(kept, empty_s=kept.empty_s or seen.now_s)
    if seen.now_s - kept.empty_s < drain.found_s:
        waits = f"it has handed over; readers find it within {drain.found_s} s"
        return Step(course=Course.GO_ON, handover=kept, waits=waits)
    return _end(drain, seen, kept, "its process is ending")


def started(seen: Sight, *, otherwise: float) -> float:
    """Return when a process says that it began, in seconds since the epoch."""
    return metrics.total(seen.metrics, (_STARTED,), otherwise=otherwise)


def _end(drain: Drain, seen: Sight, kept: Handover, waits: str) -> Step:
    """Have a process end that has handed over as far as it can, and come back if it is still needed."""
    if not drain.reads_only:
        return _parting(drain, seen, kept) or Step(course=Course.END, handover=kept, waits=waits)
    kept = replace(kept, started_s=started(seen, otherwise=0.0))
    entry = _quiet(seen, kept)
    return Step(
        course=Course.READS_ONLY,
        handover=kept,
        entry=entry,
        dated_s=int(seen.now_s) + _AWAY_S,
        then=kept,
        waits="its process ends, and comes back for readers only",
    )


def _parting(drain: Drain, seen: Sight, kept: Handover) -> Step | None:
    """Have a process leave its rings; None once the others have heard of that, or where it can't."""
    heard = kept.parted_s and seen.now_s - kept.parted_s >= _HEARD_S
    if heard or not drain.leave:
        return None
    ask = () if kept.parted_s else drain.leave
    # Refused or not, it ends then.
    kept = replace(kept, parted_s=kept.parted_s or seen.now_s)
    waits = "the others hear that it is gone"
    return Step(course=Course.GO_ON, handover=kept, ask=ask, then=kept, waits=waits)


def _ending(kept: Handover) -> Step:
    return Step(course=Course.END, handover=kept, waits="its process is ending")


def _quiet(seen: Sight, kept: Handover) -> Entry | None:
    """Return the unit's entry in its ring as it gets no writes; None where nothing can be said of it."""
    token = gossip.spare(seen.ring, seen.unit)
    return replace(kept.entry, tokens=(token,)) if kept.entry and token is not None else None


def _reading(drain: Drain, seen: Sight, kept: Handover) -> Step:
    """Decide while a process is on its way to go on for readers only, or does."""
    if started(seen, otherwise=0.0) in {0.0, kept.started_s}:
        if seen.now_s - kept.asked_s > _BACK_S:
            return _ending(kept)
        waits = "its process ends, and comes back for readers only"
        return Step(course=Course.READS_ONLY, handover=kept, then=kept, waits=waits)
    if left := drain.unfinished(seen.disk):
        return _brought_back(left, kept)
    kept = replace(kept, found=_found(drain, seen, kept))
    if seen.blind or seen.absent:
        waits = seen.blind or f"it is handing over: {seen.absent[0]} isn't in the object store yet"
        return Step(course=Course.READS_ONLY, handover=kept, waits=waits)
    kept = replace(kept, ended_s=kept.ended_s or seen.now_s)
    if seen.now_s - kept.ended_s < drain.kept_s:
        waits = f"it has handed over; readers find the last of it within {drain.kept_s} s"
        return Step(course=Course.READS_ONLY, handover=kept, waits=waits)
    return _ending(kept)


def _found(drain: Drain, seen: Sight, kept: Handover) -> tuple[str, ...]:
    """List the keys that are, or were, in the object store."""
    if seen.blind:
        return kept.found
    return tuple(sorted({*kept.found, *drain.stored(seen.disk)} - {*seen.absent}))


def counted(seen: Sight, names: Iterable[str]) -> dict[str, float]:
    """Return what a process says of each of these metrics; infinity: it doesn't."""
    return {name: metrics.total(seen.metrics, (name,), otherwise=math.inf) for name in names}


def _soon(seen: Sight, kept: Handover) -> bool:
    """Whether something was tried in vain a moment ago."""
    return kept.tried_s > kept.told_s and seen.now_s - kept.tried_s < AGAIN_S


def _asking(drain: Drain, seen: Sight, kept: Handover, waits: str) -> Step:
    """Ask a process, unless that was done a moment ago."""
    if _soon(seen, kept):
        return Step(course=Course.GO_ON, handover=kept, waits=kept.refused or waits)
    kept = replace(kept, tried_s=seen.now_s)
    return Step(
        course=Course.GO_ON,
        handover=kept,
        ask=drain.ask,
        then=replace(kept, asked_s=seen.now_s, refused=""),
        waits=kept.refused or waits,
    )


def _left(drain: Drain, seen: Sight, kept: Handover) -> str:
    """Say what a process still holds; empty when it holds nothing."""
    counts = counted(seen, drain.held)
    if math.inf in counts.values():
        return "its metrics can't be read"
    if unsent := (*drain.unsent(seen.disk), *(drain.unready(seen.disk) if kept.told_s else ())):
        return f"{unsent[0]} isn't in the object store yet"
    return ", ".join(drain.held[name].format(count=f"{count:g}") for name, count in counts.items() if count)


def _ended(drain: Drain, seen: Sight, kept: Handover) -> Step:
    """Decide once there is no process."""
    left = _left_behind(drain, seen, kept)
    if left:
        return _brought_back(left, kept)
    if seen.blind:
        waits = f"whether it has handed over can't be seen: {seen.blind}"
        return Step(course=Course.END, handover=kept, waits=waits)
    kept = replace(kept, ended_s=kept.ended_s or seen.now_s, found=_found(drain, seen, kept))
    if kept.asked_s and seen.now_s - kept.ended_s < drain.kept_s:
        waits = f"it has ended; readers find the last of it within {drain.kept_s} s"
        return Step(course=Course.END, handover=kept, waits=waits)
    return Step(course=Course.DONE, handover=kept)


def _brought_back(left: tuple[str, ...], kept: Handover) -> Step:
    """Have a process start again that has left something behind; all begins anew."""
    first, *others = left
    more = f" and {len(others)} more" if others else ""
    return Step(
        course=Course.START,
        handover=Handover(entry=kept.entry),
        waits=f"its disk holds what is in no object store ({first}{more}): it is started again",
    )


def _left_behind(drain: Drain, seen: Sight, kept: Handover) -> tuple[str, ...]:
    """List what an ended process has left that is in no object store, as far as can be told."""
    if kept.asked_s and (kept.empty_s or not drain.held):
        return (*drain.leftovers(seen.disk), *seen.absent)
    files = sorted(seen.disk.sizes.items())
    return tuple(path for path, size in files if size and path.startswith(drain.data))
