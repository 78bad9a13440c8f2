"""Watch a cluster on this machine: carry out what is decided of its logs, agents and their files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rolecall import engine
from rolecall.core import changes, telemetry
from rolecall.local import home as disk
from rolecall.local.addresses import agents_address
from rolecall.local.fetch.found import Found
from rolecall.local.file.topology import ClusterSpec
from rolecall.local.home import Home
from rolecall.local.supervisor import Supervisor
from rolecall.local.tools import Tools
from rolecall.local.worker import Place


def view(
    spec: ClusterSpec, places: Iterable[Place], *, home: Home, tools: Tools, uuid: str
) -> telemetry.View:
    """Gather all that a cluster's watch depends on."""
    return telemetry.View(
        product=spec.product,
        telemetry=spec.telemetry,
        units=tuple(telemetry.Watched(unit=one.unit, address=one.address, roles=one.roles) for one in places),
        folder=str(home.telemetry),
        address=agents_address(uuid),
        prometheus=_agent(tools.prometheus),
        alloy=_agent(tools.alloy),
    )


def _agent(found: Found | None) -> telemetry.Agent | None:
    return telemetry.Agent(path=str(found.path), version=found.version) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchHost:
    """What watches one cluster on this machine."""

    view: telemetry.View
    supervisor: Supervisor
    busy: frozenset[str]

    def observe(self) -> changes.WatchState:
        """Look at what watches the cluster."""
        wanted = telemetry.build(self.view)
        texts = {file.path: disk.read_text(Path(file.path)) for file in wanted.files}
        alive = self.supervisor.alive
        return changes.WatchState(
            logs=self.supervisor.log_target() if alive else None,
            files={path: text for path, text in texts.items() if text is not None},
            kept=self.supervisor.kept() if alive else {},
        )

    def diff(self, state: changes.WatchState, wanted: telemetry.Watch) -> tuple[changes.Action, ...]:
        """Compare what watches the cluster with what should; what is on its way is left alone."""
        return tuple(
            action
            for action in changes.diff_watch(state, wanted)
            if not isinstance(action, changes.StartProcess | changes.RestartProcess)
            or action.spec.name not in self.busy
        )

    def apply(self, action: changes.Action) -> None:
        """Do one action on this machine."""
        match action:
            case changes.WriteFile(file):
                disk.write(Path(file.path), file.content, file.mode)
            case changes.ForwardLogs(target):
                self.supervisor.forward_logs(target)
            case changes.StartProcess(spec) | changes.RestartProcess(spec):
                self.supervisor.start(spec)
            case changes.StopProcess(name):
                self.supervisor.stop(name)
            case _:
                raise TypeError(f"cannot apply {action!r}: it doesn't watch a cluster")

    def reconcile(self) -> tuple[changes.Action, ...]:
        """Bring about what should watch the cluster; return what was done."""
        _, _, actions = engine.reconcile(self, partial(_decide, self.view), self.diff)
        return actions


def _decide(seen: telemetry.View, _: changes.WatchState) -> telemetry.Watch:
    return telemetry.build(seen)
