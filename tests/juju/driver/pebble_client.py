"""The Pebble of one container, as a hook sees it.

`ops.testing` starts every hook with an empty file system, answers commands from a list, and knows no
restart. Here files stay in the pod's folder, commands are answered by the world at the moment they run, and
the world learns of every process that starts or stops.
"""
# pyright: reportPrivateUsage=false
# ruff: noqa: SLF001

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, cast

from ops import pebble, testing
from scenario.mocking import _MockPebbleClient

if TYPE_CHECKING:
    from .pod import Pod


class _Nowhere:
    """A folder for `ops.testing` to wipe and make, while the pod's stays as it is."""

    def exists(self) -> bool:
        return False

    def mkdir(self, *, parents: bool) -> None:
        assert parents


class PebbleClient(_MockPebbleClient):
    """Pebble over a pod's folder."""

    def __init__(self, pod: Pod, *, socket_path: str, **parts: Any) -> None:
        name = socket_path.split("/")[-2]
        super().__init__(socket_path, cast("Path", _Nowhere()), {}, container_name=name, **parts)
        self._root = pod.container_root(name)
        self._pod = pod
        self._name = name

    def _find_exec_handler(self, command: list[str]) -> testing.Exec | None:
        self._check_connection()
        return self._pod.execute(self._name, command) or super()._find_exec_handler(command)

    def get_plan(self) -> pebble.Plan:
        """Return the plan; where all of it is in layers, without a text that is written to be parsed."""
        self._check_connection()
        container = self._container
        if container._base_plan:
            return super().get_plan()
        plan = pebble.Plan()
        plan.services.update(sorted(container._render_services().items()))
        plan.checks.update(sorted(container._render_checks().items()))
        plan.log_targets.update(sorted(container._render_log_targets().items()))
        return plan

    def list_files(
        self, path: str | PurePath, *, pattern: str | None = None, itself: bool = False
    ) -> list[pebble.FileInfo]:
        """List files; storage is a mount, which is a directory, though here a link holds its place."""
        infos = super().list_files(path, pattern=pattern, itself=itself)
        mounts = self._pod.mounts(self._name)
        for info in infos:
            if info.path in mounts:
                info.type = pebble.FileType.DIRECTORY
        return infos

    def start_services(
        self, services: list[str], timeout: float = 30.0, delay: float = 0.1
    ) -> pebble.ChangeID:
        """Start what does not run."""
        waiting = [name for name in services if not self._runs(name)]
        change = super().start_services(services, timeout, delay)
        self._begin(waiting)
        return change

    def stop_services(
        self, services: list[str], timeout: float = 30.0, delay: float = 0.1
    ) -> pebble.ChangeID:
        """Stop what runs."""
        running = [name for name in services if self._runs(name)]
        change = super().stop_services(services, timeout, delay)
        for name in running:
            self._pod.stopped(self._name, name)
        return change

    def restart_services(
        self, services: list[str], timeout: float = 30.0, delay: float = 0.1
    ) -> pebble.ChangeID:
        """Restart services, or start those that do not run."""
        change = super().restart_services(services, timeout, delay)
        self._begin(services)
        return change

    def autostart_services(self, timeout: float = 30.0, delay: float = 0.1) -> None:
        """Start what is enabled and does not run."""
        self._check_connection()
        waiting = [
            name
            for name, service in self._render_services().items()
            if service.startup == pebble.ServiceStartup.ENABLED.value and not self._runs(name)
        ]
        super().autostart_services(timeout, delay)
        self._begin(waiting)

    def replan_services(self, timeout: float = 30.0, delay: float = 0.1) -> None:
        """Restart what runs from an older plan, and start what is enabled.

        https://documentation.ubuntu.com/pebble/reference/cli-commands/ ("replan").
        """
        self._check_connection()
        planned = self._render_services()
        changed = [
            name
            for name, service in planned.items()
            if self._runs(name) and self._pod.running[self._name].get(name) != service.to_dict()
        ]
        super().replan_services(timeout, delay)
        self._begin(changed)

    def _runs(self, name: str) -> bool:
        return self._service_status.get(name) == pebble.ServiceStatus.ACTIVE

    def _begin(self, names: list[str]) -> None:
        planned = self._render_services()
        for name in names:
            self._pod.started(self._name, planned[name])
