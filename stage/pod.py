"""A pod on this machine: started, stopped, lost, and used by its charm."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stage import containers
from stage.namespaces import END_S, PAUSE_S, Life, PodError, child_of, path_of_tool
from stage.rocks import ROCKS, Rock
from stage.seam import PodEvent, PodSpec

GRACE_S = 30.0
"""How long containers may take to end before they are killed; Kubernetes' own default."""


class LoopbackPod:
    """One unit's pod; see `stage.seam.Pod`.

    `start` makes all file systems anew, so that only storage outlives a stop or a loss. An event that is on
    its way while the pod is stopped may still be told.
    """

    def __init__(self, spec: PodSpec, rocks: Mapping[str, Rock] = ROCKS) -> None:
        self._spec = spec
        self._rocks = rocks
        self._hosts: dict[str, str] = {}
        self._life: Life | None = None
        self._charm: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self, on_event: Callable[[PodEvent], None]) -> None:
        """Start the containers, and return when each Pebble answers; then tell of events from threads.

        Raises:
            PodError: A container can't be started; none is left running. Or the pod runs already.
            ContainerError: A container's file system can't be made.
            RockError: There is no such rock, or an executable of it is not at hand.
        """
        if self._life is not None:
            raise PodError(f"cannot start the pod of {self._spec.unit}: it runs already; stop it first")
        self._write_names()
        life = Life(self._spec, self._rocks, on_event)
        try:
            life.begin()
        except BaseException:
            life.end(grace_s=0)
            raise
        self._life = life

    def stop(self) -> None:
        """Ask every container to end, as Kubernetes does, then end every process; the storage stays."""
        self._end(GRACE_S)

    def lose(self) -> None:
        """End every process at once and forget the containers' file systems; the storage stays."""
        self._end(0)

    def socket(self, container: str) -> str:
        """Return a path of a container's Pebble socket that is short enough for any process of the host.

        It is good as long as the pod runs; the file itself lies in the container's `socket` folder.
        """
        return self._running().socket(container)

    def run_charm(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        stdin: bytes | None = None,
        timeout_s: float | None = None,
        stdout_to: Path | None = None,
    ) -> int:
        """Run a process in the charm container, in the charm's folder; see `stage.seam.Pod.run_charm`.

        Raises:
            PodError: The pod doesn't run.
            TimeoutError: The process ran longer than `timeout_s`, and was killed with all of its group.
        """
        # With a session of its own it can be killed with its group, and nsenter left to reap it: an orphan of
        # nsenter would be left to the host's init, and keep the pod's namespace until that looks after it.
        enter = [*self._running().enter(), "--mount", "--wd", "--", path_of_tool("setsid"), *argv]
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(stdout_to.open("ab")) if stdout_to else subprocess.DEVNULL
            process = subprocess.Popen(
                enter,
                env=env,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._charm = process
            try:
                process.communicate(stdin, timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise TimeoutError(
                    f"cannot wait for {argv[0]} of {self._spec.unit}: it was killed after {timeout_s:g} s;"
                    f" see {stdout_to or 'what it does'}"
                ) from None
            finally:
                self.kill_charm()
                self._charm = None
        return process.returncode

    def add_hosts(self, entries: Mapping[str, str]) -> None:
        """Let all containers resolve these names, to these addresses; names given before stay."""
        with self._lock:
            self._hosts.update(entries)
            self._write_names()

    def kill_charm(self) -> None:
        """Kill the charm process that is running and its group, if one is.

        Raises:
            PodError: The kernel did not end it.
        """
        process = self._charm
        deadline = time.monotonic() + END_S
        while process is not None and process.poll() is None:
            # Tried again, because it may only just have begun, with nothing or no group yet to be killed.
            if (leader := child_of(process.pid)) is not None:
                for kill in (os.killpg, os.kill):
                    with contextlib.suppress(ProcessLookupError):
                        kill(leader, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PAUSE_S)
            if time.monotonic() > deadline:
                raise PodError(
                    f"cannot end the charm's process in the pod of {self._spec.unit}: {process.pid} is still"
                    f" there after {END_S:g} s; see what it waits for"
                )

    def _write_names(self) -> None:
        containers.write_names(self._spec, self._hosts)

    def _running(self) -> Life:
        if self._life is None:
            raise PodError(f"cannot use the pod of {self._spec.unit}: it does not run; start it first")
        return self._life

    def _end(self, grace_s: float) -> None:
        life, self._life = self._life, None
        if life is not None:
            life.end(grace_s)
