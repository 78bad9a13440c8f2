"""What a hook sees and writes while it runs: committed when it succeeds, forgotten when it fails."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from stage.errors import ToolError
from stage.secrets import Secret
from stage.world import Application, Bag, Hook, Model, Relation, Task, Unit


@dataclass(slots=True)
class Context:
    """A running hook. What it reads of others' databags and of the config stays the same to its end."""

    model: Model
    unit: Unit
    hook: Hook
    task: Task | None = None
    id: str = field(default_factory=lambda: f"{uuid.uuid4().hex}")
    config: dict[str, bool | int | float | str] = field(default_factory=dict[str, bool | int | float | str])
    ports: set[str] = field(default_factory=set[str])
    state: dict[str, str] = field(default_factory=dict[str, str])
    bag_writes: dict[tuple[int, str], dict[str, str]] = field(
        default_factory=dict[tuple[int, str], dict[str, str]]
    )
    bag_reads: dict[tuple[int, str], dict[str, str]] = field(
        default_factory=dict[tuple[int, str], dict[str, str]]
    )
    secret_writes: dict[str, Secret | None] = field(default_factory=dict[str, Secret | None])
    task_failed: bool = False
    killed: bool = False

    def __post_init__(self) -> None:
        self.config = self.app.effective_config(self.unit.charm)
        self.ports = set(self.unit.ports)
        self.state = dict(self.unit.state)

    @property
    def app(self) -> Application:
        """Return the unit's application."""
        return self.model.apps[self.unit.app]

    @property
    def is_leader(self) -> bool:
        """Whether the unit leads now; asked anew each time, as a lease is."""
        return self.app.leader == self.unit.name

    @property
    def log_path(self) -> Path:
        """Return the unit's log."""
        return self.unit.folder / "unit.log"

    def relation(self, reference: str | None) -> Relation:
        """Return the relation that `ID` or `ENDPOINT:ID` names, or the hook's own if there is no reference.

        Raises:
            ToolError: The unit is in no such relation.
        """
        if reference is None:
            id_ = self.hook.relation
            if id_ is None:
                raise ToolError("no relation id specified")
            endpoint = ""
        else:
            endpoint, _, number = reference.rpartition(":")
            if not number.isdigit():
                raise ToolError(f'invalid value "{reference}" for option -r: invalid relation id')
            id_ = int(number)
        relation = self.model.relations.get(id_)
        view = self.unit.relations.get(id_)
        if relation is None or view is None or view.broken:
            raise ToolError(f'invalid value "{reference}" for option -r: relation not found')
        side = relation.side(self.unit.app)
        if side is None or (endpoint and side.endpoint.name != endpoint):
            raise ToolError(f'invalid value "{reference}" for option -r: relation not found')
        return relation

    def members(self, relation: Relation) -> list[str]:
        """Return the units that this unit was told of, with the hook's own news taken in."""
        members = set(self.unit.relations[relation.id].members)
        if relation.id == self.hook.relation and self.hook.member:
            if self.hook.kind == "relation-departed":
                members.discard(self.hook.member)
            else:
                members.add(self.hook.member)
        return sorted(members)

    def read_bag(self, relation: Relation, entity: str) -> dict[str, str]:
        """Return a databag: the unit's own with what the hook wrote; another's as it was when first read."""
        key = (relation.id, entity)
        bags = relation.unit_bags if "/" in entity else relation.app_bags
        if entity not in (self.unit.name, self.unit.app):
            if key not in self.bag_reads:
                self.bag_reads[key] = dict(bags.get(entity, Bag()).data)
            return dict(self.bag_reads[key])
        merged = {**bags.get(entity, Bag()).data, **self.bag_writes.get(key, {})}
        return {name: value for name, value in merged.items() if value}

    def write_bag(self, relation: Relation, entity: str, changes: dict[str, str]) -> None:
        """Keep changes of the unit's, or its application's, databag for the commit."""
        self.bag_writes.setdefault((relation.id, entity), {}).update(changes)

    def secrets(self) -> dict[str, Secret]:
        """Return all secrets, with what the hook changed of them."""
        merged: dict[str, Secret | None] = {**self.model.secrets.secrets, **self.secret_writes}
        return {id_: secret for id_, secret in merged.items() if secret is not None}

    def editable_secret(self, id_: str) -> Secret:
        """Return the hook's own copy of a secret, to change it."""
        written = self.secret_writes.get(id_)
        if written is None:
            written = self.model.secrets.secrets[id_].copy()
            self.secret_writes[id_] = written
        return written

    def commit(self) -> None:
        """Take over all that the hook wrote.

        Raises:
            ToolError: The unit wrote what only a leader may, and leads no more; nothing is taken over.
        """
        writes_app = any("/" not in entity for _, entity in self.bag_writes)
        if writes_app and not self.is_leader:
            raise ToolError(f"cannot write settings of application {self.unit.app}: not the leader")
        for (relation_id, entity), changes in self.bag_writes.items():
            relation = self.model.relations.get(relation_id)
            if relation:
                self._commit_bag(relation, entity, changes)
        for id_, secret in self.secret_writes.items():
            if secret is None:
                self.model.secrets.remove(id_)
            else:
                self.model.secrets.secrets[id_] = secret
        self.unit.ports = self.ports
        self.unit.state = self.state
        self.model.changed.notify_all()

    def roll_back(self) -> None:
        """Forget what the hook wrote; what it tracked of secrets that it changed falls back with them."""
        store = self.model.secrets
        for key, consumer in list(store.consumers.items()):
            secret = store.secrets.get(key[0])
            if secret is None:
                store.consumers.pop(key)
            else:
                consumer.tracked = min(consumer.tracked, secret.latest)

    def _commit_bag(self, relation: Relation, entity: str, changes: dict[str, str]) -> None:
        bags = relation.unit_bags if "/" in entity else relation.app_bags
        bag = bags.setdefault(entity, Bag())
        changed = bag.put(changes)
        # A leader isn't told of what it wrote into its own peer databag.
        if changed and relation.is_peer and entity == self.unit.app:
            self.unit.relations[relation.id].apps[entity] = bag.version
