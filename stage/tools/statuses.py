"""The hook tools of statuses, leadership, versions and what the model plans."""

from __future__ import annotations

from typing import Any

from stage.clock import now_s, rfc3339
from stage.errors import ToolError, denied
from stage.tools.call import Call, Tool
from stage.world import Application, Status

_SETTABLE = ("active", "blocked", "maintenance", "waiting")


def _is_leader(call: Call) -> str:
    call.only(0)
    return call.json(call.context.is_leader)


def _status_set(call: Call) -> str:
    words = call.only(2)
    if not words or words[0] not in _SETTABLE:
        raise ToolError(f'invalid status "{words[0] if words else ""}", expected one of {list(_SETTABLE)}')
    message = words[1] if len(words) > 1 else ""
    context = call.context
    if not call.on("application"):
        context.unit.set_workload(words[0], message)
    elif not context.is_leader:
        raise ToolError("this unit is not the leader")
    else:
        before = context.app.status
        if before is None or (before.current, before.message) != (words[0], message):
            context.app.status = Status(words[0], message)
    context.model.changed.notify_all()
    return ""


def _status_get(call: Call) -> str:
    call.only(0)
    context = call.context
    if not call.on("application"):
        return call.json(_shape(context.unit.workload))
    if not context.is_leader:
        raise denied()
    units = {unit.name: _shape(unit.workload) for unit in context.app.units.values()}
    status = context.app.status or Status("unknown")
    return call.json({"application-status": {**_shape(status), "units": units}, "units": units})


def _shape(status: Status) -> dict[str, Any]:
    return {"status": status.current, "message": status.message, "status-data": {}}


def _version_set(call: Call) -> str:
    call.context.app.version = call.one("version")
    return ""


def _goal_state(call: Call) -> str:
    call.only(0)
    context = call.context
    relations: dict[str, dict[str, Any]] = {}
    for relation in context.model.relations_of(context.unit.app):
        side = relation.side(context.unit.app)
        far = context.model.apps.get(relation.far(context.unit.app).app)
        if side is None or relation.is_peer or far is None:
            continue
        goals = relations.setdefault(side.endpoint.name, {})
        goals[far.name] = {"status": "joined" if relation.in_scope else "joining", "since": rfc3339(now_s())}
        goals.update(_goals(far))
    return call.json({"units": _goals(context.app), "relations": relations})


def _goals(app: Application) -> dict[str, dict[str, str]]:
    """Tell of an application's units, as long as they aren't dead.

    Source: apiserver/facades/agent/uniter/goal-state.go.
    """
    return {
        unit.name: {
            "status": "dying" if unit.life == "dying" else unit.workload.current,
            "since": rfc3339(unit.workload.since_s),
        }
        for unit in app.units.values()
        if unit.life != "dead"
    }


TOOLS = {
    "is-leader": Tool(_is_leader, {"format": "value"}),
    "status-set": Tool(_status_set, {"application": "bool"}),
    "status-get": Tool(_status_get, {"format": "value", "application": "bool", "include-data": "nothing"}),
    "application-version-set": Tool(_version_set, {}),
    "goal-state": Tool(_goal_state, {"format": "value"}),
}
