"""Whole steps of a drain, to the letter: what becomes of the process, what is asked, kept and said."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rolecall.core.drain import Course, Step, advance, refusal, take_back
from rolecall.core.handover import Disk, Drain, Handover, Sight, way_of
from rolecall.core.routes import Answer, Verb

READ_ONLY = Verb(method="POST", path="/read-only", roles=("ingester",))
FLUSH = Verb(method="POST", path="/flush", roles=("ingester",))
UNDO = Verb(method="DELETE", path="/read-only", roles=("ingester",))


def unsent(disk: Disk) -> tuple[str, ...]:
    return tuple(sorted(path for path in disk.sizes if path.startswith("unsent/")))


def nothing(_: Disk) -> tuple[str, ...]:
    return ()


KEEPS = Drain(
    roles=("ingester",),
    stop=(READ_ONLY,),
    ask=(FLUSH,),
    undo=(UNDO,),
    held={"series": "{count} series are left", "blocks": "{count} blocks are left"},
    found_s=60,
    kept_s=10,
    data=("wal/",),
    unsent=unsent,
    leftovers=unsent,
)
AT_ITS_END = Drain(roles=("ingester",), kept_s=10, data=("wal/",), leftovers=unsent)
NO = "POST /flush is answered 500: no"
TOLD = Handover(told_s=97, tried_s=97)
ASKED = Handover(told_s=97, asked_s=100, tried_s=100, refused=NO)


def alive(now_s: float, *lines: str, **changes: object) -> Sight:
    text = "\n".join(("process_start_time_seconds 50", *lines))
    return replace(Sight(now_s=now_s, alive=True, ready=True, metrics=text), **changes)


def going_on(kept: Handover, waits: str) -> Step:
    return Step(course=Course.GO_ON, handover=kept, waits=waits)


def telling(kept: Handover, now_s: float, waits: str) -> Step:
    """Return the step that stops the writes: what is kept counts from then on only if it is answered well."""
    kept = replace(kept, tried_s=now_s)
    return Step(
        course=Course.GO_ON,
        handover=kept,
        ask=(READ_ONLY,),
        dated_s=int(now_s) + 1,
        then=replace(kept, told_s=now_s, refused=""),
        waits=waits,
    )


def asking(kept: Handover, now_s: float, waits: str) -> Step:
    """Return the step that asks: likewise."""
    kept = replace(kept, tried_s=now_s)
    answered = replace(kept, asked_s=now_s, refused="")
    return Step(course=Course.GO_ON, handover=kept, ask=(FLUSH,), then=answered, waits=waits)


def test_what_a_unit_says_before_it_is_asked():
    """A process that says nothing of when it began is told, too: it may have begun a moment ago."""
    waits = "it is told to take no more writes"
    assert advance(KEEPS, alive(97), Handover()) == telling(Handover(), 97, waits)
    silent = replace(alive(500), metrics="")
    forgotten = Handover(tried_s=100, refused=NO)
    assert advance(KEEPS, silent, ASKED) == telling(forgotten, 500, NO)


def test_one_that_was_told_in_vain_is_told_again_after_a_while():
    waits = "it is told to take no more writes"
    tried = Handover(tried_s=97)
    assert advance(KEEPS, alive(101.5), tried) == going_on(tried, waits)
    assert advance(KEEPS, alive(102), tried) == telling(tried, 102, waits)


def test_one_that_can_only_be_told_is_told():
    """That it holds nothing by itself is true only of who hands over at its end."""
    drain = replace(AT_ITS_END, stop=(READ_ONLY,))
    waits = "it is told to take no more writes"
    assert advance(drain, alive(97), Handover()) == telling(Handover(), 97, waits)


def test_it_is_asked_once_the_others_have_heard():
    """What comes in until then would be missing from what is handed over."""
    assert advance(KEEPS, alive(99.5), TOLD) == going_on(TOLD, "the others hear that it takes no more writes")
    assert advance(KEEPS, alive(100), TOLD) == asking(TOLD, 100, "it is asked to hand over")


def test_who_cannot_be_told_is_asked_at_once():
    """And again after a while."""
    untold = replace(KEEPS, stop=())
    step = asking(Handover(), 100, "it is asked to hand over")
    assert advance(untold, alive(100), Handover()) == step
    refused = replace(step.handover, refused=NO)
    assert advance(untold, alive(104.5), refused) == going_on(refused, NO)
    assert advance(untold, alive(105), refused) == asking(refused, 105, NO)


def test_a_process_that_began_as_it_was_told_or_asked_is_told_anew():
    """It is the one that began after, for all that is known."""
    kept = Handover(told_s=97, asked_s=100, tried_s=100, empty_s=101, ended_s=102)
    waits = "it is told to take no more writes"
    began = replace(alive(200), metrics="process_start_time_seconds 100")
    assert advance(KEEPS, began, kept) == telling(Handover(tried_s=100), 200, waits)
    began = replace(alive(200), metrics="process_start_time_seconds 97")
    assert advance(KEEPS, began, TOLD) == telling(Handover(tried_s=97), 200, waits)


@pytest.mark.parametrize(
    ("lines", "files", "left"),
    [
        (("series 2", "blocks 0"), {}, "2 series are left"),
        (("series 0", "blocks 1"), {}, "1 blocks are left"),
        (("series 2.5", "blocks 1"), {}, "2.5 series are left, 1 blocks are left"),
        (("series 0", "blocks 0"), {"unsent/b": 1, "unsent/a": 1}, "unsent/a isn't in the object store yet"),
        (("series 3",), {"unsent/a": 1}, "its metrics can't be read"),
        (("blocks 0",), {}, "its metrics can't be read"),
    ],
)
def test_what_is_left_is_said(lines: tuple[str, ...], files: dict[str, int], left: str):
    """It is asked once more when a while has passed."""
    kept = replace(ASKED, refused="")
    sight = alive(104.5, *lines, disk=Disk(sizes=files))
    assert advance(KEEPS, sight, kept) == going_on(kept, f"it is handing over: {left}")
    later = replace(sight, now_s=105)
    assert advance(KEEPS, later, kept) == asking(kept, 105, f"it is handing over: {left}")


def test_what_is_not_ready_to_be_handed_over_counts_once_no_more_writes_come():
    """Without an end of the writes there would always be something."""
    drain = replace(KEEPS, held={}, unsent=nothing, unready=unsent)
    sight = alive(101, disk=Disk(sizes={"unsent/a": 1}))
    told = replace(ASKED, refused="")
    waits = "it is handing over: unsent/a isn't in the object store yet"
    assert advance(drain, sight, told) == going_on(told, waits)
    untold = replace(told, told_s=0)
    waits = "it has handed over; readers find it within 60 s"
    assert advance(replace(drain, stop=()), sight, untold) == going_on(replace(untold, empty_s=101), waits)


def test_what_was_refused_is_said_until_it_is_answered_well():
    kept = replace(ASKED, asked_s=0)
    assert advance(KEEPS, alive(104.5), kept) == going_on(kept, NO)
    assert advance(KEEPS, alive(105), kept) == asking(kept, 105, NO)
    kept = Handover(tried_s=100, refused=NO)
    assert advance(KEEPS, alive(104.5), kept) == going_on(kept, NO)
    assert advance(KEEPS, alive(105), kept) == telling(kept, 105, NO)


def test_what_has_been_handed_over_is_found_before_the_process_ends():
    """Its time counts from when it was first seen to hold nothing."""
    empty = ("series 0", "blocks 0")
    kept = replace(ASKED, empty_s=110)
    waits = "it has handed over; readers find it within 60 s"
    assert advance(KEEPS, alive(110, *empty), ASKED) == going_on(kept, waits)
    assert advance(KEEPS, alive(169.5), kept) == going_on(kept, waits)
    assert advance(KEEPS, alive(170), kept) == Step(
        course=Course.END, handover=kept, waits="its process is ending"
    )


def test_a_process_that_came_back_has_not_ended():
    """What was seen of its end, or of its being there for readers only, holds no longer."""
    kept = replace(ASKED, empty_s=110)
    ended = replace(kept, ended_s=120, started_s=50, found=("index/1.gz",))
    assert advance(KEEPS, alive(130), ended).handover == kept


def test_one_that_is_not_ready_is_left_in_peace():
    sight = alive(130, ready=False)
    waits = "it isn't ready, and holds what it hasn't read"
    assert advance(KEEPS, sight, ASKED) == going_on(ASKED, waits)


def test_one_that_hands_over_at_its_end():
    """That it was asked is true from the moment in which it was sent to its end."""
    kept = Handover(asked_s=100)
    waits = "it hands over at its end"
    step = advance(AT_ITS_END, alive(100), Handover())
    assert step == Step(course=Course.END, handover=kept, waits=waits)
    found = replace(kept, ended_s=101)
    waits = "it has ended; readers find the last of it within 10 s"
    ended = Sight(now_s=101, disk=Disk(sizes={"wal/1": 3}))
    assert advance(AT_ITS_END, ended, kept) == Step(course=Course.END, handover=found, waits=waits)
    late = replace(ended, now_s=111)
    assert advance(AT_ITS_END, late, found) == Step(course=Course.DONE, handover=found)


@pytest.mark.parametrize(
    ("files", "absent", "named"),
    [
        (("unsent/1",), (), "unsent/1"),
        (("unsent/1", "unsent/2"), (), "unsent/1 and 1 more"),
        (("unsent/1",), ("a", "b"), "unsent/1 and 2 more"),
        ((), ("a",), "a"),
    ],
)
def test_what_was_left_behind_is_named(files: tuple[str, ...], absent: tuple[str, ...], named: str):
    sight = Sight(now_s=200, disk=Disk(sizes=dict.fromkeys(files, 1)), absent=absent)
    assert advance(KEEPS, sight, replace(ASKED, empty_s=110)) == Step(
        course=Course.START,
        handover=Handover(),
        waits=f"its disk holds what is in no object store ({named}): it is started again",
    )


@pytest.mark.parametrize("kept", [replace(ASKED, empty_s=0), Handover(empty_s=110)])
def test_all_that_one_has_counts_unless_it_was_asked_and_held_nothing(kept: Handover):
    """It is listed in the order of the names, whatever order the disk lists it in (G2)."""
    sizes = {"wal/2": 1, "other": 1, "wal/1": 1, "wal/0": 0}
    step = advance(KEEPS, Sight(now_s=200, disk=Disk(sizes=sizes)), kept)
    assert (step.course, "(wal/1 and 1 more)" in step.waits) == (Course.START, True)


def test_one_that_never_held_anything_waits_for_nobody():
    kept = Handover(ended_s=100)
    assert advance(KEEPS, Sight(now_s=100), Handover()) == Step(course=Course.DONE, handover=kept)


def test_one_that_has_to_be_found_by_nobody_goes_at_once():
    drain = Drain(roles=("ingester",))
    ending = Step(course=Course.END, handover=Handover(asked_s=100), waits="it hands over at its end")
    assert advance(drain, alive(100), Handover()) == ending
    assert advance(drain, Sight(now_s=100), ending.handover).course is Course.DONE


def test_what_was_not_looked_at_is_not_there():
    """Neither a process, nor anything that it says."""
    nothing = Sight(now_s=1, alive=False, ready=False, unit="", ring="", metrics="", absent=(), blind="")
    assert Sight(now_s=1) == nothing
    assert Drain(roles=()).folder == ""


def test_what_cannot_be_seen_keeps_the_unit():
    kept = replace(ASKED, empty_s=110)
    step = advance(KEEPS, Sight(now_s=200, blind="no route"), kept)
    waits = "whether it has handed over can't be seen: no route"
    assert step == Step(course=Course.END, handover=kept, waits=waits)


@pytest.mark.parametrize("drain", [None, KEEPS])
@pytest.mark.parametrize("way", ["forced", "ending"])
def test_one_that_ends_anyway(drain: Drain | None, way: str):
    step = advance(drain, alive(100, **{way: True}), ASKED)
    assert step == Step(course=Course.END, handover=ASKED, waits="its process is ending")


def test_what_was_asked_is_taken_back_when_a_while_has_passed():
    ready = alive(110)
    kept = replace(ASKED, tried_s=110)
    assert take_back(KEEPS, ready, ASKED) == Step(
        course=Course.GO_ON, handover=kept, ask=(UNDO,), dated_s=131
    )
    assert take_back(KEEPS, replace(ready, now_s=114.5), kept) == Step(course=Course.GO_ON, handover=kept)
    asked = take_back(KEEPS, replace(ready, now_s=115), kept)
    assert asked == Step(course=Course.GO_ON, handover=replace(kept, tried_s=115), ask=(UNDO,), dated_s=136)


def test_whose_way_it_is():
    """The first that has one of the roles."""
    other = Drain(roles=("compactor", "ingester"))
    assert way_of((KEEPS, other), ("querier", "ingester")) is KEEPS
    assert way_of((KEEPS, other), ("compactor",)) is other
    assert way_of((KEEPS, other), ("querier",)) is None


@pytest.mark.parametrize(
    ("answers", "told", "calls"),
    [
        ((Answer(200, ""), Answer(204, "")), "", 2),
        ((Answer(200, ""), Answer(500, " no\n  store ")), "POST /flush is answered 500: no store", 2),
        ((Answer(302, ""), Answer(200, "")), "POST /read-only is answered 302: nothing", 1),
        ((Answer(0, "x" * 300),), f"POST /read-only is answered 0: {'x' * 200}", 1),
    ],
)
def test_calls_are_made_up_to_the_first_that_is_refused(answers: tuple[Answer, ...], told: str, calls: int):
    made: list[Verb] = []

    def call(verb: Verb) -> Answer:
        made.append(verb)
        return answers[len(made) - 1]

    assert refusal((READ_ONLY, FLUSH), call) == told
    assert made == [READ_ONLY, FLUSH][:calls]
