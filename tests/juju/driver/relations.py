"""Relations: bags, scopes, members, and which units hear of a change.

The rules are those of Juju's uniter (internal/worker/uniter/relation/resolver.go): a unit *enters the scope*
of a relation when the first relation-created of those that wait is to run; units in the scope are told of
each other (joined, and changed at once after it); a change to the application's bag is told apart from those
to units' bags, and at the start only if that bag was ever written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .applications import App, Life, Unit
from .values import Event

Bag = dict[str, str]
Told = Iterator[tuple[Unit, Event]]
"""Which unit hears what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One application's end of a relation."""

    app: App
    endpoint: str


@dataclass(eq=False, kw_only=True)
class Link:
    """A relation; a peer relation has one side."""

    id: int
    interface: str
    sides: tuple[Side, ...]
    app_bags: dict[str, Bag] = field(default_factory=dict[str, Bag])
    """By application."""
    unit_bags: dict[str, Bag] = field(default_factory=dict[str, Bag])
    """By unit; a bag stays when its unit leaves, for those that are still to hear of it."""
    scope: dict[str, Unit] = field(default_factory=dict[str, Unit])
    """The units that entered, by name."""
    members: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By unit, the remote units whose relation-joined has run."""
    dying: bool = False
    unit_dying: set[str] = field(default_factory=set[str])
    """The units whose own departure has begun, by name."""

    @property
    def peers(self) -> bool:
        """Whether it is among the units of one application."""
        return len(self.sides) == 1

    def side(self, app: App) -> Side:
        """Return the application's own side."""
        return next(side for side in self.sides if side.app is app)

    def remote(self, app: App) -> App:
        """Return the application at the other end; itself among peers."""
        return next((side.app for side in self.sides if side.app is not app), app)

    def others(self, unit: Unit) -> list[Unit]:
        """Return the remote units that hear of the unit: those in the scope, while nothing ends."""
        if self.dying or unit.name in self.unit_dying:
            return []
        far = self.remote(unit.app)
        return [
            other
            for name, other in self.scope.items()
            if other.app is far and other is not unit and name not in self.unit_dying
        ]

    def event(self, unit: Unit, kind: str, remote: str = "", departing: str = "") -> Event:
        """Return an event of this relation for a unit."""
        endpoint = self.side(unit.app).endpoint
        return Event(
            kind=f"relation-{kind}", about=endpoint, link=self.id, remote=remote, departing=departing
        )

    def enter(self, unit: Unit) -> Told:
        """Let a unit into the scope."""
        if unit.name in self.scope:
            return
        self.unit_bags[unit.name] = addresses(unit)
        self.members[unit.name] = []
        self.scope[unit.name] = unit
        if self.app_bags[self.remote(unit.app).name]:
            yield unit, self.event(unit, "changed")
        for other in self.others(unit):
            for one, another in ((unit, other), (other, unit)):
                yield one, self.event(one, "joined", another.name)
                yield one, self.event(one, "changed", another.name)

    def write_unit(self, unit: Unit, bag: Bag) -> Told:
        """Keep what a unit's hook left in its bag."""
        if bag == self.unit_bags[unit.name]:
            return
        self.unit_bags[unit.name] = bag
        for other in self.others(unit):
            yield other, self.event(other, "changed", unit.name)

    def write_app(self, writer: Unit, bag: Bag) -> Told:
        """Keep what a leader's hook left in its application's bag; among peers the writer is not told."""
        if bag == self.app_bags[writer.app.name]:
            return
        self.app_bags[writer.app.name] = bag
        for other in self.others(writer):
            yield other, self.event(other, "changed")

    def leave(self, unit: Unit) -> Told:
        """Begin a unit's departure: it hears of all members, they hear of it.

        JUJU_DEPARTING_UNIT is the unit that is removed, on both sides.
        """
        self._forget(unit)
        if unit.name not in self.scope:
            return
        self.unit_dying.add(unit.name)
        for name in self.members[unit.name]:
            yield unit, self.event(unit, "departed", name, unit.name)
        yield unit, self.event(unit, "broken")
        for other in self.scope.values():
            other.queue.drop(
                [self.event(other, "joined", unit.name), self.event(other, "changed", unit.name)]
            )
            if unit.name in self.members[other.name] and other.name not in self.unit_dying:
                yield other, self.event(other, "departed", unit.name, unit.name)

    def end(self) -> Told:
        """Begin the end of the relation: everybody hears that everybody left, then that it broke."""
        self.dying = True
        for side in self.sides:
            for unit in side.app.units:
                if unit.name in self.unit_dying:
                    continue
                self._forget(unit)
                if unit.name not in self.scope:
                    continue
                for name in self.members[unit.name]:
                    yield unit, self.event(unit, "departed", name, name)
                yield unit, self.event(unit, "broken")

    def out(self, unit: Unit) -> None:
        """Let a unit out of the scope, after its relation-broken."""
        self.scope.pop(unit.name, None)
        self.members.pop(unit.name, None)
        self.unit_dying.discard(unit.name)

    @property
    def over(self) -> bool:
        """Whether nothing of the relation is left."""
        return self.dying and not self.scope

    def _forget(self, unit: Unit) -> None:
        unit.queue.drop(event for event in unit.queue.events if event.link == self.id)


def addresses(unit: Unit) -> Bag:
    """Return what Juju writes into a unit's bag when it enters a scope, and when its pod moves."""
    return {
        "egress-subnets": f"{unit.address}/32",
        "ingress-address": unit.address,
        "private-address": unit.address,
    }


def joins(link: Link, unit: Unit) -> bool:
    """Whether a unit is to be told of a relation at all."""
    return not link.dying and unit.life in (Life.NEW, Life.ALIVE)
