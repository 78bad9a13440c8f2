"""Whom a ring forgets (G7)."""

from __future__ import annotations

import pytest

from rolecall.core.forget import Copies, Page, judge
from rolecall.core.model import Severity
from rolecall.core.routes import Ring

UNITS = {f"w-{number}": ("ingester",) for number in range(3)} | {"b-0": ("compactor",)}
THREE = Copies(role="ingester", number=3)


def a_page(**members: str) -> Page:
    named = {name.replace("_", "-"): state for name, state in members.items()}
    return Page(ring=Ring(role="distributor", path="/ring"), address="10.0.0.1", members=named)


def test_one_whose_unit_is_gone_is_forgotten():
    """A member that is unhealthy and has no unit goes; one that has a unit stays, however it is."""
    page = a_page(w_0="ACTIVE", w_1="ACTIVE", w_2="UNHEALTHY", x_9="UNHEALTHY")
    judged = judge((page,), UNITS, THREE)
    assert [(one.address, one.path, one.member) for one in judged.forgets] == [("10.0.0.1", "/ring", "x-9")]
    assert judged.forgets[0].body == "forget=x-9"
    assert judged.problems == ()


@pytest.mark.parametrize("state", ["ACTIVE", "LEAVING", "JOINING"])
def test_one_whose_heartbeat_is_new_is_waited_for(state: str):
    """It may be on its way out by itself."""
    judged = judge((a_page(w_0="ACTIVE", w_1="ACTIVE", x_9=state),), UNITS, THREE)
    assert judged.forgets == ()
    assert [(one.code, one.severity) for one in judged.problems] == [("ring-member-gone", Severity.WAITING)]


def test_without_a_majority_nobody_is_forgotten():
    """Of three copies one isn't enough to be sure; the problem names unit and ring."""
    judged = judge((a_page(w_0="ACTIVE", w_1="UNHEALTHY", x_9="UNHEALTHY"),), UNITS, THREE)
    assert judged.forgets == ()
    (problem,) = judged.problems
    assert (problem.code, dict(problem.facts)) == ("ring-member-needed", {"unit": "x-9", "ring": "/ring"})


def test_a_ring_that_holds_no_copies_needs_one_healthy_member():
    """The number of copies says nothing of compactors."""
    assert judge((a_page(b_0="ACTIVE", x_9="UNHEALTHY"),), UNITS, THREE).forgets
    assert not judge((a_page(b_0="UNHEALTHY", x_9="UNHEALTHY"),), UNITS, THREE).forgets
