"""The stage's own commands, `juju stage …`: what happens to a cluster without anybody's asking."""

from __future__ import annotations

from stage.commands.line import Command, Line, Result
from stage.errors import StageError
from stage.life import elect, pass_on
from stage.tools import TOOLS
from stage.world import Unit

_WAIT_S = "120"


def _move_leader(line: Line) -> str:
    unit = line.unit(line.take("unit")[0])
    with line.model.changed:
        elect(line.model, line.model.apps[unit.app], unit.name)
        line.model.log.say(unit.name, "leads now, as asked")
    return ""


def _lose_pod(line: Line) -> str:
    unit = line.unit(line.take("unit")[0])
    with line.model.changed:
        if not unit.pod_up:
            raise StageError(f"{unit.name} has no pod to lose yet; wait until it is up")
        unit.pod_due = "replace" if "graceful" in line.flags else "lose"
        unit.away = "away" in line.flags
        line.model.log.say(unit.name, "loses its pod, as asked")
        line.model.changed.notify_all()
    if unit.pod_due == "lose":
        line.host.agent(line.model, unit.name).kill_hook()
    if not unit.away:
        return _await_pod(line, unit)
    with line.model.changed:
        limit_s = float(line.flag("limit", default=_WAIT_S))
        if not line.model.changed.wait_for(lambda: not unit.pod_up, limit_s):
            raise StageError(f"{unit.name} still has its pod after {limit_s:g} s; see its log")
        pass_on(line.model, unit)
    return ""


def _return_pod(line: Line) -> str:
    unit = line.unit(line.take("unit")[0])
    with line.model.changed:
        if not unit.away:
            raise StageError(f"{unit.name} isn't away; lose its pod with --away first")
        unit.away = False
        line.model.changed.notify_all()
    return _await_pod(line, unit)


def _await_pod(line: Line, unit: Unit) -> str:
    with line.model.changed:
        limit_s = float(line.flag("limit", default=_WAIT_S))
        if not line.model.changed.wait_for(lambda: unit.pod_up and not unit.pod_due, limit_s):
            raise StageError(f"{unit.name} has no new pod after {limit_s:g} s; see its log")
    return f"{unit.address}\n"


def _kill_hook(line: Line) -> str:
    unit = line.unit(line.take("unit")[0])
    at = line.flag("at", default="any")
    if at != "any" and at not in TOOLS:
        raise StageError(f"there is no hook tool {at}")
    with line.model.changed:
        unit.kill_at = at
    return ""


def _update_status(line: Line) -> str:
    with line.model.changed:
        units = [line.unit(name) for name in line.args] or list(line.model.units())
        for unit in units:
            unit.update_status_due = True
        line.model.changed.notify_all()
    return ""


def _wait_idle(line: Line) -> str:
    line.take()
    limit_s = float(line.flag("limit", default=_WAIT_S))
    model = line.model

    def idle() -> bool:
        return not model.rollouts and all(agent.is_idle() for agent in line.host.agents(model))

    with model.changed:
        if not model.changed.wait_for(idle, limit_s):
            busy = ", ".join(_doing(unit) for unit in model.units()) or "agents that end"
            raise StageError(f"not idle after {limit_s:g} s: {busy}")
    return ""


def _doing(unit: Unit) -> str:
    if unit.failure:
        return f"{unit.name} failed {unit.failure.hook.name} {unit.failure.tries} times"
    return (
        f"{unit.name} runs {unit.running.name or 'an action'}"
        if unit.running
        else f"{unit.name} {unit.agent.current}"
    )


def _history(line: Line) -> str:
    unit = line.unit(line.take("unit")[0])
    return "".join(f"{status.current} {status.message}".rstrip() + "\n" for status in unit.history)


def _address(line: Line) -> str:
    return f"{line.unit(line.take('unit')[0]).address}\n"


def _down(line: Line) -> Result:
    line.take()
    line.host.down.set()
    return Result()


COMMANDS = {
    "move-leader": Command(_move_leader, {}),
    "lose-pod": Command(_lose_pod, {"graceful": "nothing", "away": "nothing", "limit": "value"}),
    "return-pod": Command(_return_pod, {"limit": "value"}),
    "kill-hook": Command(_kill_hook, {"at": "value"}),
    "update-status": Command(_update_status, {}),
    "wait-idle": Command(_wait_idle, {"limit": "value"}),
    "status-history": Command(_history, {}),
    "address": Command(_address, {}),
    "down": Command(_down, {}),
}
