"""The hook tools of actions."""

from __future__ import annotations

from typing import Any, cast

from stage.clock import now_s, rfc3339
from stage.errors import ToolError
from stage.tools.call import Call, Tool, pairs
from stage.world import Task


def _task(call: Call) -> Task:
    if call.context.task is None:
        raise ToolError("not running an action")
    return call.context.task


def _get(call: Call) -> str:
    value: Any = _task(call).params
    for key in ".".join(call.only(1)).split("."):
        if key:
            value = cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None
    return call.json(value)


def _set(call: Call) -> str:
    results = _task(call).results
    for key, value in pairs(call.args).items():
        *path, last = key.split(".")
        table = results
        for name in path:
            inner: object = table.setdefault(name, {})
            if not isinstance(inner, dict):
                raise ToolError(f'cannot set "{key}": "{name}" is a value already')
            table = cast("dict[str, Any]", inner)
        table[last] = value
    return ""


def _fail(call: Call) -> str:
    task = _task(call)
    words = call.only(1)
    call.context.task_failed = True
    task.message = words[0] if words else "action failed without reason given, check action for errors"
    return ""


def _log(call: Call) -> str:
    _task(call).log.append(f"{rfc3339(now_s())} {call.one('message')}")
    return ""


TOOLS = {
    "action-get": Tool(_get, {"format": "value"}),
    "action-set": Tool(_set, {}),
    "action-fail": Tool(_fail, {}),
    "action-log": Tool(_log, {}),
}
