"""The processes of a pod: in namespaces of their own, and never without us.

Theory of operation. The charm container's first process is the init of a pid namespace. It waits for the end
of its standard input, whose other end only we hold. The pid namespace of each workload container lies in
that one, with Pebble as its init. When the pod is ended, or when we end in whatever way, the pipe closes, the
init ends, and the kernel kills all that ran beneath it and drops the mounts with the last of them. All pods
share the loopback network; each has an address of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stage import containers
from stage.containers import SOCKET, Home, names_of
from stage.pebbles import PebbleGoneError, Watch
from stage.rocks import PEBBLE_EXECUTABLE, Rock, rock_of
from stage.seam import ContainerSpec, PodEvent, PodSpec

ANSWER_S = 20.0
"""Longest time from a container's start until its Pebble answers; generous, for a busy machine."""

END_S = 10.0
"""Longest time that the kernel may take to end what was killed."""

PAUSE_S = 0.01
"""Pause between two looks at what should happen at once."""

AGAIN_S = 0.5
"""Pause before a container whose Pebble ended is started again."""

_TOOLS = ("unshare", "nsenter", "mount", "umount", "pivot_root", "setsid")
_NEW = ("--pid", "--mount", "--fork", "--kill-child", "--propagation", "private")


class PodError(Exception):
    """A pod can't be started, used or ended."""


def unsupported() -> str:
    """Say why this machine can't run pods; empty when it can."""
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"there is no {', '.join(missing)} here; install util-linux"
    tried = subprocess.run(
        ["unshare", "--uts", *_NEW, "mount", "-t", "tmpfs", "stage", "/dev"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode == 0:
        return ""
    return f"there is no permission for mount namespaces ({tried.stderr.strip()}); be root"


class Life:
    """A pod from one start to its end."""

    def __init__(
        self, spec: PodSpec, rocks: Mapping[str, Rock], on_event: Callable[[PodEvent], None]
    ) -> None:
        self._spec = spec
        self._on_event = on_event
        self._gone = threading.Event()
        self._starting = threading.Lock()
        """Held while a container is started again, so that nothing is started once the end has begun."""
        self._home = Home(spec.folder / "pod")
        self._init: subprocess.Popen[bytes] | None = None
        self._workloads = [
            _Workload(one, rock_of(one.resource, rocks), Home(spec.folder / "containers" / one.name))
            for one in spec.containers
        ]

    def begin(self) -> None:
        """Start the charm container, then all others; return when each Pebble answers.

        Raises:
            PodError: One doesn't come up. What did is still to be ended.
            ContainerError: A container's file system can't be made.
            RockError: An executable is not at hand.
        """
        for home in self._homes():
            home.clear()
        self._begin_charm()
        for workload in self._workloads:
            workload.begin(self.enter(), names_of(self._spec))
        for workload in self._workloads:
            self._await(workload)
        for workload in self._workloads:
            threading.Thread(target=self._keep, args=(workload,), daemon=True).start()

    def enter(self) -> list[str]:
        """Return the words before a command that is to run among the pod's processes, by the pod's name."""
        return [path_of_tool("nsenter"), "--target", str(self._pid()), "--uts", "--pid"]

    def socket(self, container: str) -> str:
        """Return a short path of a Pebble's socket: as the charm container's init sees it."""
        return f"/proc/{self._pid()}/root/charm/containers/{container}/{SOCKET}"

    def end(self, grace_s: float) -> None:
        """End all processes, after they had that many seconds to end by themselves, and clear their folders.

        Raises:
            PodError: The kernel did not end them.
        """
        with self._starting:
            self._gone.set()
        if grace_s:
            self._ask_to_end(time.monotonic() + grace_s)
        init = self._init
        for pipe in (init.stdin, init.stdout) if init is not None else ():
            if pipe is not None:
                pipe.close()
        for process in (init, *(one.process for one in self._workloads)):
            if process is not None:
                self._await_end(process)
        for home in self._homes():
            home.clear()

    def _homes(self) -> list[Home]:
        return [self._home, *(one.home for one in self._workloads)]

    def _ask_to_end(self, deadline: float) -> None:
        for workload in self._workloads:
            workload.ask_to_end()
        for workload in self._workloads:
            workload.await_end(deadline)

    def _begin_charm(self) -> None:
        sockets = {one.spec.name: one.home.socket_folder for one in self._workloads}
        script = containers.charm(self._home, self._spec, sockets=sockets)
        with self._home.log.open("ab") as log:
            self._init = subprocess.Popen(
                [path_of_tool("unshare"), "--uts", *_NEW, "sh", "-c", script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        if not (self._init.stdout and self._init.stdout.readline()):
            raise PodError(
                f"cannot start the pod of {self._spec.unit}: its charm container did not come up;"
                f" see {self._home.log}"
            )

    def _pid(self) -> int:
        pid = child_of(self._init.pid) if self._init is not None else None
        if pid is None:
            raise PodError(f"cannot enter the pod of {self._spec.unit}: it is gone; start it again")
        return pid

    def _await(self, workload: _Workload) -> None:
        """Wait until a container's Pebble answers."""
        watch = Watch(workload.spec.name, self.socket(workload.spec.name))
        deadline = time.monotonic() + ANSWER_S
        while not watch.answers():
            if workload.ended or time.monotonic() > deadline:
                raise PodError(
                    f"cannot start container {workload.spec.name} of {self._spec.unit}: its Pebble does not"
                    f" answer; see {workload.home.log}"
                )
            time.sleep(PAUSE_S)

    def _keep(self, workload: _Workload) -> None:
        """Tell of a container's events, and start it again whenever its Pebble has ended."""
        while not self._gone.is_set():
            self._tell(PodEvent(workload.spec.name, "pebble-ready"))
            self._follow(workload)
            while not self._gone.wait(AGAIN_S) and not self._again(workload):
                pass

    def _follow(self, workload: _Workload) -> None:
        with contextlib.suppress(PodError):
            workload.watch = watch = Watch(workload.spec.name, self.socket(workload.spec.name))
            while not self._gone.is_set() and not workload.ended:
                try:
                    watch.follow(self._tell)
                except PebbleGoneError:
                    self._gone.wait(PAUSE_S)

    def _again(self, workload: _Workload) -> bool:
        """Start a container anew, and tell whether its Pebble answers."""
        try:
            with self._starting:
                if self._gone.is_set():
                    return False
                if workload.ended:
                    workload.home.clear()
                    workload.begin(self.enter(), names_of(self._spec))
            self._await(workload)
        except PodError:
            return False
        return True

    def _tell(self, event: PodEvent) -> None:
        if not self._gone.is_set():
            self._on_event(event)

    def _await_end(self, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise PodError(
                f"cannot end the pod of {self._spec.unit}: process {process.pid} is still there after"
                f" {END_S:g} s; see what it waits for"
            ) from None


class _Workload:
    """One workload container."""

    def __init__(self, spec: ContainerSpec, rock: Rock, home: Home) -> None:
        self.spec = spec
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None
        self.watch: Watch | None = None
        self._rock = rock

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def begin(self, enter: Sequence[str], names: Path) -> None:
        """Start it; its home must be clear."""
        script = containers.workload(
            self.home, self._rock, pebble=PEBBLE_EXECUTABLE, names=names, storage=self.spec.mounts
        )
        with self.home.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*enter, path_of_tool("unshare"), *_NEW, "sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ask_to_end(self) -> None:
        """Send its Pebble a SIGTERM, which ends its services first."""
        if self.watch is not None:
            self.watch.leave()
        # What we started is nsenter; its child is unshare, whose child is Pebble.
        outer = child_of(self.process.pid) if self.process is not None else None
        pebble = child_of(outer) if outer is not None else None
        if pebble is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pebble, signal.SIGTERM)

    def await_end(self, deadline: float) -> None:
        """Wait until it has ended, but not longer."""
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(max(0.0, deadline - time.monotonic()))


def child_of(pid: int) -> int | None:
    """Return the only child of a process; None when it has none."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def path_of_tool(tool: str) -> str:
    """Return the path of a tool: a charm's own PATH does not have to lead to it."""
    return shutil.which(tool) or tool
