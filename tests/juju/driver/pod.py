"""A unit's pod: what is lost with it (address, containers, processes, files) and what is not (storage)."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import pebble, testing

from .metadata import container_of
from .values import DriverError
from .world import World

if TYPE_CHECKING:
    from .applications import Unit


class Pod:
    """The containers of a unit, from one loss of the pod to the next."""

    def __init__(self, unit: Unit, root: Path, world: World, new_secret_id: Callable[[], str]) -> None:
        self.containers: dict[str, testing.Container] = {}
        self.running: dict[str, dict[str, Mapping[str, Any]]] = {}
        """By container and service, the plan that its process was started from."""
        self.new_secret_id = new_secret_id
        self._unit = unit
        self._root = root
        self._world = world
        self._births = 0

    def bring_up(self) -> None:
        """Bring up new, empty containers; none answers before `connect`."""
        if self._births:
            shutil.rmtree(self._generation(), ignore_errors=True)
            self._world.lost(self._unit)
        self._births += 1
        self.containers.clear()
        for name in self._unit.spec.containers:
            container = self._world.container_for(self._unit, name) or container_of(
                self._unit.spec, name, self._unit.app.template
            )
            self.containers[name] = dataclasses.replace(container, can_connect=False)
            self.running[name] = {}

    def connect(self, name: str) -> None:
        """Let Pebble answer in a container."""
        if not self.containers[name].can_connect:
            self.containers[name] = dataclasses.replace(self.containers[name], can_connect=True)

    def set_check(self, container: str, check: str, status: pebble.CheckStatus, failures: int) -> None:
        """Let a check have this status; it must be in the container's plan."""
        held = self.containers[container]
        known = {info.name: info for info in held.check_infos}
        if check not in known:
            raise DriverError(
                f"cannot set check {check!r} of {container}: it has {', '.join(known) or 'none'}"
            )
        known[check] = dataclasses.replace(known[check], status=status, failures=failures, change_id=None)
        self.containers[container] = dataclasses.replace(held, check_infos=frozenset(known.values()))

    def mounts(self, container: str) -> dict[str, str]:
        """Return the storages of a container by path."""
        return self._unit.spec.mounts(container)

    def container_root(self, name: str) -> Path:
        """Return the folder that is the container's file system."""
        root = self._generation() / name
        if not root.exists():
            root.mkdir(parents=True)
            for location, storage in self.mounts(name).items():
                place = root / location.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(self.storage_root(storage, self._unit.storages[storage]))
        return root

    def storage_root(self, name: str, index: int) -> Path:
        """Return the folder that is a storage; it outlives the pod."""
        root = self._root / "storage" / f"{name}-{index}"
        root.mkdir(parents=True, exist_ok=True)
        return root

    def execute(self, container: str, command: Sequence[str]) -> testing.Exec | None:
        """Ask the world for a command's answer."""
        return self._world.execute(self._unit, container, command)

    def started(self, container: str, service: pebble.Service) -> None:
        """Keep what a process was started from, and tell the world."""
        self.running[container][service.name] = service.to_dict()
        self._world.started(self._unit, container, service)

    def stopped(self, container: str, service: str) -> None:
        """Tell the world that a process ended."""
        self.running[container].pop(service, None)
        self._world.stopped(self._unit, container, service)

    def _generation(self) -> Path:
        return self._root / f"pod-{self._births}"
