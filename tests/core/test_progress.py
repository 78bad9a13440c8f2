"""What is said of a rollout and of drains that are under way."""

from __future__ import annotations

import pytest

from rolecall.core import progress
from rolecall.core.model import Problem, Severity
from rolecall.core.products import PRODUCTS
from rolecall.core.rollout import Rollout
from rolecall.testing import a_unit

LINE = PRODUCTS["mimir"].lines[0]
REMAIN = "cannot call the rollout done: 2 units remain"


@pytest.mark.parametrize(
    ("held", "waits_for", "text"),
    [
        ((), (), REMAIN),
        (("a/0",), (), f"{REMAIN}, a/0 now"),
        (("a/0", "a/1"), (), f"{REMAIN}, a/0, a/1 now"),
        ((), ("b/0", "b/1"), f"{REMAIN}, waiting for b/0, b/1"),
        (("a/0",), ("b/0",), f"{REMAIN}, a/0 now, waiting for b/0"),
    ],
)
def test_how_far_a_rollout_is(held: tuple[str, ...], waits_for: tuple[str, ...], text: str):
    """It heals by itself; who goes now and who is waited for is named, if there is anybody."""
    planned = Rollout(held=held, remaining=("a/0", "a/1"), waits_for=waits_for)
    assert progress.of_rollout(planned, (), paused=False) == (
        Problem(
            code="rollout",
            text=text,
            remedy="wait; one unit at a time leaves the gateway, restarts and comes back",
            severity=Severity.WAITING,
            facts=(("unit", "a/0"), ("unit", "a/1")),
        ),
    )


def test_a_rollout_that_is_paused():
    """It goes on only when somebody says so."""
    planned = Rollout(remaining=("a/0", "a/1"))
    assert progress.of_rollout(planned, (), paused=True) == (
        Problem(
            code="rollout-paused",
            text="cannot go on with the rollout: it is paused, and 2 units remain",
            remedy="resume it",
            severity=Severity.WARNING,
            facts=(("unit", "a/0"), ("unit", "a/1")),
        ),
    )


@pytest.mark.parametrize("paused", [False, True])
def test_nothing_is_said_of_a_rollout_that_is_done(paused: bool):
    """Whether or not the next one is to wait."""
    assert progress.of_rollout(Rollout(), (), paused=paused) == ()


def test_what_a_unit_that_is_to_go_waits_for():
    """Nothing is said of one that hands over nothing."""
    units = (
        a_unit(LINE, "a/0", ["ingester"], handover="5 series are left"),
        a_unit(LINE, "a/1", ["ingester"], leaving=True),
    )
    assert progress.of_drains(units) == (
        Problem(
            code="draining",
            text="cannot let a/0 go yet: 5 series are left",
            remedy="wait; forced to go, it takes along what only it holds",
            severity=Severity.WAITING,
            facts=(("unit", "a/0"),),
        ),
    )
