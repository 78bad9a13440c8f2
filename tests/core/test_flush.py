"""How a unit that stays flushes, step by step, and when it is its turn."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from properties.test_guarantees import published

from rolecall.core import coordinator, copies, progress, rollout, undo, worker
from rolecall.core.flush import Step, advance
from rolecall.core.handover import Drain, Handover, Sight
from rolecall.core.model import Choices, Document
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.core.routes import Verb
from rolecall.testing import a_cluster, a_group, a_worker, observed, process_of

MIMIR = PRODUCTS["mimir"]
LINE = MIMIR.lines[0]
FLUSH = Verb(method="POST", path="/flush", roles=("ingester",))
WAY = Drain(
    roles=("ingester",),
    flush=(FLUSH,),
    held={name: "{count} " + name for name in ("series", "blocks", "heads")},
    flushed=("blocks", "heads"),
    found_s=60,
)


def sight(now_s: float, *, blocks: int = 0, born: float = 50.0, ready: bool = True) -> Sight:
    metrics = f"process_start_time_seconds {born}\nseries 3\nblocks {blocks}\nheads 0"
    return Sight(now_s=now_s, alive=True, ready=ready, metrics=metrics)


def asking(kept: Handover, now_s: float) -> Step:
    tried = replace(kept, tried_s=now_s)
    return Step(handover=tried, ask=(FLUSH,), then=replace(tried, asked_s=now_s, refused=""))


def test_a_flush_from_its_beginning_to_its_end():
    """It is asked, its blocks are uploaded although series come in, and the readers get their time."""
    step = advance(WAY, sight(100), Handover(), 7, stored=False)
    assert step == asking(Handover(flush=7), 100)

    step = advance(WAY, sight(101, blocks=1), step.then, 7, stored=False)
    assert step == Step(handover=Handover(flush=7, tried_s=100, asked_s=100))
    done = advance(WAY, sight(102), step.handover, 7, stored=False)
    assert done == Step(handover=replace(step.handover, empty_s=102), stored=True)
    later = advance(WAY, sight(161.5), done.handover, 7, stored=True)
    assert later == Step(handover=done.handover, stored=True)
    found = advance(WAY, sight(162), done.handover, 7, stored=True)
    assert found == Step(handover=Handover(), stored=True, found=True)


def test_what_a_flush_is_asked_again_for():
    """A refusal and a block that isn't uploaded, after a while; a start since, and another flush, at once."""
    refused = Handover(flush=7, tried_s=100, refused="no")
    assert advance(WAY, sight(104.5), refused, 7, stored=False) == Step(handover=refused)
    assert advance(WAY, sight(105), refused, 7, stored=False) == asking(refused, 105)

    asked = Handover(flush=7, tried_s=100, asked_s=100)
    assert advance(WAY, sight(104.5, blocks=1), asked, 7, stored=False) == Step(handover=asked)
    assert advance(WAY, sight(105, blocks=1), asked, 7, stored=False) == asking(asked, 105)
    assert advance(WAY, sight(102, born=100), asked, 7, stored=False) == asking(asked, 102)
    another = advance(WAY, sight(102), replace(asked, empty_s=101), 8, stored=False)
    assert another == asking(Handover(flush=8), 102)


def test_one_that_cannot_flush_yet_waits_and_one_that_need_not_forgets():
    """A process that isn't ready reads its log; nobody may ask for it any more; metrics may not be there."""
    waiting = Step(handover=Handover(flush=7))
    assert advance(WAY, sight(100, ready=False), Handover(), 7, stored=False) == waiting
    asked = Handover(flush=7, tried_s=100, asked_s=100)
    assert advance(WAY, sight(101), asked, 0, stored=False) == Step(handover=Handover())
    silent = replace(sight(110), metrics="")
    assert advance(WAY, silent, asked, 7, stored=False) == asking(asked, 110)


def test_what_was_said_stands_although_the_host_remembers_nothing():
    """The readers get their whole time from then on; what it remembers stands, whatever it said."""
    kept = Handover(flush=7, empty_s=100)
    assert advance(WAY, sight(100), Handover(), 7, stored=True) == Step(handover=kept, stored=True)
    assert advance(WAY, sight(101, blocks=1), kept, 7, stored=False) == Step(handover=kept, stored=True)


GROUPS = (
    *(a_group(role.name, (role.name,)) for role in LINE.roles if role.required and role.name != "ingester"),
    a_group("w", ("ingester",), 3),
)
WRITERS = ("w/0", "w/1", "w/2")
ALL = " ".join(WRITERS)


def planned(
    flush: int = 7, /, *, behind: str = "", stored: str = "", found: str = "", leaving: str = ""
) -> rollout.Rollout:
    """Plan what follows as one copy becomes three.

    The units that are named run what was before, have said so much of a flush, or are to go.
    """
    units = a_cluster(LINE, GROUPS).units
    situation = rollout.Situation(
        line=LINE,
        units=tuple(
            replace(
                unit,
                report=replace(
                    unit.report,
                    running="old" if unit.id in behind.split() else "new",
                    stored=7 if unit.id in stored.split() else 0,
                    found=7 if unit.id in found.split() else 0,
                    leaving=unit.id in leaving.split(),
                ),
            )
            for unit in units
        ),
        wanted={unit.id: "new" for unit in units},
        granted={},
        serving=frozenset(unit.id for unit in units),
        revision=9,
        flush=flush,
        flushers=frozenset(WRITERS),
    )
    return rollout.plan(situation)


@pytest.mark.parametrize(
    ("said", "held", "flushing"),
    [
        pytest.param({"behind": "querier/0 distributor/0 w/1"}, ("w/1",), (), id="who keeps data first"),
        pytest.param({"behind": "querier/0 distributor/0"}, ("distributor/0",), (), id="then who writes"),
        pytest.param({"behind": "querier/0"}, (), ("w/0",), id="then they flush"),
        pytest.param({"behind": "querier/0", "stored": "w/0"}, (), ("w/1",), id="one after the other"),
        pytest.param({"behind": "querier/0", "stored": ALL}, (), (), id="readers look for it"),
        pytest.param({"behind": "querier/0", "stored": ALL, "found": "w/0 w/2"}, (), (), id="for all of it"),
        pytest.param(
            {"behind": "querier/0", "stored": ALL, "found": ALL}, ("querier/0",), (), id="readers last"
        ),
        pytest.param({}, (), ("w/0",), id="where one process does everything, too"),
    ],
)
def test_readers_restart_when_older_entries_are_found(
    said: dict[str, str], held: tuple[str, ...], flushing: tuple[str, ...]
):
    """Readers of three copies ask two of three: what has one copy must be in the object store by then."""
    plan = planned(**said)

    assert (plan.held, plan.flushing) == (held, flushing)


def test_who_is_to_go_waits_for_no_flush():
    """It doesn't count on more copies any more."""
    assert planned(leaving="querier/0").held == ("querier/0",)


def test_a_flush_that_was_is_none_that_is_needed():
    """The units go on to say how the last one was called."""
    assert planned(0, found=ALL, stored=ALL).unfound == ()


def test_a_rollout_is_not_done_before_all_is_found():
    """It says of whom it isn't, though nobody has to restart any more."""
    plan = planned(stored=ALL, found="w/1")

    assert (plan.remaining, plan.unfound) == ((), ("w/0", "w/2"))
    (problem,) = progress.of_rollout(plan, (), paused=False)
    assert "readers have yet to find what w/0, w/2 had" in problem.text
    units = a_cluster(LINE, GROUPS, running="new").units
    wanted = {unit.id: "new" for unit in units}
    assert not progress.arrived(units, wanted, plan)
    assert progress.arrived(units, wanted, replace(plan, unfound=()))


def a_document(revision: int, factor: int) -> Document:
    choices = Choices(replication_factor=factor)
    return Document(product="mimir", line="", revision=revision, config="", runtime="", choices=choices)


def test_more_copies_need_a_flush():
    """It is called after the document that first asks for it, until no document does."""
    one, three = a_document(4, 1), a_document(9, 3)
    asked = replace(three, flush=8)
    assert copies.flush(one, three, one, 8) == copies.flush(one, three, None, 8) == 8
    assert copies.flush(one, three, asked, 9) == 8
    for before, after in ((three, three), (three, one), (None, three)):
        assert copies.flush(before, after, asked, 9) == 0


def test_who_stays_and_can_flush_is_asked_to():
    """Who is to go drains; who keeps nothing has nothing to flush."""
    assert copies.flushers(MIMIR, a_cluster(LINE, GROUPS)) == frozenset(WRITERS)
    assert copies.flushers(MIMIR, a_cluster(LINE, GROUPS, leaving=True)) == frozenset()
    loki = PRODUCTS["loki"]
    groups = [a_group(*rest) for rest in loki.minimal]
    assert copies.flushers(loki, a_cluster(loki.lines[0], groups)) == {"write/0"}
    (way,) = loki.drains
    other = replace(loki, drains=(replace(way, uploads_at_end=False),))
    assert copies.flushers(other, a_cluster(loki.lines[0], groups)) == frozenset()


def test_who_flushes_by_its_end_restarts_once_nobody_writes_fewer_copies():
    """Before, it may have got a single copy, new as it may be; it restarts once for each flush."""
    loki = PRODUCTS["loki"]
    line = loki.lines[0]
    cluster = a_cluster(line, [a_group(*rest) for rest in loki.minimal], running="new")
    wanted = {unit.id: "new" for unit in cluster.units}
    assert copies.renewals(loki, line, cluster, wanted, 7, {"write/0": 4}) == {"write/0": 7}
    assert copies.renewals(loki, line, cluster, wanted, 0, {"write/0": 4}) == {"write/0": 4}
    for behind in ("write/0", "backend/0"):
        assert copies.renewals(loki, line, cluster, {**wanted, behind: "newer"}, 7, {}) == {}
    assert copies.renewals(loki, line, cluster, {**wanted, "read/0": "newer"}, 7, {}) == {"write/0": 7}
    for lacking in ({"ready": False}, {"leaving": True}):
        late = a_cluster(line, [a_group(*rest) for rest in loki.minimal], running="new", **lacking)
        assert copies.renewals(loki, line, late, wanted, 7, {}) == {}
    (way,) = loki.drains
    for drain in (replace(way, uploads_at_end=False), replace(way, flush=(FLUSH,))):
        other = replace(loki, drains=(drain,))
        assert copies.renewals(other, line, cluster, wanted, 7, {}) == {}


def test_nobody_restarts_for_more_copies_before_who_goes_is_gone():
    """It may have written a single copy to any of them; who restarts is listed by name."""
    loki = PRODUCTS["loki"]
    line = loki.lines[0]
    groups = [a_group("write", ("write",), 2), a_group("read", ("read",)), a_group("backend", ("backend",))]
    cluster = a_cluster(line, groups, running="new")
    wanted = {unit.id: "new" for unit in cluster.units}
    known = {"write/1": 4}
    assert list(copies.renewals(loki, line, cluster, wanted, 7, known)) == ["write/0", "write/1"]
    going = tuple(
        replace(unit, report=replace(unit.report, leaving=unit.id == "write/1")) for unit in cluster.units
    )
    assert copies.renewals(loki, line, replace(cluster, units=going), wanted, 7, known) == known


def test_a_renewal_stands_as_long_as_its_unit():
    """A process that has restarted for it isn't to restart again when nobody needs a flush any more."""
    cluster = a_cluster(LINE, GROUPS)
    assert copies.renewed(None, cluster) == {}
    old = replace(a_document(9, 3), renewals={"w/0": 8, "gone/0": 8})
    assert copies.renewed(old, cluster) == {"w/0": 8}


def all_follow(
    product: Product, seen: coordinator.Observed, document: Document, *, factor: int
) -> coordinator.Observed:
    """Have all units run what a document asks for, and have had another factor before."""
    members: dict[str, coordinator.Member] = {}
    for unit, member in seen.members.items():
        spec = worker.decide(product, a_worker(unit, member.report.roles, document=document)).process
        assert spec is not None
        members[unit] = replace(member, report=replace(member.report, running=spec.identity))
    good = replace(document, choices=replace(document.choices, replication_factor=factor))
    return replace(seen, members=members, published=document, memory=undo.Memory(good=good))


def test_a_renewal_is_a_restart_that_adds_to_those_by_hand():
    """It changes what the unit should run, and nothing else does when it is over."""
    loki = PRODUCTS["loki"]
    groups = [a_group(*rest) for rest in loki.minimal]
    before = replace(observed(loki, groups), restarts={"write/0": 2, "gone/0": 1})
    first = replace(published(loki, before), grants={}, held=())
    seen = all_follow(loki, before, first, factor=0)

    asked = coordinator.decide(loki, seen).desired.document

    assert asked is not None
    assert asked.renewals == {"write/0": asked.flush}
    assert (first.restarts, asked.restarts) == ({"write/0": 2}, {"write/0": 2 + asked.flush})
    assert asked.flushing == ()
    after = replace(seen, published=asked, memory=undo.Memory(good=asked))
    kept = coordinator.decide(loki, after).desired.document
    assert kept is not None
    assert (kept.flush, kept.renewals, kept.restarts) == (0, asked.renewals, asked.restarts)


def test_who_uploads_at_its_end_has_restarted_and_is_asked_for_nothing():
    """Its readers get the time that they need after an end."""
    way = replace(WAY, flush=(), uploads_at_end=True, found_s=0, kept_s=40)
    begun = advance(way, sight(100, blocks=3), Handover(), 7, stored=False)
    assert begun == Step(handover=Handover(flush=7, empty_s=100), stored=True)
    assert not advance(way, sight(139.5), begun.handover, 7, stored=True).found
    assert advance(way, sight(140), begun.handover, 7, stored=True) == Step(
        handover=Handover(), stored=True, found=True
    )


DOCUMENT = replace(published(MIMIR, observed(MIMIR, GROUPS)), grants={}, held=())


def flushing(*, turn: bool = True, **changes: object) -> worker.Desired:
    """Decide for an ingester that is ready, while there is a flush."""
    seen = a_worker(
        "w/0", ("ingester",), document=replace(DOCUMENT, flush=7, flushing=("w/0",) if turn else ())
    )
    seen = replace(seen, process=process_of(worker.decide(MIMIR, seen).process))
    metrics = "\n".join(f"{name} 0" for name in MIMIR.drains[0].flushed)
    looked = Sight(now_s=200, metrics=f"process_start_time_seconds 50\n{metrics}")
    return worker.decide(MIMIR, replace(seen, sight=looked, **changes))


def test_a_unit_says_how_far_its_flush_is():
    """And what it has said before; it goes on when its turn is over."""
    begun = flushing(stored=4, found=4)
    assert [verb.path for verb in begun.ask] == ["/ingester/flush?wait=true"]
    assert (begun.report.stored, begun.report.found) == (4, 4)
    for turn in (True, False):
        uploaded = flushing(turn=turn, stored=4, found=4, handover=begun.then)
        assert (uploaded.report.stored, uploaded.report.found, uploaded.ask) == (7, 4, ())
        assert uploaded.report.ready
        assert uploaded.handover.empty_s == 200
        done = flushing(turn=turn, stored=7, found=4, handover=replace(uploaded.handover, empty_s=100))
        assert (done.report.stored, done.report.found, done.handover) == (7, 7, Handover())


def test_a_unit_whose_turn_it_is_not_does_nothing():
    """It hasn't begun, or it has ended."""
    assert flushing(turn=False).ask == flushing(stored=7, found=7).ask == ()
    assert flushing(turn=False, stored=4, found=4).report.found == 4


def test_a_drain_begins_anew_after_a_flush():
    """What was asked for a flush isn't what a unit is asked that is to go."""
    gone = flushing(
        turn=False, handover=Handover(flush=7, asked_s=100, tried_s=100, empty_s=101), dismissed=True
    )

    assert [verb.path for verb in gone.ask] == ["/ingester/prepare-instance-ring-downscale"]
    assert gone.then.flush == 0


def test_the_document_says_whose_turn_it_is():
    """Three ingesters where there was one copy: the first of them flushes when all else has restarted."""
    seen = all_follow(MIMIR, observed(MIMIR, GROUPS), DOCUMENT, factor=1)

    decision = coordinator.decide(MIMIR, seen)

    assert decision.desired.document is not None
    assert decision.desired.document.flushing == ("w/0",)
    assert decision.desired.document.flush == decision.desired.document.revision
