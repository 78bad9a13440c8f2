"""Say what is under way: a rollout, and the drains of units that are to go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rolecall.core import difference
from rolecall.core.model import Document, Problem, Severity, Unit
from rolecall.core.product import Product
from rolecall.core.rollout import Rollout


def of_rollout(planned: Rollout, halts: tuple[Problem, ...], *, paused: bool) -> tuple[Problem, ...]:
    """Say how far a rollout is and what it waits for, or that it is paused."""
    if not planned.remaining and not planned.unfound:
        return halts
    if paused or halts:
        return (*halts, *((_paused(planned),) if paused else ()))
    now = f"{', '.join(planned.held)} now" if planned.held else ""
    waits = f"waiting for {', '.join(planned.waits_for)}" if planned.waits_for else ""
    finds = f"readers have yet to find what {', '.join(planned.unfound)} had" if planned.unfound else ""
    return (
        Problem(
            code="rollout",
            text=f"cannot call the rollout done: {len(planned.remaining)} units remain"
            + "".join(f", {part}" for part in (now, waits, finds) if part),
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


def arrived(units: Iterable[Unit], wanted: Mapping[str, str], planned: Rollout) -> bool:
    """Whether every unit is ready with what it should run, and nothing is under way."""
    ready = [unit.ready and unit.report.running == wanted.get(unit.id) for unit in units]
    return bool(ready) and all(ready) and not planned.remaining and not planned.unfound


def of_halts(
    product: Product,
    units: Iterable[Unit],
    wanted: Mapping[str, str],
    *,
    planned: Rollout,
    before: Document | None,
    after: Document | None,
) -> tuple[Problem, ...]:
    """Say of each unit that isn't ready with what is new for it what that is, and what it says (G4).

    `before` is the last document that every unit was ready with, `after` the newest.
    """
    if before is None or after is None:
        return ()
    units = tuple(units)
    behind = any(unit.ready and unit.report.running != wanted.get(unit.id) for unit in units)
    found: list[Problem] = []
    for unit in units:
        if unit.ready or unit.report.leaving or unit.report.running not in {"", wanted.get(unit.id)}:
            continue
        changed = difference.between(product, before, after, unit.id, unit.report.roles)
        if changed or behind:
            found.append(_halt(unit, changed, sum(name != unit.id for name in planned.remaining)))
    return tuple(found)


def _halt(unit: Unit, changed: tuple[str, ...], others: int) -> Problem:
    start = f"cannot restart the {others} units that remain" if others else "cannot call the rollout done"
    news = difference.told(changed) or "its executable, or where it runs"
    says = f"; {unit.report.problem}" if unit.report.problem else ""
    return Problem(
        code="rollout-halted" if unit.report.cause else "rollout-waits",
        text=f"{start} before {unit.id} is ready with what is new for it, {news}{says}",
        remedy="wait, or go back to what all units last ran with: rolecall rollout undo",
        severity=Severity.WAITING,
        facts=(("unit", unit.id), *(("changed", name) for name in changed)),
    )


def of_drains(units: Iterable[Unit]) -> tuple[Problem, ...]:
    """Say of each unit that is to go what it still has to hand over, or what it waits for."""
    return tuple(_draining(unit) for unit in units if unit.report.handover)


def _draining(unit: Unit) -> Problem:
    text, remedy = f"cannot let {unit.id} go yet", "wait; forced to go, it takes along what only it holds"
    if unit.beside:
        # Its coordinator stays, and nothing is forced.
        text, remedy = f"cannot end the process beside {unit.id} yet", "wait"
    if unit.report.becomes:
        text = f"cannot let {unit.id} be {', '.join(unit.report.becomes)} yet"
        remedy = f"wait, or let it be {', '.join(unit.report.roles)} again"
    return Problem(
        code="draining",
        text=f"{text}: {unit.report.handover}",
        remedy=remedy,
        severity=Severity.WAITING,
        facts=(("unit", unit.id),),
    )
