"""A pod without containers: the charm runs as a plain process of this machine.

Enough for charms that have no workload. A pod with containers needs namespaces; see `stage.seam.Pod`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stage.errors import StageError
from stage.seam import PodEvent, PodSpec


class PlainPod:
    """Runs a charm's processes, and nothing else."""

    def __init__(self, spec: PodSpec) -> None:
        if spec.containers:
            names = ", ".join(container.name for container in spec.containers)
            raise StageError(f"cannot run {names} of {spec.unit}: plain pods have no containers; use others")
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, on_event: Callable[[PodEvent], None]) -> None:
        """Do nothing: there is no Pebble that could tell `on_event` anything."""

    def stop(self) -> None:
        """End the charm process, if one runs."""
        self.kill_charm()

    def lose(self) -> None:
        """End the charm process, if one runs."""
        self.kill_charm()

    def run_charm(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        stdin: bytes | None = None,
        timeout_s: float | None = None,
        stdout_to: Path | None = None,
    ) -> int:
        """Run a process of the charm to its end; see `stage.seam.Pod`."""
        with Path(stdout_to or os.devnull).open("ab") as log:
            process = subprocess.Popen(
                list(argv),
                env=dict(env),
                cwd=env.get("JUJU_CHARM_DIR"),
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with self._lock:
            self._running = process
        try:
            process.communicate(stdin, timeout_s)
        except subprocess.TimeoutExpired:
            self.kill_charm()
            process.wait()
            raise TimeoutError(f"the charm ran longer than {timeout_s:g} s") from None
        finally:
            with self._lock:
                self._running = None
        return process.returncode

    def add_hosts(self, entries: Mapping[str, str]) -> None:
        """Do nothing: a plain process resolves names as the machine does."""

    def kill_charm(self) -> None:
        """Kill the charm process and its children, if it runs."""
        with self._lock:
            if self._running and self._running.poll() is None:
                os.killpg(self._running.pid, signal.SIGKILL)
