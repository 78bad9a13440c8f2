"""The seam between the stage's model of Juju and the pods that its units run in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

EventKind = Literal["pebble-ready", "custom-notice", "check-failed", "check-recovered"]


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A workload container of a pod: its rock, and which host folders it sees where."""

    name: str
    resource: str
    mounts: Mapping[str, Path] = field(default_factory=dict[str, Path])


@dataclass(frozen=True, slots=True)
class PodSpec:
    """What a unit's pod is made of; everything of the unit lies beneath `folder`."""

    unit: str
    hostname: str
    fqdn: str
    address: str
    folder: Path
    charm_dir: Path
    containers: tuple[ContainerSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class PodEvent:
    """Something a container's Pebble has to tell its charm.

    `facts` holds `notice-id`, `notice-type` and `notice-key` of a custom notice, and
    `check-name` of a check that failed or recovered.
    """

    container: str
    kind: EventKind
    facts: Mapping[str, str] = field(default_factory=dict[str, str])


class Pod(Protocol):
    """A unit's containers, and the charm container its hooks run in."""

    def start(self, on_event: Callable[[PodEvent], None]) -> None:
        """Start the containers; `on_event` may be called from any thread, until the pod is gone."""
        ...

    def stop(self) -> None:
        """End every process of the pod; the storage stays."""
        ...

    def lose(self) -> None:
        """End every process at once and forget the containers' file systems; the storage stays."""
        ...

    def run_charm(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        stdin: bytes | None = None,
        timeout_s: float | None = None,
        stdout_to: Path | None = None,
    ) -> int:
        """Run a process of the charm to its end, and give its exit code.

        `env` is the whole environment. Standard output and error are appended to `stdout_to`.
        The exit code of a process that a signal ended is the signal's number, negative.

        Raises:
            TimeoutError: The process ran longer than `timeout_s`, and was killed.
        """
        ...

    def add_hosts(self, entries: Mapping[str, str]) -> None:
        """Let all containers resolve these names, to these addresses; names given before stay."""
        ...

    def kill_charm(self) -> None:
        """Kill the charm process that is running, if one is."""
        ...


PodMaker = Callable[[PodSpec], Pod]
