"""The state of a model: what Juju's controller knows, and what each unit's agent has seen of it.

Everything here is guarded by one lock, `Model.changed`; whoever changes something notifies on it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stage.charm import Charm, Endpoint
from stage.clock import now_s
from stage.logbook import Logbook
from stage.secrets import SecretStore

Life = Literal["alive", "dying", "dead"]


@dataclass(frozen=True, slots=True)
class Hook:
    """One thing that a unit's agent runs the charm for.

    `facts` are the environment variables that only this hook has; `version` is what the unit will
    have seen once the hook succeeded.
    """

    kind: str
    name: str
    facts: tuple[tuple[str, str], ...] = ()
    relation: int | None = None
    member: str | None = None
    version: int = 0
    key: str = ""


@dataclass(slots=True)
class Status:
    """A status, and since when."""

    current: str
    message: str = ""
    since_s: float = field(default_factory=now_s)


@dataclass(slots=True)
class RelationView:
    """What a unit has been told of a relation."""

    created: bool = False
    broken: bool = False
    members: dict[str, int] = field(default_factory=dict[str, int])
    apps: dict[str, int] = field(default_factory=dict[str, int])
    changed_pending: str | None = None


@dataclass(slots=True)
class Side:
    """An application's end of a relation."""

    app: str
    endpoint: Endpoint


@dataclass(slots=True)
class Bag:
    """A relation databag; `version` grows with each commit that changed it."""

    data: dict[str, str] = field(default_factory=dict[str, str])
    version: int = 0

    def put(self, changes: dict[str, str]) -> bool:
        """Take over `changes`, where an empty text deletes; say whether anything differs now."""
        before = dict(self.data)
        for key, value in changes.items():
            if value:
                self.data[key] = value
            else:
                self.data.pop(key, None)
        if self.data == before:
            return False
        self.version += 1
        return True


@dataclass(slots=True)
class Relation:
    """A relation: one side if it is a peer relation, else two."""

    id: int
    sides: tuple[Side, ...]
    life: Life = "alive"
    app_bags: dict[str, Bag] = field(default_factory=dict[str, Bag])
    unit_bags: dict[str, Bag] = field(default_factory=dict[str, Bag])
    in_scope: set[str] = field(default_factory=set[str])

    @property
    def is_peer(self) -> bool:
        """Whether the units of one application relate to each other."""
        return len(self.sides) == 1

    def side(self, app: str) -> Side | None:
        """Return the end that `app` has."""
        return next((side for side in self.sides if side.app == app), None)

    def far(self, app: str) -> Side:
        """Return the end that `app` looks at: its own for a peer relation."""
        return next((side for side in self.sides if side.app != app), self.sides[0])


@dataclass(slots=True)
class StorageInstance:
    """A storage of a unit; `folder` is on the host, and outlives the pod."""

    id: str
    name: str
    folder: Path
    attached: bool = False
    detached: bool = False


@dataclass(slots=True)
class Task:
    """An action that a unit was asked to run."""

    id: str
    unit: str
    action: str
    params: dict[str, Any]
    status: str = "pending"
    results: dict[str, Any] = field(default_factory=dict[str, Any])
    message: str = ""
    log: list[str] = field(default_factory=list[str])
    output: dict[str, str] = field(default_factory=dict[str, str])
    return_code: int = 0
    enqueued_s: float = field(default_factory=now_s)
    started_s: float = 0.0
    ended_s: float = 0.0


@dataclass(slots=True)
class Failure:
    """A hook that failed, and when it is tried again."""

    hook: Hook
    tries: int
    retry_at_s: float


@dataclass(slots=True)
class Unit:
    """A unit, with everything its agent remembers."""

    name: str
    app: str
    number: int
    folder: Path
    address: str
    charm: Charm
    life: Life = "alive"
    installed: bool = False
    started: bool = False
    stopped: bool = False
    removed: bool = False
    leader_seen: bool = False
    config_seen: str | None = None
    upgrade_due: bool = False
    update_status_due: bool = False
    pod_due: Literal["", "start", "lose", "replace"] = "start"
    pod_up: bool = False
    away: bool = False
    """Whether no pod comes in place of one that was lost, until that is asked for."""
    running: Hook | None = None
    failure: Failure | None = None
    kill_at: str | None = None
    destroys_storage: bool = False
    relations: dict[int, RelationView] = field(default_factory=dict[int, RelationView])
    storages: dict[str, StorageInstance] = field(default_factory=dict[str, StorageInstance])
    events: deque[Hook] = field(default_factory=deque[Hook])
    tasks: deque[str] = field(default_factory=deque[str])
    ports: set[str] = field(default_factory=set[str])
    state: dict[str, str] = field(default_factory=dict[str, str])
    workload: Status = field(default_factory=lambda: Status("waiting", "installing agent"))
    agent: Status = field(default_factory=lambda: Status("allocating"))
    history: deque[Status] = field(default_factory=lambda: deque[Status](maxlen=200))

    def set_workload(self, current: str, message: str = "") -> None:
        """Set the workload's status, and keep it in the history if it differs."""
        if (self.workload.current, self.workload.message) != (current, message):
            self.workload = Status(current, message)
            self.history.append(self.workload)

    def set_agent(self, current: str, message: str = "") -> None:
        """Set the agent's status."""
        if (self.agent.current, self.agent.message) != (current, message):
            self.agent = Status(current, message)


@dataclass(slots=True)
class Application:
    """A deployed charm."""

    name: str
    uid: str
    charm: Charm
    revision: int = 0
    life: Life = "alive"
    trust: bool = False
    leader: str | None = None
    version: str = ""
    status: Status | None = None
    config: dict[str, bool | int | float | str] = field(default_factory=dict[str, bool | int | float | str])
    resources: dict[str, str] = field(default_factory=dict[str, str])
    units: dict[str, Unit] = field(default_factory=dict[str, Unit])

    def effective_config(self, charm: Charm) -> dict[str, bool | int | float | str]:
        """Return what `charm`'s options are set to, or default to; those with neither are left out."""
        values = {name: self.config.get(name, option.default) for name, option in charm.options.items()}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(slots=True)
class Model:
    """A model: applications and what binds them."""

    name: str
    uuid: str
    folder: Path
    log: Logbook
    changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))
    apps: dict[str, Application] = field(default_factory=dict[str, Application])
    relations: dict[int, Relation] = field(default_factory=dict[int, Relation])
    secrets: SecretStore = field(default_factory=SecretStore)
    tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    hosts: dict[str, str] = field(default_factory=dict[str, str])
    settings: dict[str, str] = field(default_factory=dict[str, str])
    rollouts: int = 0
    next_relation: int = 0
    next_storage: int = 0
    next_task: int = 1

    def units(self) -> Iterator[Unit]:
        """Yield every unit."""
        for app in self.apps.values():
            yield from app.units.values()

    def unit(self, name: str) -> Unit | None:
        """Return a unit by name, or None."""
        app = self.apps.get(name.partition("/")[0])
        return app.units.get(name) if app else None

    def relations_of(self, app: str) -> list[Relation]:
        """Return the relations that an application is part of, by id."""
        return [relation for _, relation in sorted(self.relations.items()) if relation.side(app)]

    def members(self, relation: Relation, unit: Unit) -> dict[str, int]:
        """Return the units that `unit` meets over a relation, with the versions of their databags.

        One that begins to go departs for all others at once, though it stays in scope until its own
        relation-broken. Source: state/cleanup.go, cleanupDyingUnit, which calls PrepareLeaveScope.
        """
        far = relation.far(unit.app).app
        return {
            name: relation.unit_bags[name].version
            for name in sorted(relation.in_scope, key=unit_key)
            if name != unit.name and name.partition("/")[0] == far and self._stays(name)
        }

    def _stays(self, name: str) -> bool:
        unit = self.unit(name)
        return unit is not None and unit.life == "alive"


def unit_key(name: str) -> tuple[str, int]:
    """Sort unit names by application, then number."""
    app, _, number = name.partition("/")
    return app, int(number or 0)
