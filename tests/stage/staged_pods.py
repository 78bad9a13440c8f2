"""Pods under test, what they tell, and what is left of them."""

from __future__ import annotations

import os
import queue
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import ops.pebble
import psutil
import pytest

from stage import rocks
from stage.namespaces import unsupported
from stage.pod import LoopbackPod
from stage.seam import ContainerSpec, PodEvent, PodSpec

LIMIT_S = 20.0

_ENVIRONMENT = {"PATH": os.environ["PATH"]}


@dataclass
class Stage:
    """One pod under test, and what it told."""

    spec: PodSpec
    pod: LoopbackPod
    events: queue.Queue[PodEvent] = field(default_factory=queue.Queue[PodEvent])

    @property
    def storage(self) -> Path:
        return self.spec.folder / "storage"

    def start(self) -> None:
        self.pod.start(self.events.put)

    def pebble(self, container: str) -> ops.pebble.Client:
        return ops.pebble.Client(self.pod.socket(container), timeout=LIMIT_S)

    def says(self, container: str, *command: str) -> str:
        process = self.pebble(container).exec(list(command), combine_stderr=True, timeout=LIMIT_S)
        return process.wait_output()[0].strip()

    def read(self, container: str, path: str) -> str:
        with self.pebble(container).pull(path) as file:
            return file.read()

    def event(self, kind: str) -> PodEvent:
        """Return the next event of that kind; others are passed over."""
        deadline = time.monotonic() + LIMIT_S
        seen: list[PodEvent] = []
        while True:
            try:
                seen.append(self.events.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                pytest.fail(f"waited {LIMIT_S:g} s for {kind}; there were {seen}")
            if seen[-1].kind == kind:
                return seen[-1]

    def hook(self, *argv: str, timeout_s: float = LIMIT_S, stdin: bytes | None = None) -> tuple[int, str]:
        output = self.spec.folder / "hook.txt"
        output.unlink(missing_ok=True)
        code = self.pod.run_charm(argv, _ENVIRONMENT, stdin=stdin, timeout_s=timeout_s, stdout_to=output)
        return code, output.read_text().strip()


def pod_of(folder: Path, resources: Mapping[str, str], address: str = "127.77.1.1") -> PodSpec:
    """Describe a pod, and make the folders of its charm and of the storage that all its containers see."""
    (folder / "charm").mkdir(parents=True)
    (folder / "storage").mkdir()
    return PodSpec(
        unit="logs/0",
        hostname="logs-0",
        fqdn="logs-0.logs-endpoints.model.svc.cluster.local",
        address=address,
        folder=folder,
        charm_dir=folder / "charm",
        containers=tuple(
            ContainerSpec(name=name, resource=resource, mounts={"/kept/here": folder / "storage"})
            for name, resource in resources.items()
        ),
    )


def need(*resources: str) -> None:
    """Skip, naming what is missing, where pods of these resources can't run."""
    if reason := unsupported():
        pytest.skip(reason)
    if lacks := rocks.lacking(resources):
        pytest.skip("; ".join(lacks))


def left(folder: Path) -> list[str]:
    """List the processes that see the folder in a root of their own, and what is mounted beneath it here."""
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]
    ours = Path("/proc/self/ns/mnt").readlink()
    for process in psutil.process_iter():
        try:
            apart = Path(f"/proc/{process.pid}/ns/mnt").readlink() != ours
            table = Path(f"/proc/{process.pid}/mountinfo").read_text()
            if apart and str(folder) in table:
                mounts.append(f"process {process.pid}: {' '.join(process.cmdline())}")
        except (OSError, psutil.Error):
            # It ended while we looked.
            continue
    return mounts


def free_port(address: str) -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind((address, 0))
        return int(one.getsockname()[1])


def is_pebble_of(process: psutil.Process, folder: Path) -> bool:
    """Whether a process is the Pebble of a container whose files lie in the folder."""
    try:
        mounted = str(folder) in Path(f"/proc/{process.pid}/mountinfo").read_text()
        return mounted and process.cmdline()[:1] == ["/charm/bin/pebble"]
    except (OSError, psutil.Error):
        return False


def until(look: Callable[[], object], what: str) -> None:
    """Wait for a condition; fail with what it was."""
    deadline = time.monotonic() + LIMIT_S
    while not look():
        assert time.monotonic() < deadline, f"waited {LIMIT_S:g} s for {what}"
        time.sleep(0.02)
