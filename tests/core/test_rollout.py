"""Single rules of the planner, each where it decides alone."""

from __future__ import annotations

from collections.abc import Mapping

from rolecall.core.model import LEAVE, Grant, Unit
from rolecall.core.products import PRODUCTS
from rolecall.core.roles import Line
from rolecall.core.rollout import Rollout, Situation, plan, wave
from rolecall.testing import a_unit

LINE = PRODUCTS["mimir"].lines[0]
WRITERS = tuple(f"w/{number}" for number in range(3))


def writer(unit: str, **changes: object) -> Unit:
    return a_unit(LINE, unit, ["ingester"], revision=9, **changes)


def planned(
    *units: Unit,
    granted: Mapping[str, Grant] | None = None,
    serving: tuple[str, ...] = (),
    paused: bool = False,
    fewer: bool = False,
    wanted: Mapping[str, str] | None = None,
    line: Line = LINE,
) -> Rollout:
    return plan(
        Situation(
            line=line,
            units=units,
            wanted=wanted or {unit.id: "new" for unit in units},
            granted=granted or {},
            serving=frozenset(serving),
            revision=10,
            paused=paused,
            fewer=fewer,
        )
    )


def test_with_fewer_copies_readers_begin_and_leavers_end():
    """Readers have to ask everybody by then; the last copies go when nobody wants more than are left."""
    units = (
        a_unit(LINE, "a/0", ["distributor"], revision=9),
        a_unit(LINE, "b/0", ["compactor"], revision=9),
        a_unit(LINE, "c/0", ["querier"], revision=9),
        writer("w/0", leaving=True),
        writer("w/1"),
        writer("w/2", leaving=True),
    )
    assert planned(*units, fewer=True).remaining == ("c/0", "w/1", "a/0", "b/0", "w/0", "w/2")
    assert planned(*units).remaining == ("w/0", "w/2", "w/1", "a/0", "b/0", "c/0")


def test_nobody_gets_leave_to_go_while_another_is_down():
    """A unit that fell may hold the only other copy of what the leaver holds (G3)."""
    leaver, fallen = writer("w/0", leaving=True, running="new"), writer("w/1", ready=False)
    made = planned(leaver, fallen, writer("w/2", running="new"))
    assert (made.grants, made.held, made.waits_for) == ({}, (), ("w/1",))


def test_the_leave_of_a_unit_that_is_gone_goes_with_it():
    """Kept, it would have everybody wait for who never answers."""
    made = planned(
        writer("w/1"), writer("w/2"), granted={"w/0": Grant(digest=LEAVE, revision=9, since="old")}
    )
    assert list(made.grants) == ["w/1"]
    assert made.remaining == ("w/1", "w/2")


def test_a_plan_is_in_the_order_of_names():
    """The same units give the same bytes, in whatever order they come (G2)."""
    granted = {name: Grant(digest="new", revision=9, since="old") for name in reversed(WRITERS)}
    made = planned(*(writer(name, ready=False) for name in reversed(WRITERS)), granted=granted)
    assert list(made.grants) == list(made.held) == list(made.remaining) == list(WRITERS)


def test_those_who_are_waited_for_are_in_the_order_of_names():
    fallen = (writer("w/2", ready=False), writer("w/1", ready=False))
    assert planned(*fallen, writer("w/0")).waits_for == ("w/1", "w/2")


def test_nobody_gets_leave_while_it_is_paused():
    made = planned(writer("w/0"), writer("w/1"), paused=True)
    assert (made.grants, made.held, made.remaining) == ({}, (), ("w/0", "w/1"))
    assert planned(writer("w/0"), writer("w/1")).held == ("w/0",)


def test_a_unit_of_which_nothing_is_known_that_it_runs_has_nothing_to_restart():
    assert planned(writer("w/0", running="")).remaining == ()


def test_one_that_is_out_of_the_gateway_goes_first():
    """It was taken out for its leave: another one would have to be taken out, too."""
    made = planned(writer("w/0"), writer("w/1"), serving=("w/0",))
    assert (list(made.grants), made.held) == (["w/1"], ("w/1",))


def test_all_that_count_on_a_ring_member_are_its_witnesses():
    """Before they have found it again the next one may not go; who goes, or is in no ring, needs none."""
    others = (a_unit(LINE, "q/0", ["querier"], running="new"), writer("w/1", running="new"))

    restarting = planned(writer("w/0"), *others).grants["w/0"]
    going = planned(writer("w/0", leaving=True), *others).grants["w/0"]
    reading = planned(reader("q/1"), *others).grants["q/1"]

    assert restarting.witnesses == tuple(one.name for one in others)
    assert (going.witnesses, reading.witnesses) == ((), ())


def test_who_does_not_gossip_is_no_witness():
    """It could never find anybody; one that has a role beside that does can."""
    line = PRODUCTS["pyroscope"].lines[0]
    both = a_unit(line, "both/0", ["distributor", "ingester"], revision=9)
    deaf = a_unit(line, "set/0", ["tenant-settings"], revision=9, running="new")
    hears = a_unit(line, "read/0", ["tenant-settings", "querier"], revision=9, running="new")
    keeps = a_unit(line, "w/0", ["ingester"], revision=9, running="new")

    made = planned(both, deaf, hears, keeps, line=line)

    assert made.grants["both/0"].witnesses == (hears.name, keeps.name)


def test_a_leave_that_was_withdrawn_is_not_renewed():
    """It is answered first: each new number would have to be answered anew."""
    granted = {"w/0": Grant(digest="", revision=8)}
    unaware = a_unit(LINE, "w/0", ["ingester"], revision=7)
    assert planned(unaware, granted=granted).grants == granted


def test_one_that_cannot_become_ready_may_go_instead():
    """It has leave to restart, isn't ready, and is to go now: once no gateway sends to it, it may (G5)."""
    granted = {"w/0": Grant(digest="new", revision=9, since="old")}
    units = (writer("w/0", ready=False, leaving=True), writer("w/1", running="new"))
    assert planned(*units, granted=granted).grants == {"w/0": Grant(digest=LEAVE, revision=10)}
    served = planned(*units, granted=granted, serving=("w/0", "w/1"))
    assert served.grants == {"w/0": Grant(digest="", revision=10)}


def reader(unit: str, *roles: str, running: str = "old") -> Unit:
    return a_unit(LINE, unit, roles or ["querier"], revision=9, running=running)


PROVES = reader("p/0", "distributor", running="new")
"""Is ready with what the others are to run, and takes part in none of their roles."""


def test_one_always_stays():
    """Of units that go together the last ready one of a role does not."""
    assert planned(reader("q/0"), reader("q/1"), reader("q/2"), PROVES).held == ("q/0", "q/1")


def test_what_nobody_is_ready_with_is_tried_by_one_alone():
    """Others that are to run what is proven wait for it, too (G4)."""
    units = (reader("q/0"), reader("q/1"), reader("q/2"), reader("q/3"), PROVES)
    assert planned(*units).held == ("q/0", "q/1", "q/2")
    assert planned(*units, wanted={"q/0": "unproven", "q/1": "new", "p/0": "new"}).held == ("q/0",)
    assert planned(*units, wanted={"q/0": "new", "q/1": "unproven", "p/0": "new"}).held == ("q/0",)


def test_units_of_one_wave_go_together():
    """Those that work in the background are back before those that answer go."""
    behind = (reader("o/0", "overrides-exporter"), reader("o/1", "overrides-exporter"))
    assert planned(*behind, reader("q/0"), reader("q/1"), PROVES).held == ("o/0",)


def test_the_most_delicate_role_is_the_one_that_orders():
    """Who has no role comes last."""
    first, last = (pick(role.wave for role in LINE.roles) for pick in (min, max))
    names = {role.wave: role.name for role in LINE.roles}
    assert wave(LINE, a_unit(LINE, "a/0", [names[first], names[last]])) == first < last
    assert wave(LINE, a_unit(LINE, "a/0", [])) > last
