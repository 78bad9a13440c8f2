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


def test_a_halt_is_said_in_the_place_of_how_far_it_is():
    """And that it is paused only if it is."""
    halt = Problem(code="rollout-halted", text="cannot", remedy="wait", severity=Severity.WAITING)
    planned = Rollout(remaining=("a/0",))
    assert progress.of_rollout(planned, (halt,), paused=False) == (halt,)
    both = progress.of_rollout(planned, (halt,), paused=True)
    assert [problem.code for problem in both] == ["rollout-halted", "rollout-paused"]


@pytest.mark.parametrize(
    ("units", "remaining", "there"),
    [
        ((), (), False),
        ((("a/0", True, "new"),), (), True),
        ((("a/0", True, "new"),), ("a/0",), False),
        ((("a/0", False, "new"),), (), False),
        ((("a/0", True, "old"),), (), False),
        ((("a/0", True, "new"), ("a/1", False, "new")), (), False),
        ((("a/0", True, "new"), ("a/1", True, "old")), (), False),
    ],
)
def test_all_have_arrived_when_each_is_ready_with_what_it_should_run(
    units: tuple[tuple[str, bool, str], ...], remaining: tuple[str, ...], there: bool
):
    made = [a_unit(LINE, name, ["ingester"], ready=ready, running=runs) for name, ready, runs in units]
    wanted = {name: "new" for name, _, _ in units}
    assert progress.arrived(made, wanted, Rollout(remaining=remaining)) is there


@pytest.mark.parametrize("paused", [False, True])
def test_nothing_is_said_of_a_rollout_that_is_done(paused: bool):
    """Whether or not the next one is to wait."""
    assert progress.of_rollout(Rollout(), (), paused=paused) == ()


def test_what_a_unit_that_is_to_go_waits_for():
    """Nothing is said of one that hands over nothing; one that hands over for other roles isn't forced to."""
    units = (
        a_unit(LINE, "a/0", ["ingester"], handover="5 series are left"),
        a_unit(LINE, "a/1", ["ingester"], leaving=True),
        a_unit(LINE, "a/2", ["write"], handover="2 series are left", becomes=("querier", "ruler")),
    )
    assert progress.of_drains(units) == (
        Problem(
            code="draining",
            text="cannot let a/0 go yet: 5 series are left",
            remedy="wait; forced to go, it takes along what only it holds",
            severity=Severity.WAITING,
            facts=(("unit", "a/0"),),
        ),
        Problem(
            code="draining",
            text="cannot let a/2 be querier, ruler yet: 2 series are left",
            remedy="wait, or let it be write again",
            severity=Severity.WAITING,
            facts=(("unit", "a/2"),),
        ),
    )
