"""What a charm does with a container: files, one service, and checks that wake it."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import ops
from msgspec import Struct
from ops import pebble

from rolecall.core.model import ProcessSpec
from rolecall.layers import service_of

if TYPE_CHECKING:
    from ops.pebble import CheckDict, LayerDict, ServiceDict

FOLDER = "/etc/rolecall"
"""Where a workload's container has its files; data is on the storage."""
AUTHORITY = f"{FOLDER}/object-store-ca.crt"
"""Where every worker has the certificate of the object store's authority, if it needs one."""
IDENTITY = "ROLECALL_IDENTITY"
"""Variable of a service that holds the restart identity of its process."""
READY = "ready"
"""Check that tells when a process that was ready no longer is."""
STARTING = "starting"
"""Check that runs while a process starts, to tell when it is ready."""
LOOK = "look-again"
"""Check that can only fail: it wakes the charm once, after its period."""
ENDED = "backoff"
"""State of a process that has ended by itself and that Pebble is to start again."""
RUNS = (pebble.ServiceStatus.ACTIVE.value, ENDED)
_LAYER = "rolecall"
_STOP_SLACK_S = 30.0
_PEBBLE = "/charm/bin/pebble"
"""Where Juju puts Pebble in every container."""
_LINES = "100"
"""How many lines are enough for the last words of a process, and the stack below them."""


def plan_of(container: ops.Container) -> pebble.Plan | None:
    """Return what a container's services and checks are to be; None while it can't be reached."""
    try:
        return container.get_plan()
    except (pebble.ConnectionError, pebble.APIError, FileNotFoundError):
        return None


def read_text(container: ops.Container, path: str) -> str | None:
    """Return the content of a file, or None when there is none."""
    try:
        with container.pull(path) as file:
            return file.read()
    except pebble.PathError:
        return None


def write_text(container: ops.Container, path: str, content: str, mode: int = 0o644) -> None:
    """Write a file whole; Pebble does it atomically."""
    container.push(path, content, permissions=mode, make_dirs=True)


NOT_RUN = -1
"""Code of a command that couldn't be run, or not in time."""


class Ran(Struct, frozen=True):
    """How a command in a container ended."""

    code: int
    """Exit code, or `NOT_RUN`."""
    output: str
    errors: str


def run(
    container: ops.Container,
    command: Sequence[str],
    *,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run a command in a container to its end."""
    try:
        process = container.exec(list(command), environment=dict(environment or {}), timeout=timeout_s)
        output, errors = process.wait_output()
    except pebble.ExecError as failed:  # pyright: ignore[reportUnknownVariableType] - of texts, as the process is
        error = cast("pebble.ExecError[str]", failed)
        return Ran(error.exit_code, error.stdout or "", error.stderr or "")
    except (pebble.Error, TimeoutError) as error:
        return Ran(NOT_RUN, "", str(error))
    return Ran(0, output, errors or "")


class Service:
    """The one process of a container that a charm keeps."""

    def __init__(self, container: ops.Container, name: str) -> None:
        """Speak of the service `name` in a container; all but `reachable` needs one that can be reached."""
        self._container = container
        self._name = name
        self._plan: pebble.Plan | None = None
        self._checks: Mapping[str, pebble.CheckInfo] | None = None

    def look(self) -> None:
        """Forget what was seen: what is asked for next is as it is then, until something is done to it."""
        self._plan = self._checks = None

    @property
    def reachable(self) -> bool:
        """Whether the container is up."""
        if self._plan is None:
            self._plan = plan_of(self._container)
        return self._plan is not None

    def spec(self) -> ProcessSpec | None:
        """Return how the process was last started, or None when it never was or is gone for good."""
        service = self._plan.services.get(self._name) if self.reachable and self._plan else None
        if service is None or not service.environment.get(IDENTITY):
            return None
        environment = dict(service.environment)
        identity = environment.pop(IDENTITY)
        return ProcessSpec(
            name=self._name,
            command=tuple(shlex.split(service.command)),
            environment=environment,
            identity=identity,
            kill_delay_s=_seconds(service.kill_delay or "30s"),
        )

    def state(self) -> str:
        """Return what Pebble says of the process now; `ENDED`: it waits before it starts it again."""
        service = self._container.get_services(self._name).get(self._name)
        if service is None:
            return ""
        current = service.current
        return current.value if isinstance(current, pebble.ServiceStatus) else current

    def running(self) -> bool:
        """Say whether the process runs, or is started again by Pebble itself."""
        return self.state() in RUNS

    def start(self, spec: ProcessSpec, url: str) -> None:
        """Have the process run as `spec` says; `url` answers 200 once it is ready.

        What runs is stopped first, and the plan changes only then: if the hook ends in between, the next
        one finds no process and not one that it takes for another. The check runs from before the start, so
        that it has failed by the time Pebble calls the process started, unless the process is ready by then.

        Raises:
            pebble.ChangeError: the process ended at once.
        """
        self.stop_process(spec.kill_delay_s)
        self._add(_LAYER, pebble.Layer(_layer(self._name, spec, url)))
        self.sleep_again()
        self._restart_check(STARTING)
        self._container.start(self._name)

    def stop_process(self, kill_delay_s: int) -> None:
        """Stop the process and wait for its end, at most as long as Pebble lets it take."""
        if self.running():
            self._container.pebble.stop_services([self._name], timeout=kill_delay_s + _STOP_SLACK_S)

    def forget(self) -> None:
        """Stop the process for good; its container has no service to start any more."""
        spec = self.spec()
        self.stop_process(spec.kill_delay_s if spec else 30)
        gone: ServiceDict = {"override": "merge", "environment": {IDENTITY: ""}}
        self._add(_LAYER, pebble.Layer({"services": {self._name: gone}}))
        if active := self._active(READY, STARTING, LOOK):
            self._stop(active)

    def came_up(self) -> None:
        """Take note that the process is ready: nothing has to watch its start any longer."""
        if active := self._active(STARTING, LOOK):
            self._stop(active)

    def look_again(self, after_s: int) -> None:
        """Have the charm woken once, after `after_s` seconds, unless it is to be already."""
        check = self._seen().get(LOOK)
        if check is None or check.status == pebble.CheckStatus.INACTIVE:
            self._arm(after_s)

    def woken(self) -> bool:
        """Say whether the time of the last `look_again` is over."""
        check = self._seen().get(LOOK)
        return check is not None and check.status == pebble.CheckStatus.DOWN

    def waits(self) -> bool:
        """Say whether the charm is still to be woken."""
        check = self._seen().get(LOOK)
        return check is not None and check.status == pebble.CheckStatus.UP

    def sleep_again(self) -> None:
        """Forget that the charm was woken, so that it can be again."""
        if active := self._active(LOOK):
            self._stop(active)

    def _arm(self, after_s: int) -> None:
        check: CheckDict = {
            "override": "replace",
            "startup": "disabled",
            "period": f"{max(after_s, 1)}s",
            "timeout": "500ms",
            "threshold": 1,
            # Nothing may listen on port 1 (tcpmux, RFC 1078), so the check fails at its first look.
            "tcp": {"port": 1, "host": "127.0.0.1"},
        }
        self._add(LOOK, pebble.Layer({"checks": {LOOK: check}}))
        self._restart_check(LOOK)

    def _add(self, label: str, layer: pebble.Layer) -> None:
        self._container.add_layer(label, layer, combine=True)
        self.look()

    def _restart_check(self, name: str) -> None:
        if active := self._active(name):
            self._stop(active)
        self._container.start_checks(name)
        self.look()

    def _stop(self, checks: tuple[str, ...]) -> None:
        self._container.stop_checks(*checks)
        self.look()

    def _active(self, *names: str) -> tuple[str, ...]:
        checks = self._seen()
        return tuple(
            name for name in names if name in checks and checks[name].status != pebble.CheckStatus.INACTIVE
        )

    def _seen(self) -> Mapping[str, pebble.CheckInfo]:
        if self._checks is None:
            self._checks = self._container.get_checks()
        return self._checks


def _seconds(duration: str) -> int:
    """Read whole seconds as a plan gives them back: `300s` has become `5m0s` (Go's `Duration.String`)."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


_UNITS = {"h": 3600, "m": 60, "s": 1}


def _layer(name: str, spec: ProcessSpec, url: str) -> LayerDict:
    service = service_of(spec, {**dict(sorted(spec.environment.items())), IDENTITY: spec.identity})
    ready: CheckDict = {
        "override": "replace",
        "period": "10s",
        "timeout": "3s",
        "threshold": 3,
        "http": {"url": url},
    }
    starting: CheckDict = {
        "override": "replace",
        "startup": "disabled",
        "period": "1s",
        "timeout": "900ms",
        "threshold": 1,
        "http": {"url": url},
    }
    return {"services": {name: service}, "checks": {READY: ready, STARTING: starting}}


def make_folders(container: ops.Container, root: str, folders: tuple[str, ...]) -> None:
    """Make folders beneath `root`, and `root` itself."""
    for folder in ("", *folders):
        container.make_dir(posixpath.join(root, folder) if folder else root, make_parents=True)


def last_lines(container: ops.Container, service: str) -> tuple[str, ...]:
    """Return the last lines of a service's log."""
    lines = run(container, (_PEBBLE, "logs", "-n", _LINES, service), timeout_s=5).output.splitlines()
    return tuple(line.partition(f"[{service}] ")[2] for line in lines)
