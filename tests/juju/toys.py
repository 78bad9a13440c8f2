"""Small charms that the driver's own tests deploy."""

from __future__ import annotations

from typing import Any

import ops
from driver import CharmData


class Recorder(ops.CharmBase):
    """Does nothing with any event."""


class Provider(ops.CharmBase):
    """Its leader publishes a greeting and a password; every unit publishes the address it is bound to."""

    stored = ops.StoredState()

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self.stored.set_default(hooks=0)
        for event in self.on.events().values():
            if issubclass(event.event_type, ops.HookEvent):
                framework.observe(event, self._reconcile)
        framework.observe(self.on.secret_remove, self._on_secret_remove)
        framework.observe(self.on.count_action, self._on_count)
        framework.observe(self.on.break_action, self._on_break)

    def _reconcile(self, event: ops.EventBase) -> None:
        self.stored.hooks = int(str(self.stored.hooks)) + 1
        binding = self.model.get_binding("data")
        assert binding
        if isinstance(event, ops.SecretChangedEvent):
            event.secret.get_content(refresh=True)
        for relation in self.model.relations["data"]:
            if isinstance(event, ops.RelationBrokenEvent) and event.relation.id == relation.id:
                continue
            relation.data[self.unit]["address"] = str(binding.network.bind_address)
            if self.unit.is_leader():
                relation.data[self.app]["greeting"] = str(self.config["greeting"])
                self._share_password(relation)
        peers = self.model.get_relation("peers")
        if peers and self.unit.is_leader() and not isinstance(event, ops.RelationBrokenEvent):
            peers.data[self.app]["leader"] = self.unit.name
        said = peers.data[self.app].get("leader", "nobody") if peers else "alone"
        self.unit.status = ops.ActiveStatus(f"led by {said}")

    def _share_password(self, relation: ops.Relation) -> None:
        content = {"password": str(self.config["password"])}
        try:
            secret = self.model.get_secret(label="password")
        except ops.SecretNotFoundError:
            secret = self.app.add_secret(content, label="password")
        if secret.peek_content() != content:
            secret.set_content(content)
        secret.grant(relation)
        relation.data[self.app]["password"] = str(secret.get_info().id)

    def _on_secret_remove(self, event: ops.SecretRemoveEvent) -> None:
        event.remove_revision()

    def _on_count(self, event: ops.ActionEvent) -> None:
        event.log("counting")
        event.set_results({"planned": self.app.planned_units(), "up-to": event.params["up-to"]})

    def _on_break(self, event: ops.ActionEvent) -> None:
        event.fail("broken")


class Requirer(ops.CharmBase):
    """Says in its status what it reads; follows the password to its newest revision."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        framework.observe(self.on["data"].relation_changed, self._on_changed)
        framework.observe(self.on.secret_changed, self._on_secret_changed)
        framework.observe(self.on["data"].relation_broken, self._on_broken)

    def _on_changed(self, event: ops.RelationChangedEvent) -> None:
        bag = event.relation.data[event.app]
        if password := bag.get("password"):
            self._say(bag.get("greeting", ""), self.model.get_secret(id=password).get_content())

    def _on_secret_changed(self, event: ops.SecretChangedEvent) -> None:
        self._say("changed", event.secret.get_content(refresh=True))

    def _on_broken(self, event: ops.RelationBrokenEvent) -> None:
        self.unit.status = ops.BlockedStatus(f"no {event.relation.name}")

    def _say(self, greeting: str, content: dict[str, str]) -> None:
        self.unit.status = ops.ActiveStatus(f"{greeting} {content['password']}")


class Busybody(ops.CharmBase):
    """Counts upwards in its bag whenever the other side does."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        framework.observe(self.on["peers"].relation_changed, self._on_changed)

    def _on_changed(self, event: ops.RelationChangedEvent) -> None:
        bag = event.relation.data[self.unit]
        bag["count"] = str(int(bag.get("count", "0")) + 1)


class Usurper(ops.CharmBase):
    """A follower of it does what only a leader may; the configuration says what."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        framework.observe(self.on["data"].relation_joined, self._on_joined)

    def _on_joined(self, event: ops.RelationJoinedEvent) -> None:
        if self.unit.is_leader():
            return
        if self.config["deed"] == "write":
            event.relation.data[self.app]["mine"] = "now"
        if self.config["deed"] == "read":
            event.relation.data[self.app].get("mine")
        if self.config["deed"] == "secret":
            self.app.add_secret({"key": "value"})


class Service(ops.CharmBase):
    """Runs a process in its container, from a file it writes, checked by a command."""

    probe: Any = None
    """The seam: what asks the process whether it is well."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        for event in (self.on["app"].pebble_ready, self.on.config_changed, self.on.update_status):
            framework.observe(event, self._reconcile)
        framework.observe(self.on["app"].pebble_check_recovered, self._on_recovered)

    def _reconcile(self, _: ops.EventBase) -> None:
        container = self.unit.get_container("app")
        if not container.can_connect():
            self.unit.status = ops.WaitingStatus("no pebble")
            return
        text = str(self.config["text"])
        container.push("/etc/app/config", text, make_dirs=True)
        if not container.exists("/data/first"):
            container.push("/data/first", text)
        try:
            container.exec(["app", "-verify", "/etc/app/config"]).wait_output()
        except ops.pebble.ExecError as error:  # pyright: ignore[reportUnknownVariableType]
            self.unit.status = ops.BlockedStatus(str(error.stderr))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            return
        environment = {"TEXT": text}
        container.add_layer("app", _layer(environment), combine=True)
        container.replan()
        self.unit.open_port("tcp", 80)
        self.unit.status = ops.MaintenanceStatus(f"asked {self.probe}")

    def _on_recovered(self, event: ops.PebbleCheckRecoveredEvent) -> None:
        self.unit.status = ops.ActiveStatus(
            f"{event.info.name} is {ops.pebble.CheckStatus(event.info.status).value}"
        )


def _layer(environment: dict[str, str]) -> ops.pebble.LayerDict:
    return {
        "services": {
            "app": {"override": "replace", "command": "app", "startup": "enabled", "environment": environment}
        },
        "checks": {
            "ready": {"override": "replace", "threshold": 3, "http": {"url": "http://127.0.0.1/ready"}}
        },
    }


RECORDER = CharmData(
    charm=Recorder,
    meta={
        "name": "recorder",
        "requires": {"data": {"interface": "data"}},
        "peers": {"peers": {"interface": "recorders"}},
        "containers": {"app": {"mounts": [{"storage": "data", "location": "/data"}]}},
        "storage": {"data": {"type": "filesystem"}},
    },
)
PROVIDER = CharmData(
    charm=Provider,
    meta={
        "name": "provider",
        "provides": {"data": {"interface": "data"}},
        "peers": {"peers": {"interface": "providers"}},
    },
    config={
        "options": {
            "greeting": {"type": "string", "default": "hello"},
            "password": {"type": "string", "default": "one"},
            "size": {"type": "int"},
        }
    },
    actions={"count": {"params": {"up-to": {"type": "integer"}}}, "break": {}},
)
REQUIRER = CharmData(
    charm=Requirer, meta={"name": "requirer", "requires": {"data": {"interface": "data", "limit": 1}}}
)
BUSYBODY = CharmData(charm=Busybody, meta={"name": "busybody", "peers": {"peers": {"interface": "busy"}}})
USURPER = CharmData(
    charm=Usurper,
    meta={"name": "usurper", "provides": {"data": {"interface": "data"}}},
    config={"options": {"deed": {"type": "string"}}},
)
SERVICE = CharmData(
    charm=Service,
    meta={
        "name": "service",
        "containers": {"app": {"mounts": [{"storage": "data", "location": "/data"}]}},
        "storage": {"data": {"type": "filesystem"}},
    },
    config={"options": {"text": {"type": "string", "default": "good"}}},
)
