"""G3, G4 and G5 of a single plan, whatever the planner is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.strategies import LINES, of, situations
from rolecall.core import rollout
from rolecall.core.model import LEAVE, Unit
from rolecall.core.rollout import Situation

per_line = pytest.mark.parametrize("name", LINES, ids="-".join)


def newly(now: Situation, planned: rollout.Rollout) -> list[Unit]:
    """List the ready units that get a leave by this plan."""
    return [
        unit
        for unit in now.units
        if unit.ready
        and unit.id in planned.grants
        and planned.grants[unit.id].digest
        and planned.grants[unit.id].revision == now.revision
    ]


@per_line
@given(data=st.data())
def test_g3_one_of_a_ring_and_only_while_all_others_are_ready(name: tuple[str, str], data: st.DataObject):
    """Of the units that share a ring-bearing role one at most gets leave, while all others are ready."""
    _, line = of(name)
    now = data.draw(situations(line))

    chosen = newly(now, rollout.plan(now))

    rings = {role.name for role in line.roles if role.ring}
    for unit in chosen:
        for other in now.units:
            if other is not unit and rings & {*unit.roles} & {*other.roles}:
                assert other.ready
                assert other not in chosen
                held_up = now.granted.get(other.id)
                assert held_up is None or other.report.revision >= held_up.revision


@per_line
@given(data=st.data())
def test_g3_a_unit_that_is_not_ready_needs_no_leave(name: tuple[str, str], data: st.DataObject):
    """A unit that isn't ready is never waited with: it gets no leave to restart, because it needs none."""
    _, line = of(name)
    now = data.draw(situations(line))

    planned = rollout.plan(now)

    for unit in now.units:
        grant = planned.grants.get(unit.id)
        if not unit.ready and grant is not None and grant.revision == now.revision:
            assert grant.digest in {"", LEAVE}


@per_line
@given(data=st.data())
def test_g4_what_nobody_is_ready_with_reaches_one_unit(name: tuple[str, str], data: st.DataObject):
    """While somebody isn't ready nobody gets leave, and what no ready unit runs is tried by one alone."""
    _, line = of(name)
    now = data.draw(situations(line))

    planned = rollout.plan(now)

    chosen = newly(now, planned)
    proven = {unit.report.running for unit in now.units if unit.ready}
    assert not chosen or all(unit.ready for unit in now.units)
    if any(planned.grants[unit.id].digest not in proven for unit in chosen):
        assert len(chosen) == 1


@per_line
@given(data=st.data())
def test_g5_no_leave_while_a_gateway_sends(name: tuple[str, str], data: st.DataObject):
    """A unit gets leave only when no gateway sends to it, and is held as long as it may use one."""
    _, line = of(name)
    now = data.draw(situations(line))

    planned = rollout.plan(now)

    for unit in now.units:
        grant = planned.grants.get(unit.id)
        if grant is not None:
            assert unit.id in planned.held
            assert not grant.digest or grant.revision < now.revision or unit.id not in now.serving


@per_line
@given(data=st.data())
def test_a_calm_cluster_always_goes_on(name: tuple[str, str], data: st.DataObject):
    """When everything is ready and something remains, somebody is held; once out, it gets its leave."""
    _, line = of(name)
    now = data.draw(situations(line, calm=True))

    planned = rollout.plan(now)

    assert bool(planned.held) == bool(planned.remaining)
    assert set(planned.grants) == set(planned.held) - now.serving


@per_line
@given(data=st.data())
def test_never_the_last_ready_one(name: tuple[str, str], data: st.DataObject):
    """Units that go together leave every one of their roles at least one ready unit."""
    _, line = of(name)
    now = data.draw(situations(line))

    chosen = newly(now, rollout.plan(now))

    if len(chosen) > 1:
        staying = {role for unit in now.units if unit.ready and unit not in chosen for role in unit.roles}
        assert all(set(unit.roles) <= staying for unit in chosen[1:])


@per_line
@given(data=st.data())
def test_g2_order_of_units(name: tuple[str, str], data: st.DataObject):
    """A plan depends on no order of units, grants or digests."""
    _, line = of(name)
    now = data.draw(situations(line))
    shuffled = Situation(
        line=line,
        units=tuple(data.draw(st.permutations(now.units))),
        wanted=dict(data.draw(st.permutations(list(now.wanted.items())))),
        granted=dict(data.draw(st.permutations(list(now.granted.items())))),
        serving=now.serving,
        revision=now.revision,
        fewer=now.fewer,
    )

    assert rollout.plan(shuffled) == rollout.plan(now)
