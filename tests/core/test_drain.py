"""The steps of a drain (G6)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rolecall.core.drain import Course, Step, advance, take_back
from rolecall.core.handover import Disk, Drain, Handover, Sight
from rolecall.core.routes import Verb

FLUSH = Verb(method="POST", path="/flush", roles=("ingester",))
UNDO = Verb(method="DELETE", path="/flush", roles=("ingester",))


def unsent(disk: Disk) -> tuple[str, ...]:
    return tuple(sorted(path for path in disk.sizes if path.startswith("wal/")))


KEEPS = Drain(
    roles=("ingester",),
    ask=(FLUSH,),
    undo=(UNDO,),
    held={"series": "{count} series are left"},
    found_s=60,
    kept_s=10,
    data=("wal/", "blocks/"),
    leftovers=unsent,
)


def alive(now_s: float, *, series: float | None = None, born: float = 50.0, ready: bool = True) -> Sight:
    lines = [f"process_start_time_seconds {born}"]
    lines += [] if series is None else [f"series {series}"]
    return Sight(now_s=now_s, alive=True, ready=ready, metrics="\n".join(lines))


def asked(step: Step, refusal: str = "") -> Handover:
    assert step.ask == (FLUSH,)
    return replace(step.handover, refused=refusal) if refusal else step.then


def test_a_drain_from_its_beginning_to_its_end():
    """It is asked, holds nothing, gives readers their time, ends, gives them time again, and is done."""
    step = advance(KEEPS, alive(100, series=5), Handover())
    assert (step.course, step.waits) == (Course.GO_ON, "it is asked to hand over")
    kept = asked(step)

    step = advance(KEEPS, alive(102, series=2), kept)
    assert (step.course, step.ask, step.waits) == (Course.GO_ON, (), "it is handing over: 2 series are left")

    step = advance(KEEPS, alive(103, series=0), step.handover)
    assert step.course is Course.GO_ON
    assert "readers find it within 60 s" in step.waits
    # What comes in meanwhile is handed over at the end.
    step = advance(KEEPS, alive(162, series=1), step.handover)
    assert step.course is Course.GO_ON
    step = advance(KEEPS, alive(163, series=1), step.handover)
    assert step.course is Course.END

    step = advance(KEEPS, Sight(now_s=170), step.handover)
    assert (step.course, step.waits) == (Course.END, "it has ended; readers find the last of it within 10 s")
    step = advance(KEEPS, Sight(now_s=179), step.handover)
    assert step.course is Course.END
    step = advance(KEEPS, Sight(now_s=180), step.handover)
    assert (step.course, step.waits) == (Course.DONE, "")


def test_a_refusal_is_told_and_tried_again():
    """A call that is refused keeps the process, says why, and is repeated after a while."""
    step = advance(KEEPS, alive(100, series=5), Handover())
    kept = asked(step, "POST /flush answers 500: no store")

    soon = advance(KEEPS, alive(102, series=0), kept)
    later = advance(KEEPS, alive(105, series=0), kept)

    assert (soon.course, soon.ask, soon.waits) == (Course.GO_ON, (), "POST /flush answers 500: no store")
    assert (later.course, later.ask) == (Course.GO_ON, (FLUSH,))


def test_holding_nothing_proves_nothing_before_it_was_asked():
    """A metric that is 0 before the process was asked doesn't end it."""
    assert advance(KEEPS, alive(100, series=0), Handover()).course is Course.GO_ON


@pytest.mark.parametrize("series", [None, 3])
def test_what_cannot_be_read_or_is_left_keeps_the_process(series: float | None):
    """It is asked again after a while."""
    kept = Handover(asked_s=100, tried_s=100)
    assert advance(KEEPS, alive(104, series=series), kept).ask == ()
    late = advance(KEEPS, alive(105, series=series), kept)
    assert (late.course, late.ask) == (Course.GO_ON, (FLUSH,))


def test_a_process_that_began_anew_is_asked_anew():
    """It has forgotten what it was asked, and has read back what it held."""
    kept = Handover(asked_s=100, tried_s=100, empty_s=101)
    step = advance(KEEPS, alive(170, series=0, born=110), kept)
    assert (step.course, step.ask) == (Course.GO_ON, (FLUSH,))
    assert step.handover.empty_s == 0


def test_a_process_that_is_not_ready_goes_on():
    """It may still be reading back what it holds."""
    assert advance(KEEPS, alive(100, ready=False), Handover()).course is Course.GO_ON


def test_what_an_ended_process_left_brings_it_back():
    """Nobody is released while its disk holds what is in no object store, and all begins anew."""
    kept = Handover(asked_s=100, empty_s=101, ended_s=150)
    files = {"wal/1": 3, "other": 9, "wal/2": 1, "blocks/1": 7}
    step = advance(KEEPS, Sight(now_s=500, disk=Disk(sizes=files)), kept)
    assert (step.course, step.handover) == (Course.START, Handover())
    assert "wal/1 and 1 more" in step.waits


@pytest.mark.parametrize("kept", [Handover(), Handover(asked_s=100, tried_s=100)])
def test_one_that_ended_before_it_had_handed_over_is_brought_back(kept: Handover):
    """Whatever it had may be in no object store; an empty file is nothing."""
    files = {"blocks/1": 7, "wal/1": 0}
    assert advance(KEEPS, Sight(now_s=500, disk=Disk(sizes=files)), kept).course is Course.START
    assert advance(KEEPS, Sight(now_s=500, disk=Disk(sizes={"blocks/1": 0})), kept).course is not Course.START


def test_one_that_is_ending_is_waited_for():
    """It isn't asked again because it doesn't answer any more."""
    step = advance(KEEPS, replace(alive(170, ready=False), ending=True), Handover(asked_s=100))
    assert (step.course, step.waits) == (Course.END, "its process is ending")


def test_one_that_never_ran_goes_at_once():
    """It holds nothing, so nobody has to find anything."""
    assert advance(KEEPS, Sight(now_s=100), Handover()).course is Course.DONE


def test_one_that_hands_over_at_its_end_only():
    """Without calls it ends at once, and the readers get their time after it."""
    quiet = Drain(roles=("ingester",), kept_s=10)
    step = advance(quiet, alive(100), Handover())
    assert step.course is Course.END
    step = advance(quiet, Sight(now_s=103), step.handover)
    assert step.course is Course.END
    assert advance(quiet, Sight(now_s=113), step.handover).course is Course.DONE


@pytest.mark.parametrize("drain", [None, KEEPS])
def test_who_keeps_nothing_or_is_forced_just_ends(drain: Drain | None):
    """Nothing is asked, awaited or looked for."""
    forced = drain is not None
    running = Sight(now_s=100, alive=True, forced=forced)
    ended = Sight(now_s=101, disk=Disk(sizes={"wal/1": 3}), forced=forced)
    assert advance(drain, running, Handover()).course is Course.END
    assert advance(drain, ended, Handover()).course is Course.DONE


def test_a_key_that_is_not_in_the_object_store_brings_it_back():
    """What should have got there has to be seen there."""
    ended = Sight(now_s=500, disk=Disk(sizes={"index/1": 3}), absent=("index/1.gz",))
    assert advance(KEEPS, ended, Handover(asked_s=100, empty_s=101)).course is Course.START


def test_nobody_goes_while_the_object_store_cannot_be_seen():
    """It waits, and says why."""
    step = advance(KEEPS, Sight(now_s=500, blind="connection refused"), Handover(asked_s=100, empty_s=100))
    assert (step.course, step.waits) == (
        Course.END,
        "whether it has handed over can't be seen: connection refused",
    )


def test_what_was_asked_is_taken_back():
    """A unit that stays after all is told so, again and again until it has heard."""
    kept = Handover(asked_s=100, tried_s=100, empty_s=101)
    ready = Sight(now_s=110, alive=True, ready=True)
    step = take_back(KEEPS, ready, kept)
    assert (step.ask, step.handover.asked_s, step.then) == ((UNDO,), 100, Handover())
    assert take_back(KEEPS, replace(ready, now_s=112), step.handover).ask == ()
    assert take_back(KEEPS, replace(ready, now_s=115), step.handover).ask == (UNDO,)
    assert take_back(KEEPS, replace(ready, ready=False), kept).handover == kept


@pytest.mark.parametrize("drain", [None, replace(KEEPS, undo=()), KEEPS])
def test_what_needs_no_taking_back_is_forgotten(drain: Drain | None):
    """There is nothing to take back where nothing was asked, or nothing can be."""
    kept = Handover(ended_s=100) if drain is KEEPS else Handover(asked_s=100, tried_s=100)
    step = take_back(drain, Sight(now_s=200, alive=True, ready=True), kept)
    assert (step.ask, step.handover) == ((), Handover())


QUIET = Drain(
    roles=("ingester",),
    ring="ring",
    reads_only=("-tokens=0",),
    kept_s=10,
    data=("wal/",),
    leftovers=unsent,
    unfinished=lambda disk: tuple(path for path in disk.sizes if path == "marker"),
    stored=lambda disk: tuple(f"{path}.gz" for path in disk.sizes if path.startswith("index/")),
)
GOING = "the others hear that it is gone"
LEAVE = Verb(method="POST", path="/shutdown", roles=("ingester",))
RING = '{"ingesters": {"w": {"addr": "a", "tokens": [7]}, "v": {"addr": "b", "tokens": [20]}}}'


def in_ring(now_s: float, *, born: float = 50.0, **more: object) -> Sight:
    return replace(alive(now_s, born=born), unit="w", ring=RING, **more)


def test_one_that_hands_over_at_its_end_goes_on_for_readers():
    """Its tokens go first; it ends, is back at once, and ends for good when readers find what it had."""
    step = advance(QUIET, in_ring(100), Handover())
    assert (step.course, step.ask, step.dated_s) == (Course.GO_ON, (), 101)
    assert step.entry is not None
    assert (step.entry.member, step.entry.tokens) == ("w", (21,))
    assert step.handover.asked_s == 0
    kept = step.then

    step = advance(QUIET, in_ring(102), kept)
    assert (step.course, step.entry) == (Course.GO_ON, None)
    assert step.waits == "the others hear that it takes no more writes"
    step = advance(QUIET, in_ring(103), step.handover)
    assert (step.course, step.dated_s, step.then) == (Course.READS_ONLY, 123, step.handover)
    assert step.waits == "its process ends, and comes back for readers only"
    assert step.entry is not None
    assert step.entry.tokens == (21,)
    kept = step.handover

    step = advance(QUIET, in_ring(108, reads_only=True, ready=False), kept)
    waits = "its process ends, and comes back for readers only"
    assert step == Step(course=Course.READS_ONLY, handover=kept, then=kept, waits=waits)
    step = advance(QUIET, Sight(now_s=110, alive=True, reads_only=True), kept)
    assert (step.course, step.handover) == (Course.READS_ONLY, kept)

    files = Disk(sizes={"index/1": 3, "wal/2": 1})
    back = in_ring(115, born=112, reads_only=True, disk=files)
    step = advance(QUIET, replace(back, absent=("index/1.gz",)), kept)
    assert (step.course, step.handover.ended_s) == (Course.READS_ONLY, 0)
    assert step.waits == "it is handing over: index/1.gz isn't in the object store yet"
    step = advance(QUIET, replace(back, blind="connection refused"), kept)
    assert (step.handover.ended_s, step.handover.found, step.waits) == (0, (), "connection refused")
    step = advance(QUIET, back, kept)
    assert (step.course, step.handover.ended_s, step.handover.found) == (
        Course.READS_ONLY,
        115,
        ("index/1.gz",),
    )
    assert step.waits == "it has handed over; readers find the last of it within 10 s"
    step = advance(QUIET, replace(back, now_s=124.0), step.handover)
    assert step.course is Course.READS_ONLY
    step = advance(QUIET, replace(back, now_s=125.0), step.handover)
    assert step.course is Course.END

    assert advance(QUIET, Sight(now_s=127), step.handover).course is Course.DONE
    left = Sight(now_s=127, disk=Disk(sizes={"wal/2": 1}))
    step = advance(QUIET, left, step.handover)
    assert (step.course, step.handover) == (Course.START, Handover(entry=kept.entry))


@pytest.mark.parametrize("ready", [True, False])
def test_nobody_asks_a_unit_in_the_moment_of_its_end(ready: bool):
    """It leaves its rings while it still answers, ready or not; a process that began since has not."""
    drain = replace(KEEPS, leave=(LEAVE,), found_s=5)
    kept = Handover(asked_s=103, told_s=100, empty_s=104)
    assert advance(drain, alive(108.5), kept).ask == ()
    step = advance(drain, alive(109), kept)
    assert (step.course, step.ask, step.waits) == (Course.GO_ON, (LEAVE,), GOING)
    assert step.handover == step.then == replace(kept, parted_s=109)
    waiting = advance(drain, alive(111, ready=ready), step.then)
    assert waiting == Step(course=Course.GO_ON, handover=step.then, then=step.then, waits=GOING)
    assert advance(drain, alive(112, ready=ready), step.then).course is Course.END

    began = advance(drain, alive(112, born=110), step.then)
    assert (began.course, began.handover.parted_s) == (Course.GO_ON, 0)


def test_an_end_that_was_not_a_whole_one_begins_anew():
    """What is left of it is read back by a process that hands over."""
    kept = advance(QUIET, in_ring(103), Handover(asked_s=100, tried_s=100)).handover
    broken = in_ring(115, born=112, reads_only=True, disk=Disk(sizes={"marker": 0}))
    step = advance(QUIET, broken, kept)
    assert (step.course, step.handover) == (Course.START, Handover(entry=kept.entry))


def test_one_that_does_not_come_back_for_readers_just_ends():
    """It is waited for while it may still be ending; what it had is judged as ever."""
    kept = Handover(asked_s=100, tried_s=100, started_s=50)
    away = Sight(now_s=220, alive=True, reads_only=True)
    assert advance(QUIET, away, kept).course is Course.READS_ONLY
    assert advance(QUIET, replace(away, now_s=220.5), kept).course is Course.END


def test_a_process_that_left_its_rings_is_in_them_again_once_it_has_ended():
    """Who stays after all goes on with another process, which has left nothing."""
    kept = Handover(asked_s=103, tried_s=103, parted_s=104)
    drain = replace(KEEPS, leave=(LEAVE,))
    assert take_back(drain, Sight(now_s=105, alive=True), kept).handover == kept
    assert take_back(drain, Sight(now_s=105), kept).handover == replace(kept, parted_s=0)


def opened(disk: Disk) -> tuple[Verb, ...]:
    return tuple(Verb(method="POST", path=f"/open/{path}", roles=("ingester",)) for path in disk.sizes)


def test_a_process_that_leaves_its_disk_alone_is_asked_for_what_lies_there():
    """It is asked anew after each start, whether anything can be said in its ring or not."""
    drain = replace(QUIET, open=opened, stop=(FLUSH,))
    lying = in_ring(100, disk=Disk(sizes={"wal/2": 1}))
    step = advance(drain, lying, Handover())
    assert [verb.path for verb in step.ask] == ["/open/wal/2", "/flush"]
    assert advance(drain, replace(lying, now_s=101.0), step.then).ask == ()
    again = advance(drain, replace(lying, now_s=160.0, metrics=alive(0, born=150).metrics), step.then)
    assert [verb.path for verb in again.ask] == ["/open/wal/2", "/flush"]

    unseen = replace(QUIET, open=opened)
    step = advance(unseen, replace(lying, ring=""), Handover())
    assert ([verb.path for verb in step.ask], step.handover.told_s, step.then.told_s) == (
        ["/open/wal/2"],
        0,
        100,
    )
    assert advance(unseen, replace(lying, ring="", disk=Disk()), Handover()).course is Course.READS_ONLY


def test_where_the_ring_cannot_be_seen_nothing_is_said_in_it():
    """The drain goes on without."""
    step = advance(QUIET, alive(100), Handover())
    assert (step.entry, step.handover.asked_s) == (None, 100)
    step = advance(QUIET, alive(101), step.handover)
    assert (step.course, step.entry) == (Course.READS_ONLY, None)


def test_one_that_does_not_say_when_it_began_comes_back_for_readers_once_it_does():
    """Until then nothing tells the process that came back from the one that was to end."""
    drain = replace(QUIET, ring="")
    step = advance(drain, Sight(now_s=100, alive=True, ready=True), Handover())
    assert (step.course, step.handover) == (Course.READS_ONLY, Handover(asked_s=100))
    back = replace(alive(102, born=1), reads_only=True)
    assert advance(drain, replace(back, metrics=""), step.handover).handover == step.handover
    assert advance(drain, back, step.handover).handover.ended_s == 102


def test_nothing_is_said_in_a_ring_that_can_be_seen_no_longer():
    """It goes on without, and what it had there is remembered."""
    kept = replace(advance(QUIET, in_ring(100), Handover()).then, asked_s=103)
    step = advance(QUIET, replace(in_ring(110), ring=""), kept)
    assert (step.course, step.entry, step.handover.entry) == (Course.READS_ONLY, None, kept.entry)


def test_one_that_is_told_anew_gets_back_what_it_had_at_first():
    """By then the ring shows what it was left with, which is nothing to go back to."""
    kept = advance(QUIET, in_ring(100), Handover()).then
    left = RING.replace("[7]", "[21]")
    again = advance(QUIET, replace(in_ring(200, born=150), ring=left), kept).then
    assert again.entry == kept.entry


def test_tokens_are_given_back():
    """A unit that stays gets its writes again, whatever was said ahead of time."""
    kept = advance(QUIET, in_ring(100), Handover()).then
    step = take_back(QUIET, Sight(now_s=110, alive=True, ready=True), kept)
    assert step.entry is not None
    assert (step.entry.tokens, step.dated_s, step.then) == ((7,), 131, Handover())


def test_a_key_that_was_found_may_go():
    """A compactor merges index files and takes them away: the host doesn't look for what was found.

    What is found is listed in the order of its names (G2), and stays found when its file goes.
    """
    kept = Handover(asked_s=100, empty_s=101, found=("index/1.gz",))
    indexed = replace(KEEPS, stored=QUIET.stored, kept_s=10)
    sizes = {f"index/{number}": 3 for number in range(9, 1, -1)}
    step = advance(indexed, Sight(now_s=110, disk=Disk(sizes=sizes)), kept)
    found = tuple(f"index/{number}.gz" for number in range(1, 10))
    assert (step.course, step.handover.found) == (Course.END, found)
