"""Commands on models, and the version."""

from __future__ import annotations

import json
from typing import Any

from stage.clock import now_s, rfc3339
from stage.commands.line import Command, Line, split_pairs
from stage.environment import JUJU_VERSION
from stage.errors import StageError
from stage.world import Model

INTERVAL = "update-status-hook-interval"
DEFAULTS = {INTERVAL: "5m", "logging-config": "<root>=INFO"}


def _add(line: Line) -> str:
    if not 1 <= len(line.args) <= 2:
        raise StageError("no model name specified")
    values = _known(line.pairs("config"))
    model = line.host.add_model(line.args[0])
    model.settings.update(values)
    if "no-switch" not in line.flags:
        line.host.current = model.name
    return ""


def _switch(line: Line) -> str:
    if line.args:
        name = line.args[0].rpartition(":")[2].rpartition("/")[2]
        if name not in line.host.models:
            raise StageError(f'cannot determine if "{line.args[0]}" is a valid model')
        line.host.current = name
    return f"stage:admin/{line.host.current}\n"


def _destroy(line: Line) -> str:
    name = line.take("model name")[0].rpartition(":")[2].rpartition("/")[2]
    if name not in line.host.models:
        raise StageError(f"model stage:admin/{name} not found")
    line.host.drop_model(name)
    if line.host.current == name:
        line.host.current = ""
    return ""


def _list(line: Line) -> str:
    models = [_info(model) for model in line.host.models.values()]
    return json.dumps({"models": models, "current-model": line.host.current}) + "\n"


def _show(line: Line) -> str:
    name = (line.args[0] if line.args else line.model.name).rpartition(":")[2].rpartition("/")[2]
    if name not in line.host.models:
        raise StageError(f"model {name} not found")
    return json.dumps({name: _info(line.host.models[name])}) + "\n"


def _info(model: Model) -> dict[str, Any]:
    return {
        "name": f"admin/{model.name}",
        "short-name": model.name,
        "model-uuid": model.uuid,
        "model-type": "caas",
        "controller-uuid": model.uuid,
        "controller-name": "stage",
        "is-controller": False,
        "cloud": "stage",
        "type": "kubernetes",
        "life": "alive",
        "status": {"current": "available", "since": rfc3339(now_s())},
        "agent-version": JUJU_VERSION,
    }


def _known(values: dict[str, str]) -> dict[str, str]:
    unknown = sorted(set(values) - set(DEFAULTS))
    if unknown:
        raise StageError(f'key "{unknown[0]}" is not known to the stage; it has {", ".join(DEFAULTS)}')
    return values


def _config(line: Line) -> str:
    resets = [name for text in line.flags.get("reset", []) for name in text.split(",")]
    if not line.args and not resets:
        merged = {**DEFAULTS, **line.model.settings}
        return json.dumps({k: {"Value": v, "Source": "model"} for k, v in merged.items()}) + "\n"
    line.model.settings.update(_known(split_pairs(line.args)))
    for name in resets:
        line.model.settings.pop(name, None)
    return ""


def _version(line: Line) -> str:
    version = f"{JUJU_VERSION}-ubuntu-amd64"
    if line.flag("format") != "json":
        return f"{version}\n"
    return (
        json.dumps({"version": version, "git-commit": "", "git-tree-state": "", "compiler": "stage"}) + "\n"
    )


COMMANDS = {
    "add-model": Command(
        _add, {"no-switch": "nothing", "config": "values", "controller": "value", "credential": "value"}
    ),
    "switch": Command(_switch, {}),
    "models": Command(_list, {"format": "value"}),
    "show-model": Command(_show, {"format": "value"}),
    "destroy-model": Command(
        _destroy,
        {
            "no-prompt": "nothing",
            "destroy-storage": "nothing",
            "release-storage": "nothing",
            "force": "nothing",
            "no-wait": "nothing",
            "timeout": "value",
        },
    ),
    "model-config": Command(_config, {"format": "value", "reset": "values"}),
    "version": Command(_version, {"format": "value", "all": "nothing"}),
}
