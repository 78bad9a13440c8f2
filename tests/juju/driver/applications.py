"""Applications and their units: what Juju keeps of each between two hooks."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops import testing

from .metadata import Spec
from .pod import Pod
from .values import Event

Value = str | int | float | bool

CONFIG_CHANGED = Event(kind="config-changed")
INSTALL = Event(kind="install")
LEADER_ELECTED = Event(kind="leader-elected")
REMOVE = Event(kind="remove")
START = Event(kind="start")
STOP = Event(kind="stop")
UPGRADE_CHARM = Event(kind="upgrade-charm")


class Life(enum.Enum):
    """How far a unit is in its life."""

    NEW = "new"
    """Not installed yet."""
    ALIVE = "alive"
    DYING = "dying"
    GONE = "gone"


class Queue:
    """What a unit is still to be told, in order, nothing twice.

    Each event has the number of its arrival in the whole model, so that the oldest can be told first.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Event]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, event: Event) -> bool:
        return any(waiting == event for _, waiting in self._waiting)

    @property
    def events(self) -> tuple[Event, ...]:
        """What waits."""
        return tuple(event for _, event in self._waiting)

    @property
    def arrival(self) -> int:
        """When the first of them arrived."""
        return self._waiting[0][0]

    def add(self, arrival: int, event: Event) -> None:
        """Add an event, unless it waits already: Juju tells of a change once, however often it changed."""
        if event not in self:
            self._waiting.append((arrival, event))

    def add_first(self, arrival: int, events: Iterable[Event]) -> None:
        """Add events before all others; those that wait already move there."""
        first = list(events)
        self.drop(first)
        self._waiting.extendleft((arrival, event) for event in reversed(first))

    def take(self) -> Event:
        """Take the first."""
        return self._waiting.popleft()[1]

    def drop(self, events: Iterable[Event]) -> None:
        """Forget events that lost their point."""
        unwanted = set(events)
        self._waiting = deque(entry for entry in self._waiting if entry[1] not in unwanted)


@dataclass(eq=False, kw_only=True)
class App:
    """An application."""

    name: str
    spec: Spec
    """What new pods run."""
    config: dict[str, Value] = field(default_factory=dict[str, Value])
    template: testing.State | None = None
    units: list[Unit] = field(default_factory=list["Unit"])
    """Those that are not gone, by number."""
    leader: Unit | None = None
    next_number: int = 0
    last: testing.State = field(default_factory=testing.State, repr=False)
    """What its leader's last hook left: the application's status."""
    workload_version: str = ""
    to_refresh: list[Unit] = field(default_factory=list["Unit"])
    """The units whose pods are still to be replaced; the last of them is next, as StatefulSets do it."""

    @property
    def status(self) -> str:
        """The status that its leader set."""
        return _printed(self.last.app_status)

    @property
    def planned_units(self) -> int:
        """How many units are to stay."""
        return sum(unit.life is not Life.DYING for unit in self.units)


@dataclass(eq=False, kw_only=True)
class Unit:
    """A unit of an application."""

    app: App
    number: int
    spec: Spec
    """What its pod runs; behind the application's during a refresh."""
    address: str
    storages: dict[str, int]
    """Each storage's number in the model, by name."""
    life: Life = Life.NEW
    queue: Queue = field(default_factory=Queue)
    attached: set[str] = field(default_factory=set[str])
    last: testing.State = field(default_factory=testing.State, repr=False)
    """What the last hook left: status, ports, stored state, deferred events."""
    attempts: int = 0
    """How often the hook at the head of the queue has failed."""
    killed: bool = False
    """Whether its next hook dies at its end."""
    connects_early: bool = False
    """Whether Pebble answers before the hooks say so: pods and hooks keep no common time."""
    pod: Pod = field(init=False, repr=False)

    @property
    def name(self) -> str:
        """Application and number."""
        return f"{self.app.name}/{self.number}"

    @property
    def containers(self) -> dict[str, testing.Container]:
        """The pod's containers by name."""
        return self.pod.containers

    @property
    def is_leader(self) -> bool:
        """Whether the unit leads its application."""
        return self.app.leader is self

    @property
    def status(self) -> str:
        """The unit's status as `juju status` prints it."""
        return _printed(self.last.unit_status)

    def files(self, container: str) -> Path:
        """Return the folder that is a container's file system now."""
        return self.pod.container_root(container)

    def __repr__(self) -> str:
        return f"Unit({self.name})"


def _printed(status: Any) -> str:
    return f"{status.name}: {status.message}" if status.message else str(status.name)
