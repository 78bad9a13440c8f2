"""The command that runs actions."""

from __future__ import annotations

import json
from typing import Any, cast

import yaml

from stage.charm import Action
from stage.clock import rfc3339
from stage.commands.line import Command, Line, Result, split_pairs
from stage.errors import StageError
from stage.world import Model, Task, Unit

_WAIT_S = 60.0
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_OVER = ("completed", "failed", "cancelled")


def _params(line: Line, action: Action) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if "params" in line.flags:
        document: object = yaml.safe_load(line.path(line.flag("params")).read_text())
        given = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    given |= {key: yaml.safe_load(value) for key, value in split_pairs(line.args[2:]).items()}
    problems = [f"{name} is required" for name in action.required if name not in given]
    if not action.more:
        problems += [f"{name} is not known" for name in given if name not in action.properties]
    for name, schema in action.properties.items():
        types = _TYPES.get(str(schema.get("type")), ())
        if name in given and types and not isinstance(given[name], types):
            problems.append(f"{name} must be of type {schema['type']}, given {given[name]!r}")
    if problems:
        raise StageError(f'validation of params for action "{action.name}" failed: {"; ".join(problems)}')
    defaults = {name: s["default"] for name, s in action.properties.items() if "default" in s}
    return {**defaults, **given}


def enqueue(model: Model, unit: Unit, action: str, params: dict[str, Any]) -> Task:
    """Let a unit run an action next; the model's lock must be held."""
    task = Task(str(model.next_task), unit.name, action, params)
    model.next_task += 1
    model.tasks[task.id] = task
    unit.tasks.append(task.id)
    model.changed.notify_all()
    return task


def _run(line: Line) -> Result:
    if len(line.args) < 2:
        raise StageError("no unit and action specified")
    unit = line.unit(line.args[0])
    action = unit.charm.actions.get(line.args[1])
    if action is None:
        raise StageError(f'action "{line.args[1]}" not defined for unit "{unit.name}". (not found)')
    params = _params(line, action)
    wait_s = _seconds(line.flag("wait")) if "wait" in line.flags else _WAIT_S
    with line.model.changed:
        task = enqueue(line.model, unit, action.name, params)
        over = line.model.changed.wait_for(lambda: task.status in _OVER, wait_s)
    if not over:
        return Result(err=f"ERROR timed out waiting for results from: unit {unit.name}\n", code=1)
    return _shown(task)


def _seconds(text: str) -> float:
    factor = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:])
    number = text[:-1] if factor else text
    try:
        return float(number) * (factor or 1.0)
    except ValueError:
        raise StageError(f'invalid duration "{text}"') from None


def _shown(task: Task) -> Result:
    results = {**task.results, **task.output, "return-code": task.return_code}
    body: dict[str, Any] = {
        "id": task.id,
        "results": results,
        "status": task.status,
        "unit": task.unit,
        "timing": {
            "enqueued": rfc3339(task.enqueued_s),
            "started": rfc3339(task.started_s),
            "completed": rfc3339(task.ended_s),
        },
    }
    if task.message:
        body["message"] = task.message
    if task.log:
        body["log"] = task.log
    out = json.dumps({task.unit: body}) + "\n"
    if task.status == "completed":
        return Result(out)
    err = f'ERROR the following task failed:\n - id "{task.id}" with return code {task.return_code}\n'
    return Result(out, f"{err}\nUse 'juju show-task' to inspect the failure\ntask failed\n", 1)


COMMANDS = {"run": Command(_run, {"format": "value", "params": "value", "wait": "value"})}
