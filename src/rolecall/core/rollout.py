"""Who may restart now, and who must leave the gateway first.

No plan is stored: every cycle plans again from what the units report and what was granted before.

The rules, in the words of the guarantees:

1. Of the units that share a ring-bearing role, at most one is down on purpose at any time, and only
   while all the others are ready (G3). Units that keep nothing may go together, but never the last
   ready one of a role that others still count on.
2. A new leave is granted only while every unit is ready and none is on its way: a config that the
   first unit cannot become ready with reaches no second one (G4). Units go together only into a
   digest that some ready unit already runs.
   A unit that is to go stays until a gateway sends to others for all that somebody is to run of its roles:
   those in its place may not even have said yet that they are there. What units get that go for other roles,
   nobody waits for: two of them could wait for each other.
   Who is a member of a ring counts as ready only once the others find it there: its leave names them.
3. A unit is held back from the gateway, and every gateway has confirmed it, before its leave (G5). It
   stays held until its leave is fulfilled, or the unit has said that it knows the leave was withdrawn.
4. A unit that isn't ready needs no leave: a fix must be able to reach a broken cluster.
5. A report older than the unit's own grant proves nothing: that unit counts as down.
6. A leave that isn't used yet is withdrawn when another unit of the role goes down by itself, and when
   it would lead to what is no longer wanted. A withdrawn leave is never renewed: it is answered first.
7. Where entries are to have fewer copies, who only reads restarts first, for it must ask everybody before
   a writer writes to fewer; then who keeps data, while all others still write as before. Who is to go goes
   last: as long as somebody wants more copies than members are left, it refuses every write.
8. Where entries are to have more copies, who writes or keeps data restarts first; then each unit that keeps
   what older entries have fewer copies of flushes, one after the other, or restarts once more (`copies`); who
   only reads restarts once all of that is found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from rolecall.core.model import LEAVE, Grant, Unit
from rolecall.core.roles import KEEPS_NOTHING, Line

_WITHDRAWN = ""


class Rollout(Struct, frozen=True, kw_only=True):
    """What the planner wants of this cycle."""

    held: tuple[str, ...] = ()
    """Units that no gateway may send to."""
    grants: Mapping[str, Grant] = field(default_factory=dict[str, Grant])
    remaining: tuple[str, ...] = ()
    """Units that still have to restart or leave, in order."""
    waits_for: tuple[str, ...] = ()
    """Units whose readiness the next leave waits for."""
    flushing: tuple[str, ...] = ()
    """Units that flush now."""
    unfound: tuple[str, ...] = ()
    """Units whose older entries the readers can't count on to find in the object store yet."""


class Situation(Struct, frozen=True, kw_only=True):
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
    deployed: frozenset[str] = frozenset()
    """Roles that somebody is to run."""
    fewer: bool = False
    """Whether entries are to have fewer copies than when all units last ran the same."""
    flush: int = 0
    """What a flush is called that is needed because entries are to have more copies; 0: none is."""
    flushers: frozenset[str] = frozenset()
    """Units that keep data and can have it in the object store while they stay."""
    paused: bool = False
    """Whether no unit that is ready gets a new leave; those on their way go on."""


def plan(now: Situation) -> Rollout:
    """Plan one cycle: next step only, nothing stored."""
    units = {unit.id: unit for unit in now.units}
    on_their_way = {
        name: grant for name, grant in now.granted.items() if name in units and _open(units[name], grant)
    }
    fallen = tuple(unit for unit in now.units if not unit.ready and unit.id not in on_their_way)
    waiting = [unit for unit in _in_order(now) if unit.id not in on_their_way]
    chosen = [unit for unit in waiting if not unit.ready]
    unfound = [unit for unit in now.units if _must_flush(now, unit)]
    flushing: tuple[str, ...] = ()
    if not fallen and not on_their_way and not now.paused:
        first = _replaced(now, [unit for unit in waiting if not unfound or not _only_reads(now, unit)])
        chosen.extend(_batch(now, first))
        flushing = () if first else _turn(now, unfound)
    grants = _kept(now, units, on_their_way, fallen)
    for unit in chosen:
        if unit.id not in now.serving:
            grants[unit.id] = _new_grant(now, unit)
    return Rollout(
        held=tuple(sorted({*on_their_way, *(unit.id for unit in chosen)})),
        grants=dict(sorted(grants.items())),
        remaining=(*sorted(on_their_way), *(unit.id for unit in waiting)),
        waits_for=tuple(sorted(unit.id for unit in fallen)) if waiting and not chosen else (),
        flushing=flushing,
        unfound=tuple(unit.id for unit in unfound),
    )


def wave(line: Line, unit: Unit) -> int:
    """Return the rollout order of a unit: that of its most delicate role."""
    return min((line.role(name).wave for name in unit.roles), default=9)


def _open(unit: Unit, grant: Grant) -> bool:
    """Whether a grant is still to be fulfilled or answered, as far as the unit's report can tell."""
    if unit.report.revision < grant.revision or not unit.ready:
        return True
    return grant.digest not in {_WITHDRAWN, unit.report.running}


def _due(now: Situation, unit: Unit) -> str:
    """Return the digest of the leave that a unit needs."""
    return LEAVE if unit.report.leaving else now.wanted.get(unit.id, unit.report.running)


def _must_go(now: Situation, unit: Unit) -> bool:
    if unit.report.leaving:
        return True
    return unit.ready and unit.report.running not in {"", now.wanted.get(unit.id, unit.report.running)}


def _in_order(now: Situation) -> list[Unit]:
    """List the units that must restart or leave: leavers first, then by wave, those already out, name.

    Where there are to be fewer copies, those that keep nothing come before the other waves, and leavers last.
    """

    def order(unit: Unit) -> tuple[bool, bool, int, bool, str]:
        number, leaving = wave(now.line, unit), unit.report.leaving
        keeps = now.fewer and number < KEEPS_NOTHING
        return leaving is now.fewer, keeps, number, unit.id in now.serving, unit.id

    return sorted((unit for unit in now.units if _must_go(now, unit)), key=order)


def _must_flush(now: Situation, unit: Unit) -> bool:
    """Whether older entries of a unit that stays can't be found without it yet."""
    return bool(now.flush) and unit.id in now.flushers and unit.report.found != now.flush


def _only_reads(now: Situation, unit: Unit) -> bool:
    return wave(now.line, unit) >= KEEPS_NOTHING and not unit.report.leaving


def _turn(now: Situation, unfound: Iterable[Unit]) -> tuple[str, ...]:
    """Say who flushes now: the first that hasn't; its turn is over once that is in the object store."""
    return tuple(unit.id for unit in unfound if unit.report.stored != now.flush)[:1]


def _replaced(now: Situation, waiting: list[Unit]) -> list[Unit]:
    """Leave out the units that are to go and that nobody has taken the place of yet; all units are ready."""
    staying = (unit for unit in now.units if not unit.report.leaving and unit.id in now.serving)
    taken = {role for unit in staying for role in unit.roles}
    brought = {role for unit in now.units for role in now.line.expand(unit.report.becomes)}
    open_ones = now.deployed - taken - brought
    return [unit for unit in waiting if not unit.report.leaving or open_ones.isdisjoint(unit.roles)]


def _batch(now: Situation, waiting: list[Unit]) -> list[Unit]:
    """Choose the units that go next while everything is ready: one, or several that keep nothing."""
    if not waiting:
        return []
    first = waiting[0]
    batch, room = [first], _room(now)
    room.subtract(first.roles)
    proven = {unit.report.running for unit in now.units}
    if _due(now, first) not in proven:
        return batch
    for unit in waiting[1:]:
        alike = wave(now.line, unit) == wave(now.line, first) and _due(now, unit) in proven
        if alike and all(room[role] > 1 for role in unit.roles):
            batch.append(unit)
            room.subtract(unit.roles)
    return batch


def _room(now: Situation) -> Counter[str]:
    """Count the ready units of each role, as if of a ring there were two: one may go, one must stay."""
    room = Counter(role for unit in now.units for role in unit.roles)
    for role in now.line.roles:
        if role.ring:
            room[role.name] = min(room[role.name], 2)
    return room


def _kept(
    now: Situation, units: Mapping[str, Unit], on_their_way: Mapping[str, Grant], fallen: Iterable[Unit]
) -> dict[str, Grant]:
    """Return the open grants, as they are or withdrawn."""
    lost = {role for unit in fallen for role in unit.roles}
    grants: dict[str, Grant] = {}
    for name, grant in on_their_way.items():
        unit = units[name]
        used = not unit.ready or unit.report.running == grant.digest
        unused = unit.report.running == grant.since and lost.isdisjoint(unit.roles)
        if grant.digest == _due(now, unit) and (used or unused):
            grants[name] = grant
        elif unit.report.leaving and not unit.ready and name not in now.serving:
            grants[name] = _new_grant(now, unit)
        else:
            grants[name] = _withdrawn(now, grant)
    return grants


def _withdrawn(now: Situation, grant: Grant) -> Grant:
    return grant if grant.digest == _WITHDRAWN else Grant(digest=_WITHDRAWN, revision=now.revision)


def _new_grant(now: Situation, unit: Unit) -> Grant:
    since = unit.report.running if unit.ready else ""
    due = _due(now, unit)
    witnesses = _witnesses(now, unit) if due != LEAVE else ()
    return Grant(digest=due, revision=now.revision, since=since, witnesses=witnesses)


def _witnesses(now: Situation, unit: Unit) -> tuple[str, ...]:
    """Name all that hear of a ring's members; who is in no ring that bears on others' leaves needs none."""
    if not any(now.line.role(name).ring for name in unit.roles):
        return ()
    others = (one for one in now.units if one.id != unit.id)
    return tuple(sorted(one.name for one in others if any(now.line.role(name).gossip for name in one.roles)))
