"""Single rules of the planner, each where it decides alone."""

from __future__ import annotations

from collections.abc import Mapping

from rolecall.core.model import LEAVE, Grant, Unit
from rolecall.core.products import PRODUCTS
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
) -> Rollout:
    return plan(
        Situation(
            line=LINE,
            units=units,
            wanted={unit.id: "new" for unit in units},
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


def test_the_most_delicate_role_is_the_one_that_orders():
    """Who has no role comes last."""
    first, last = (pick(role.wave for role in LINE.roles) for pick in (min, max))
    names = {role.wave: role.name for role in LINE.roles}
    assert wave(LINE, a_unit(LINE, "a/0", [names[first], names[last]])) == first < last
    assert wave(LINE, a_unit(LINE, "a/0", [])) > last
