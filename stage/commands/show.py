"""Commands that show: status, show-unit, debug-log."""

from __future__ import annotations

import json
from collections.abc import Iterator

from stage.commands import views
from stage.commands.line import Command, Line
from stage.errors import StageError
from stage.world import Model


def _status(line: Line) -> str:
    with line.model.changed:
        if line.flag("format", default="tabular") == "json":
            return json.dumps(views.status(line.model)) + "\n"
        return "\n".join(_table(line.model)) + "\n"


def _table(model: Model) -> Iterator[str]:
    yield f"{'App':24} {'Status':12} {'Scale':5} Message"
    for name, app in sorted(model.apps.items()):
        status = views.app_status(app)
        yield f"{name:24} {status.current:12} {len(app.units):5} {status.message}"
    yield ""
    yield f"{'Unit':24} {'Workload':12} {'Agent':10} {'Address':16} Message"
    for unit in sorted(model.units(), key=lambda unit: (unit.app, unit.number)):
        status = views.shown_status(unit)
        star = "*" if model.apps[unit.app].leader == unit.name else ""
        shown = f"{unit.name + star:24} {status.current:12} {unit.agent.current:10} {unit.address:16}"
        yield f"{shown} {status.message}"


def _show_unit(line: Line) -> str:
    if line.flag("format") != "json":
        raise StageError("cannot print a unit as smart: the stage prints it with --format json")
    with line.model.changed:
        return json.dumps({name: views.unit_info(line.model, line.unit(name)) for name in line.args}) + "\n"


def _debug_log(line: Line) -> str:
    line.take()
    lines = line.model.log.debug_lines(line.number("limit", default=0))
    return "".join(f"{text}\n" for text in lines)


COMMANDS = {
    "status": Command(_status, {"format": "value"}),
    "show-unit": Command(_show_unit, {"format": "value"}),
    "debug-log": Command(_debug_log, {"limit": "value", "no-tail": "nothing", "replay": "nothing"}),
}
