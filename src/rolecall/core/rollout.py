"""Who may restart now, and who must leave the gateway first.

No plan is stored: every cycle plans again from what the units report and what was granted before.

The rules, in the words of the guarantees:

1. Of the units that share a ring-bearing role, at most one is down on purpose at any time, and only
   while all the others are ready (G3). Units that keep nothing may go together, but never the last
   ready one of a role that others still count on.
2. A new leave is granted only while every unit that isn't itself on its way is ready: a config that
   the first unit cannot become ready with reaches no second one (G4).
3. A unit is held back from the gateway, and every gateway has confirmed it, before its leave (G5).
4. A unit that isn't ready needs no leave: a fix must be able to reach a broken cluster.
5. A report older than the unit's own grant proves nothing: that unit counts as down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rolecall.core.model import LEAVE, Grant, Unit
from rolecall.core.roles import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What the planner wants of this cycle."""

    held: tuple[str, ...] = ()
    """Units that no gateway may send to."""
    grants: Mapping[str, Grant] = field(default_factory=dict[str, Grant])
    remaining: tuple[str, ...] = ()
    """Units that still have to restart or leave, in order."""
    waits_for: tuple[str, ...] = ()
    """Units whose readiness the next leave waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a plan depends on."""

    line: Line
    units: tuple[Unit, ...]
    wanted: Mapping[str, str]
    """Unit to the restart identity it should run."""
    granted: Mapping[str, Grant]
    """The grants of the last published document."""
    serving: frozenset[str]
    """Units that at least one gateway still sends to."""
    revision: int
    """Number of the document that new grants will be published with."""


def plan(now: Situation) -> Rollout:
    """Plan one cycle: next step only, nothing stored."""
    units = {unit.id: unit for unit in now.units}
    open_grants = {
        name: grant for name, grant in now.granted.items() if name in units and _open(units[name], grant)
    }
    waiting = _candidates(now, open_grants)
    down = {u.id for u in now.units if not u.ready or u.id in open_grants}
    chosen: list[str] = []
    waits: set[str] = set()
    for name in waiting:
        blockers = _blockers(now, units[name], down, chosen)
        if not blockers:
            chosen.append(name)
        elif not chosen:
            waits.update(blockers)
        if name in open_grants and name not in chosen and _acted(units[name], open_grants[name]):
            chosen.append(name)
    grants = _grants(now, chosen, open_grants)
    return Rollout(
        held=tuple(sorted(chosen)),
        grants=grants,
        remaining=tuple(waiting),
        waits_for=tuple(sorted(waits)),
    )


def _open(unit: Unit, grant: Grant) -> bool:
    """Whether a grant is still to be fulfilled, as far as the unit's report can tell."""
    if unit.report.revision < grant.revision:
        return True
    if grant.digest == "":
        return not unit.ready
    return not (unit.ready and unit.report.running == grant.digest)


def _acted(unit: Unit, grant: Grant) -> bool:
    """Whether the unit has begun to use its grant, so that it can't be taken back."""
    if grant.digest == LEAVE:
        return True
    return grant.digest != "" and (not unit.ready or unit.report.running == grant.digest)


def _candidates(now: Situation, open_grants: Mapping[str, Grant]) -> list[str]:
    """List the units that must restart or leave: those on their way first, then by wave and name."""

    def order(unit: Unit) -> tuple[bool, bool, bool, int, str]:
        return (
            unit.id not in open_grants,
            unit.id in now.serving,
            not unit.report.leaving,
            wave(now.line, unit),
            unit.id,
        )

    todo = [unit for unit in now.units if _must_go(now, unit) or unit.id in open_grants]
    return [unit.id for unit in sorted(todo, key=order)]


def _must_go(now: Situation, unit: Unit) -> bool:
    if unit.report.leaving:
        return True
    running = unit.report.running
    return unit.ready and running != "" and running != now.wanted.get(unit.id, running)


def wave(line: Line, unit: Unit) -> int:
    """Return the rollout order of a unit: that of its most delicate role."""
    return min((line.role(name).wave for name in unit.roles), default=9)


def _blockers(now: Situation, unit: Unit, down: set[str], chosen: list[str]) -> tuple[str, ...]:
    """List the units that keep `unit` from going down now; empty when it may."""
    if unit.report.leaving and not unit.ready:
        return ()
    others = [other for other in now.units if other.id != unit.id]
    away = tuple(other.id for other in others if other.id in down)
    if away:
        return away
    if not chosen:
        return ()
    first = next(other for other in others if other.id == chosen[0])
    proven = any(_proven(now, other) for other in others)
    if not proven or wave(now.line, first) != wave(now.line, unit):
        return (first.id,)
    return tuple(name for name in chosen if _together(now, unit, name, chosen))


def _proven(now: Situation, unit: Unit) -> bool:
    """Whether a unit runs what it should and is ready with it."""
    return unit.ready and unit.report.running == now.wanted.get(unit.id)


def _together(now: Situation, unit: Unit, name: str, chosen: list[str]) -> bool:
    """Whether `unit` and the chosen `name` may not be down at once."""
    other = next(one for one in now.units if one.id == name)
    shared = [now.line.role(role) for role in unit.roles if role in other.roles]
    for role in shared:
        left = [
            one
            for one in now.units
            if role.name in one.roles and one.ready and one.id != unit.id and one.id not in chosen
        ]
        if role.ring or not left:
            return True
    return False


def _grants(now: Situation, chosen: list[str], open_grants: Mapping[str, Grant]) -> dict[str, Grant]:
    grants: dict[str, Grant] = {}
    units = {unit.id: unit for unit in now.units}
    for name in sorted(set(chosen) | set(open_grants)):
        unit, old = units[name], open_grants.get(name)
        if name not in chosen:
            digest = ""
        elif unit.report.leaving:
            digest = LEAVE
        elif _must_go(now, unit) or (old and old.digest):
            digest = now.wanted.get(name, "")
        else:
            digest = ""
        if old and old.digest == digest:
            grants[name] = old
        elif old or (digest and name not in now.serving):
            grants[name] = Grant(digest=digest, revision=now.revision)
    return grants
