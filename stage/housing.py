"""A unit's pod: made, tried again where it can't be, replaced, and what its Pebbles tell the unit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stage.clock import now_s
from stage.packing import unpack
from stage.resolver import address_keys
from stage.seam import ContainerSpec, Pod, PodEvent, PodSpec
from stage.world import Bag, Hook, Model, Unit

if TYPE_CHECKING:
    from stage.host import Host

RETRY_S = 2.0

_EVENT_HOOKS = {
    "pebble-ready": "pebble-ready",
    "custom-notice": "pebble-custom-notice",
    "check-failed": "pebble-check-failed",
    "check-recovered": "pebble-check-recovered",
}
_EVENT_FACTS = {
    "notice-id": "JUJU_NOTICE_ID",
    "notice-type": "JUJU_NOTICE_TYPE",
    "notice-key": "JUJU_NOTICE_KEY",
    "check-name": "JUJU_PEBBLE_CHECK_NAME",
}


class Housing:
    """Gives a unit its pods, one after the other."""

    def __init__(self, host: Host, model: Model, unit: Unit, say: Callable[[str], None]) -> None:
        self._host = host
        self._model = model
        self._unit = unit
        self._say = say
        self.pod: Pod | None = None
        self.retry_at_s = 0.0
        self._moves = False

    @property
    def charm_dir(self) -> Path:
        """Return where the pod has its charm."""
        return self._unit.folder / "charm"

    def start(self) -> None:
        """Start a pod; where that fails the unit waits, as for an image that can't be pulled."""
        try:
            self._start()
        except Exception as error:
            self.pod = None
            self._say(f"cannot start its pod: {error}")
            with self._model.changed:
                self._unit.set_workload("waiting", f"cannot start the pod: {error}")
                self.retry_at_s = now_s() + RETRY_S
                self._model.changed.notify_all()

    def _start(self) -> None:
        unit, app = self._unit, self._model.apps[self._unit.app]
        with self._model.changed:
            unit.charm = app.charm
            self._move()
        unpack(unit.charm.folder, self.charm_dir)
        folder = unit.folder / "pod"
        folder.mkdir(parents=True, exist_ok=True)
        hostname = unit.name.replace("/", "-")
        fqdn = f"{hostname}.{app.name}-endpoints.{self._model.name}.svc.cluster.local"
        containers = self._containers()
        spec = PodSpec(unit.name, hostname, fqdn, unit.address, folder, self.charm_dir, containers)
        pod = self._host.make_pod(spec)
        self.pod = pod
        self._host.add_hosts(self._model, unit, fqdn)
        pod.start(lambda event: self._on_event(pod, event))
        self._say(f"has a pod at {unit.address}")
        with self._model.changed:
            unit.pod_up = True
            unit.pod_due = ""
            self._model.changed.notify_all()

    def _containers(self) -> tuple[ContainerSpec, ...]:
        app = self._model.apps[self._unit.app]
        folders = {storage.name: storage.folder for storage in self._unit.storages.values()}
        return tuple(
            ContainerSpec(
                container.name,
                self._host.resource(app, container.resource),
                {location: folders[storage] for storage, location in container.mounts},
            )
            for container in self._unit.charm.containers
        )

    def give_up(self) -> None:
        """End the pod, and ask for another: storage and name stay, the address changes.

        The charm is new to the next pod, so that `upgrade-charm` comes before `config-changed` and `start`.
        Source: "What happens after juju refresh", canonical-charm-refresh.
        """
        pod, unit = self.pod, self._unit
        self.pod = None
        if pod:
            pod.lose()
        with self._model.changed:
            unit.pod_up = False
            unit.pod_due = "start"
            self._moves = True
            unit.events.clear()
            unit.started = False
            unit.failure = None
            unit.upgrade_due = unit.installed
            unit.set_agent("lost", "agent is not communicating with the server")
            self._model.changed.notify_all()

    def _move(self) -> None:
        """Give the unit another address, once, when its new pod comes: until then nobody knows of one."""
        unit = self._unit
        if not self._moves:
            return
        self._moves = False
        unit.address = self._host.new_address()
        for relation_id in unit.relations:
            relation = self._model.relations.get(relation_id)
            if relation:
                relation.unit_bags.setdefault(unit.name, Bag()).put(address_keys(unit))

    def close(self, *, forget: bool) -> None:
        """End the pod for good; `forget` its containers' file systems too."""
        if self.pod:
            self.pod.stop()
            if forget:
                self.pod.lose()

    def _on_event(self, pod: Pod, event: PodEvent) -> None:
        kind = _EVENT_HOOKS[event.kind]
        facts = [("JUJU_WORKLOAD_NAME", event.container)]
        facts += [(_EVENT_FACTS[name], value) for name, value in event.facts.items()]
        with self._model.changed:
            if pod is self.pod:
                self._unit.events.append(Hook(kind, f"{event.container}-{kind}", tuple(facts)))
                self._model.changed.notify_all()
