"""Pebble as the supervisor of a cluster's processes: the same layers as in the charms.

One Pebble runs for each cluster, in a session of its own, so that it outlives the command that
started it.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from ops import pebble

from rolecall.core.model import ProcessSpec
from rolecall.core.telemetry import AGENTS, LogTarget
from rolecall.layers import service_of
from rolecall.local import processes
from rolecall.local.home import Home

if TYPE_CHECKING:
    from ops.pebble import LogTargetDict

GATEWAY = "gateway"
"""Name of the process that is the cluster's entrypoint."""
_SELF = "supervisor"
_LOGS = "telemetry"
"""Name of the layer and of the target that logs are forwarded to."""
_MOST_LOG_BYTES = 64 * 2**20


class SupervisorError(Exception):
    """The supervisor cannot be reached, or refused."""


_NOT_HEARD = (pebble.Error, OSError, HTTPException)
"""What its client raises: of a connection that breaks only some is an error of its own."""


@contextmanager
def _speaking() -> Generator[None]:
    """Say in one way that the supervisor can't be reached, or refuses."""
    try:
        yield
    except _NOT_HEARD as error:
        fact = " ".join(str(error).split()) or type(error).__name__
        raise SupervisorError(f"cannot speak with the supervisor: {fact}; call up again") from error


class Supervisor:
    """One cluster's Pebble.

    Whatever is asked of it raises SupervisorError when it can't be reached, or refuses.
    """

    def __init__(self, home: Home, binary: Path) -> None:
        """Speak to the Pebble of `home`; `binary` starts it when it doesn't run."""
        self._home = home
        self._binary = binary
        self._client = pebble.Client(str(home.socket), timeout=10.0)

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        try:
            self._client.get_system_info()
        except _NOT_HEARD:
            return False
        return True

    def ensure(self, *, timeout_s: float = 10.0) -> None:
        """Have it run; what an earlier one left behind is ended first."""
        if self.alive:
            return
        processes.end_all(self._home.root)
        self._home.socket.unlink(missing_ok=True)
        self._home.pebble.mkdir(parents=True, exist_ok=True)
        self._home.log.parent.mkdir(parents=True, exist_ok=True)
        self._cut_log()
        with self._home.log.open("ab") as log:
            daemon = subprocess.Popen(
                [str(self._binary), "run", "--hold", "--create-dirs", "--verbose"],
                env={
                    **os.environ,
                    "PEBBLE": str(self._home.pebble),
                    "PEBBLE_SOCKET": str(self._home.socket),
                    processes.HOME_VARIABLE: str(self._home.root),
                    processes.UNIT_VARIABLE: _SELF,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(lambda: self.alive or daemon.poll() is not None, timeout_s, "the supervisor to answer")
        if not self.alive:
            raise SupervisorError(
                f"cannot start the supervisor: pebble ended with {daemon.returncode}; see {self._home.log}"
            )
        # It belongs to nobody from here on: without this the interpreter warns of a child left running.
        daemon.returncode = 0

    def _cut_log(self) -> None:
        """Keep one older log beside the present one."""
        try:
            if self._home.log.stat().st_size > _MOST_LOG_BYTES:
                self._home.log.replace(self._home.log.with_suffix(".old.log"))
        except FileNotFoundError:
            return

    def start(self, spec: ProcessSpec) -> None:
        """Start a process, or restart it with a new spec; don't wait for the end of it."""
        folder = self._folder(spec.name)
        folder.mkdir(parents=True, exist_ok=True)
        with _speaking():
            self._layer(spec, folder)
            if spec.name in self._active():
                self._client.restart_services([spec.name], timeout=0)
            else:
                self._client.start_services([spec.name], timeout=0)

    @_speaking()
    def stop(self, name: str) -> None:
        """Stop a process and don't wait for the end of it."""
        self._client.stop_services([name], timeout=0)

    @_speaking()
    def signal(self, name: str, number: str) -> None:
        """Send a signal, such as `SIGHUP`, to a process."""
        self._client.send_signal(number, [name])

    @_speaking()
    def busy(self) -> frozenset[str]:
        """List the processes that are being started, stopped or restarted right now."""
        names: set[str] = set()
        for change in self._client.get_changes(select=pebble.ChangeState.IN_PROGRESS):
            names.update(
                word for task in change.tasks for word in shlex.split(task.summary) if word in self._names()
            )
        return frozenset(names)

    @_speaking()
    def ended(self) -> frozenset[str]:
        """List the processes that have ended by themselves and wait to be started again."""
        return frozenset(info.name for info in self._client.get_services() if info.current == "backoff")

    @_speaking()
    def kept(self) -> dict[str, str]:
        """Map each process that runs or waits to be started again to its identity."""
        services = self._client.get_plan().services
        return {
            name: services[name].environment.get(processes.IDENTITY_VARIABLE, "")
            for name in self._active()
            if name in services
        }

    @_speaking()
    def log_target(self) -> LogTarget | None:
        """Return where logs are forwarded to, or None."""
        target = self._client.get_plan().log_targets.get(_LOGS)
        if target is None or not target.services:
            return None
        return LogTarget(location=target.location, labels=dict(target.labels or {}))

    @_speaking()
    def forward_logs(self, target: LogTarget | None) -> None:
        """Forward the logs of every process, those that are yet to come too; None: of none."""
        wanted: LogTargetDict = {
            "override": "replace",
            "type": "loki",
            "location": target.location if target else "http://127.0.0.1:1",
            "services": ["all"] if target else [],
            "labels": dict(target.labels) if target else {},
        }
        self._client.add_layer(_LOGS, pebble.Layer({"log-targets": {_LOGS: wanted}}), combine=True)

    def _names(self) -> frozenset[str]:
        return frozenset(self._client.get_plan().services)

    def _active(self) -> frozenset[str]:
        """List the processes that run or wait to be started again."""
        return frozenset(
            info.name
            for info in self._client.get_services()
            if info.current in (pebble.ServiceStatus.ACTIVE, "backoff")
        )

    def _layer(self, spec: ProcessSpec, folder: Path) -> None:
        service = service_of(spec, environment_of(self._home, spec))
        service["working-dir"] = str(folder)
        self._client.add_layer(spec.name, pebble.Layer({"services": {spec.name: service}}), combine=True)

    def _folder(self, name: str) -> Path:
        """Return the folder that a process works in."""
        if name == GATEWAY:
            return self._home.gateway
        return self._home.telemetry if name in AGENTS else self._home.unit(name)

    def shut_down(self, *, timeout_s: float) -> None:
        """Stop every process and the supervisor itself; what doesn't end is killed after `timeout_s`."""
        own = processes.running(self._home.root).get(_SELF)
        if own is not None:
            pid = own.pid
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: not _exists(pid), timeout_s, "the supervisor to end", required=False)
            if _exists(pid):
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda: not _exists(pid), 5.0, "the killed supervisor to end")
        processes.end_all(self._home.root)
        self._home.socket.unlink(missing_ok=True)


def environment_of(home: Home, spec: ProcessSpec) -> dict[str, str]:
    """Build a process's whole set of variables of ours: the spec's, and the marks it is found by."""
    return {
        **dict(sorted(spec.environment.items())),
        processes.HOME_VARIABLE: str(home.root),
        processes.UNIT_VARIABLE: spec.name,
        processes.IDENTITY_VARIABLE: spec.identity,
    }


def _exists(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str, *, required: bool = True) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it didn't within `timeout_s`, and `required` is set.
    """
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            if required:
                raise TimeoutError(f"cannot go on: waited {timeout_s:g} s for {what}")
            return
        time.sleep(0.02)
