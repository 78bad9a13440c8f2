"""The shell's one sentence."""

from __future__ import annotations

import pytest

from rolecall import engine
from rolecall.core import changes
from rolecall.core.changes import Action
from rolecall.testing import FakeHost

STEPS: tuple[Action, ...] = (changes.StopProcess("one"), changes.StopProcess("two"))


def decide(seen: str) -> str:
    """Decide what is easy to recognise."""
    return f"decided on {seen}"


def diff(seen: str, decision: str) -> tuple[Action, ...]:
    """Compare, and always find the same to do."""
    assert decision == f"decided on {seen}"
    return STEPS


def test_observe_decide_diff_apply():
    """What was observed is decided on, compared and carried out, in that order, once."""
    host = FakeHost("the world")

    _, decision, actions = engine.reconcile(host, decide, diff)

    assert decision == "decided on the world"
    assert actions == STEPS
    assert host.applied == list(STEPS)


def test_a_host_that_fails_stops_there():
    """What a host raises is raised on, and nothing after it is done."""
    host = FakeHost("the world", broken_at=changes.StopProcess)

    with pytest.raises(OSError, match="cannot apply StopProcess"):
        engine.reconcile(host, decide, diff)

    assert host.applied == []
