"""Have a unit that stays put what it holds into the object store, while it goes on as ever.

Where entries are to have more copies, those that were written before still have as few as they had, and
readers that count on more don't ask everybody. So before these restart, each unit that keeps data flushes,
one after the other: a process may refuse writes meanwhile. What comes in later has its copies.

As in a drain, no answer is believed: the process's own metrics tell, and then the readers get their time.

Where a process uploads what it holds at its end, that of a restart too, nothing is asked of it: it has
restarted for it (`copies`). Its readers get their time all the same.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from rolecall.core import drain
from rolecall.core.handover import Drain, Handover, Sight
from rolecall.core.routes import Verb


class Step(Struct, frozen=True, kw_only=True):
    """What to do in one cycle of a flush."""

    handover: Handover
    ask: tuple[Verb, ...] = ()
    """Calls to make now."""
    then: Handover = Handover()
    """What to remember instead of `handover` when all calls were answered well."""
    stored: bool = False
    """Whether what it had is in the object store."""
    found: bool = False
    """Whether the readers have had their time, too."""


def advance(way: Drain, seen: Sight, kept: Handover, number: int, *, stored: bool) -> Step:
    """Decide one cycle of the flush `number`; 0: the one that was begun isn't asked for any more.

    `stored` is what the unit has said before of this flush.
    """
    if not number:
        return Step(handover=Handover())
    if kept.flush != number:
        kept = Handover(flush=number)
    if stored or kept.empty_s or not way.flush:
        kept = replace(kept, empty_s=kept.empty_s or seen.now_s)
        found = seen.now_s - kept.empty_s >= (way.found_s if way.flush else way.kept_s)
        return Step(handover=Handover() if found else kept, stored=True, found=found)
    # One that isn't ready reads its log, and has nothing to flush yet.
    if not seen.ready or (not kept.asked_s and seen.now_s - kept.tried_s < drain.AGAIN_S):
        return Step(handover=kept)
    if kept.asked_s > drain.started(seen, otherwise=seen.now_s):
        if not any(drain.counted(seen, way.flushed).values()):
            return Step(handover=replace(kept, empty_s=seen.now_s), stored=True)
        if seen.now_s - kept.tried_s < drain.AGAIN_S:
            return Step(handover=kept)
    tried = replace(kept, tried_s=seen.now_s)
    return Step(handover=tried, ask=way.flush, then=replace(tried, asked_s=seen.now_s, refused=""))
