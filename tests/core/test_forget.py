"""Whom a ring forgets (G7)."""

from __future__ import annotations

import pytest

from rolecall.core.forget import Copies, Forget, Page, judge
from rolecall.core.model import Problem, Severity
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
    assert judged.problems == (
        Problem(
            code="ring-member-gone",
            text="cannot have the ring /ring forget x-9 yet: its last heartbeat is too new",
            remedy="wait",
            severity=Severity.WAITING,
            facts=(("unit", "x-9"), ("ring", "/ring")),
        ),
    )


def test_without_a_majority_nobody_is_forgotten():
    """Of three copies one isn't enough to be sure; the problem names unit and ring."""
    judged = judge((a_page(w_0="ACTIVE", w_1="UNHEALTHY", x_9="UNHEALTHY"),), UNITS, THREE)
    assert judged.forgets == ()
    assert judged.problems == (
        Problem(
            code="ring-member-needed",
            text="cannot have the ring /ring forget x-9: its unit is gone, "
            "and of 3 copies only 1 are healthy",
            remedy="bring it back, or add units with the role ingester",
            severity=Severity.WARNING,
            facts=(("unit", "x-9"), ("ring", "/ring")),
        ),
    )


def test_a_ring_that_holds_no_copies_needs_one_healthy_member():
    """The number of copies says nothing of compactors."""
    assert judge((a_page(b_0="ACTIVE", x_9="UNHEALTHY"),), UNITS, THREE).forgets
    assert not judge((a_page(b_0="UNHEALTHY", x_9="UNHEALTHY"),), UNITS, THREE).forgets


@pytest.mark.parametrize(("third", "enough"), [("UNHEALTHY", False), ("ACTIVE", True)])
def test_a_majority_is_more_than_half_of_the_copies(third: str, enough: bool):
    """Of five that is three; who shares the ring but not the copies' role counts with those who have it."""
    page = a_page(w_0="ACTIVE", b_0="ACTIVE", w_2=third, x_9="UNHEALTHY")
    assert bool(judge((page,), UNITS, Copies(role="ingester", number=5)).forgets) is enough


def test_one_whose_unit_is_gone_counts_for_nobody():
    """It may be well yet, and be gone a moment later."""
    page = a_page(w_0="ACTIVE", x_8="ACTIVE", x_9="UNHEALTHY")
    assert judge((page,), UNITS, THREE).forgets == ()


def test_members_are_judged_in_the_order_of_their_names():
    """The same rings give the same actions, whatever order a page lists them in (G2)."""
    page = a_page(x_2="UNHEALTHY", x_1="UNHEALTHY", w_1="ACTIVE", w_0="ACTIVE")
    assert [one.member for one in judge((page,), UNITS, THREE).forgets] == ["x-1", "x-2"]


def test_a_member_stands_in_a_form_whatever_its_name_is():
    """Members of some rings are called by an address, and the form is read as a URL's."""
    assert Forget(address="", path="", member="w/0 &a=b").body == "forget=w%2F0%20%26a%3Db"
