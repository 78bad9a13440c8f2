"""Say what is under way: a rollout, and the drains of units that are to go."""

from __future__ import annotations

from collections.abc import Iterable

from rolecall.core.model import Problem, Severity, Unit
from rolecall.core.rollout import Rollout


def of_rollout(planned: Rollout, *, paused: bool) -> tuple[Problem, ...]:
    """Say how far a rollout is, or that it is paused."""
    if not planned.remaining:
        return ()
    if paused:
        return (_paused(planned),)
    now = f"{', '.join(planned.held)} now" if planned.held else ""
    waits = f"waiting for {', '.join(planned.waits_for)}" if planned.waits_for else ""
    return (
        Problem(
            code="rollout",
            text=f"cannot call the rollout done: {len(planned.remaining)} units remain"
            + "".join(f", {part}" for part in (now, waits) if part),
            remedy="wait; one unit at a time leaves the gateway, restarts and comes back",
            severity=Severity.WAITING,
            facts=tuple(("unit", name) for name in planned.remaining),
        ),
    )


def _paused(planned: Rollout) -> Problem:
    return Problem(
        code="rollout-paused",
        text=f"cannot go on with the rollout: it is paused, and {len(planned.remaining)} units remain",
        remedy="resume it",
        severity=Severity.WARNING,
        facts=tuple(("unit", name) for name in planned.remaining),
    )


def of_drains(units: Iterable[Unit]) -> tuple[Problem, ...]:
    """Say of each unit that is to go what it still has to hand over, or what it waits for."""
    return tuple(
        Problem(
            code="draining",
            text=f"cannot let {unit.id} go yet: {unit.report.handover}",
            remedy="wait; forced to go, it takes along what only it holds",
            severity=Severity.WAITING,
            facts=(("unit", unit.id),),
        )
        for unit in units
        if unit.report.handover
    )
