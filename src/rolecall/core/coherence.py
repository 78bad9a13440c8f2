"""Judge a cluster: many small checks, one merged answer.

A check takes values and returns problems; it never stops another check. Nothing here changes
anything, so a cluster that isn't coherent still gets everything that doesn't need the missing part.
"""

from __future__ import annotations

from collections.abc import Iterable

from rolecall.core import crashes
from rolecall.core.model import Choices, Cluster, Group, Problem, Severity, Unit
from rolecall.core.product import Product, Settings
from rolecall.core.roles import Line, problems_of


def judge_topology(product: Product, line: Line, groups: tuple[Group, ...]) -> tuple[Problem, ...]:
    """Judge what the administrator wrote, before anything runs."""
    problems: list[Problem] = []
    for group in groups:
        problems.extend(problems_of(line, product.name, group.name, group.roles))
    problems.extend(_missing(line, groups, role) for role in line.missing(deployed(line, groups)))
    return tuple(problems)


def deployed(line: Line, groups: Iterable[Group]) -> frozenset[str]:
    """Return the roles that somebody is to run."""
    return frozenset(role for group in groups if group.units for role in line.expand(group.roles))


def _missing(line: Line, groups: tuple[Group, ...], role: str) -> Problem:
    empty = sorted(group.name for group in groups if role in line.expand(group.roles))
    if empty:
        remedy = f'give worker "{empty[0]}" at least one unit'
    else:
        remedy = f'add a worker that runs it, such as "{role}: {{roles: [{role}], units: 1}}" below workers'
    return Problem(
        code="missing-role",
        text=f'cannot serve: no worker runs the role "{role}"',
        remedy=remedy,
        facts=(("role", role),),
    )


def judge_units(line: Line, cluster: Cluster) -> tuple[Problem, ...]:
    """Judge what runs: which units aren't ready, and which roles nobody is ready for."""
    problems: list[Problem] = []
    for unit in cluster.units:
        why = unit.report.problem
        if unit.ready and why:
            problems.append(_complains(unit, why))
        if unit.ready or unit.report.leaving:
            continue
        if unit.report.cause:
            problems.append(_crashes(unit))
            continue
        problems.append(
            Problem(
                code="unit-not-ready",
                text=f"cannot use unit {unit.id} yet: {why or 'its process is not ready'}",
                remedy=f"wait, or look at its log with: rolecall logs {unit.id}" if not why else "",
                severity=Severity.WAITING,
                facts=(("unit", unit.id),),
            )
        )
    for role in line.roles:
        units = cluster.running(role.name)
        # Who is to go serves until others do.
        if units and not any(unit.ready for unit in cluster.units if role.name in unit.roles):
            problems.append(
                Problem(
                    code="role-not-ready",
                    text=f'cannot serve {role.name}: no unit that runs "{role.name}" is ready',
                    remedy=f"wait for {units[0].id}",
                    severity=Severity.WAITING,
                    facts=(("role", role.name),),
                )
            )
    return tuple(problems)


def judge_spare(product: Product, spare: tuple[Unit, ...]) -> tuple[Problem, ...]:
    """Say which units can't be used because nobody is left to dial them."""
    if product.dials is None:
        return ()
    caller, callee = product.dials
    return tuple(
        Problem(
            code="spare-unit",
            text=f'cannot use unit {unit.id}: a "{caller}" serves one "{callee}", and none serves this one',
            remedy=f'add a unit of "{caller}", or restart one of those that share a "{callee}"',
            severity=Severity.WARNING,
            facts=(("unit", unit.id), ("role", caller)),
        )
        for unit in spare
    )


def _crashes(unit: Unit) -> Problem:
    cause = unit.report.cause
    return Problem(
        code="crash-loop",
        text=f"cannot use unit {unit.id}: {unit.report.problem}",
        remedy=crashes.REMEDIES.get(cause, ""),
        severity=Severity.WAITING,
        facts=(("unit", unit.id), ("cause", cause)),
    )


def _complains(unit: Unit, why: str) -> Problem:
    return Problem(
        code="unit-problem",
        text=f"cannot bring unit {unit.id} up to date: {why}",
        remedy="",
        severity=Severity.WARNING,
        facts=(("unit", unit.id),),
    )


def judge_replication(product: Product, cluster: Cluster, settings: Settings) -> tuple[Problem, ...]:
    """Judge whether the copies that were asked for have room."""
    asked = settings.seconds("replication-factor")
    writers = len(cluster.running(product.replicated))
    if asked > max(writers, 1):
        return (
            Problem(
                code="too-few-replicas",
                text=f"cannot keep {asked} copies: {writers} units run {product.replicated}",
                remedy=f"add {asked - writers} more of {product.replicated}, or set replication-factor: auto",
                facts=(("role", product.replicated),),
            ),
        )
    return ()


def judge_copies(product: Product, made: Choices) -> tuple[Problem, ...]:
    """Say beforehand what the number of copies, and the product itself, don't promise."""
    role, lost = product.replicated, product.volatile
    if made.replication_factor == 1:
        dies = f", and {lost}, with its process" if lost else ""
        return (
            Problem(
                code="single-copy",
                text="cannot promise that what is newest outlives each unit: there is one copy, and until it "
                f"is in the object store it goes with its disk{dies}",
                remedy=f"have three units of {role}, and leave replication-factor on auto",
                severity=Severity.NOTICE,
                facts=(("role", role),),
            ),
        )
    if not lost:
        return ()
    return (
        Problem(
            code="newest-in-memory",
            text="cannot promise that what is newest outlives the sudden end of every "
            f"{role} at once: {lost}",
            remedy="",
            severity=Severity.NOTICE,
            facts=(("role", role),),
        ),
    )
