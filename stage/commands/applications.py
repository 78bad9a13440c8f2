"""Commands on applications: deploy, config, refresh, trust, remove."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from stage import charm as charms
from stage.charm import Charm, Option
from stage.commands.line import Command, Line, Result, split_pairs
from stage.commands.relations import add_peers
from stage.commands.units import add_units
from stage.errors import StageError
from stage.life import doom_unit, end_application
from stage.packing import unzipped
from stage.rollout import refresh_units
from stage.secrets import new_id
from stage.settle import end_relation
from stage.world import Application, Model

BUILT_IN = Path(__file__).resolve().parent.parent / "charms"
_TRUE = ("1", "t", "true", "y", "yes", "on")
_FALSE = ("0", "f", "false", "n", "no", "off")


def parse_option(option: Option, text: str) -> bool | int | float | str:
    """Turn an option's text into a value of its type.

    Raises:
        StageError: It can't be.
    """
    wrong = StageError(f'option "{option.name}" expected {option.type}, got "{text}"')
    if option.type == "boolean":
        if text.lower() not in _TRUE + _FALSE:
            raise wrong
        return text.lower() in _TRUE
    try:
        if option.type == "int":
            return int(text)
        if option.type == "float":
            return float(text)
    except ValueError:
        raise wrong from None
    if option.type == "secret" and text and not text.startswith("secret:"):
        raise wrong
    return text


def _find_charm(line: Line, reference: str) -> Charm:
    folder = line.path(reference)
    if reference.endswith(".charm"):
        return charms.read(unzipped(folder, line.host.home / "packed"))
    if reference.startswith((".", "/")) or (folder / "charmcraft.yaml").is_file():
        return charms.read(folder)
    if (BUILT_IN / reference).is_dir():
        return charms.read(BUILT_IN / reference)
    known = ", ".join(
        sorted(path.name for path in BUILT_IN.iterdir() if (path / "charmcraft.yaml").is_file())
    )
    raise StageError(
        f'no charm directory "{reference}", and the stage has no charm of that name: it has {known}'
    )


def _settings(line: Line, charm: Charm, values: dict[str, str]) -> dict[str, Any]:
    unknown = sorted(set(values) - set(charm.options) - {"trust"})
    if unknown:
        raise StageError(f'unknown option "{unknown[0]}"')
    return {
        name: parse_option(charm.options[name], line.text_of(value))
        for name, value in values.items()
        if name != "trust"
    }


def _resources(charm: Charm, values: dict[str, str]) -> dict[str, str]:
    unknown = sorted(set(values) - set(charm.resources))
    if unknown:
        raise StageError(f'unrecognized resource "{unknown[0]}"')
    return values


def _deploy(line: Line) -> Result:
    if not 1 <= len(line.args) <= 2:
        raise StageError("deploy needs a charm, and may have a name for the application")
    charm = _find_charm(line, line.args[0])
    name = line.args[1] if len(line.args) > 1 else charm.name
    count = line.number("num-units", "n", default=1)
    settings = _settings(line, charm, line.pairs("config"))
    resources = _resources(charm, line.pairs("resource"))
    model = line.model
    with model.changed:
        if name in model.apps:
            raise StageError(f'deploying "{name}": application already exists')
        app = Application(name, new_id()[-8:], charm, config=settings, resources=resources)
        app.trust = "trust" in line.flags
        model.apps[name] = app
        model.log.say(name, f"deployed from {charm.folder}")
        add_peers(model, app)
        add_units(line.host, model, app, count)
    return Result(err=f'Deploying "{name}" from local charm "{charm.name}", revision 0\n')


def _config(line: Line) -> str:
    if not line.args:
        raise StageError("no application specified")
    app = line.app(line.args[0])
    words = line.args[1:]
    resets = [name for text in line.flags.get("reset", []) for name in text.split(",")]
    if not resets and not any("=" in word for word in words):
        return _show_config(line, app, words)
    values = _settings(line, app.charm, split_pairs(words))
    unknown = sorted(set(resets) - set(app.charm.options))
    if unknown:
        raise StageError(f'unknown option "{unknown[0]}"')
    with line.model.changed:
        app.config.update(values)
        for name in resets:
            app.config.pop(name, None)
        line.model.log.say(
            app.name, f"config set: {', '.join(sorted(values)) or '-'}; reset: {', '.join(resets) or '-'}"
        )
        line.model.changed.notify_all()
    return ""


def _show_config(line: Line, app: Application, words: Any) -> str:
    if words:
        return f"{app.effective_config(app.charm).get(words[0], '')}\n"
    if line.flag("format") != "json":
        raise StageError("cannot print config as smart: the stage prints it with --format json")
    settings = {name: _setting(app, option) for name, option in app.charm.options.items()}
    trust = {"default": False, "description": "Access to cloud credentials", "source": "user"}
    body = {
        "application": app.name,
        "application-config": {"trust": {**trust, "type": "bool", "value": app.trust}},
        "charm": app.charm.name,
        "settings": settings,
    }
    return json.dumps(body) + "\n"


def _setting(app: Application, option: Option) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": option.description, "type": option.type, "source": "unset"}
    if option.default is not None:
        shown |= {"default": option.default, "source": "default", "value": option.default}
    if option.name in app.config:
        shown |= {"source": "user", "value": app.config[option.name]}
    return shown


def _refresh(line: Line) -> Result:
    app = line.app(line.take("application name")[0])
    charm = (
        charms.read(line.path(line.flag("path"))) if "path" in line.flags else charms.read(app.charm.folder)
    )
    if charm.name != app.charm.name:
        raise StageError(f'cannot upgrade "{app.charm.name}" to "{charm.name}"')
    missing = sorted(
        side.endpoint.name
        for relation in line.model.relations_of(app.name)
        if (side := relation.side(app.name)) and side.endpoint.name not in charm.endpoints
    )
    if missing:
        raise StageError(f'would break relation "{app.name}:{missing[0]}"')
    settings = _settings(line, charm, line.pairs("config"))
    resources = _resources(charm, line.pairs("resource"))
    with line.model.changed:
        app.charm = charm
        app.revision += 1
        app.config = {name: value for name, value in app.config.items() if name in charm.options} | settings
        app.resources |= resources
        app.trust = app.trust or "trust" in line.flags
        add_peers(line.model, app)
        line.model.log.say(app.name, f"refreshed to revision {app.revision}, from {charm.folder}")
    rollout = threading.Thread(target=refresh_units, args=(line.model, app), daemon=True)
    rollout.start()
    return Result(err=f'Added local charm "{charm.name}", revision {app.revision}, to the model\n')


def _trust(line: Line) -> str:
    app = line.app(line.take("application name")[0])
    with line.model.changed:
        app.trust = "remove" not in line.flags
        line.model.changed.notify_all()
    return ""


def _remove(line: Line) -> str:
    if not line.args:
        raise StageError("no application specified")
    for app in [line.app(name) for name in line.args]:
        destroy = "destroy-storage" in line.flags
        _remove_one(line.model, app, force="force" in line.flags, destroy_storage=destroy)
    return ""


def _remove_one(model: Model, app: Application, *, force: bool, destroy_storage: bool) -> None:
    with model.changed:
        app.life = "dying"
        for relation in model.relations_of(app.name):
            relation.life = "dying"
            end_relation(model, relation)
        for unit in list(app.units.values()):
            doom_unit(model, unit, force=force, destroy_storage=destroy_storage)
        model.log.say(app.name, "is to be removed")
        end_application(model, app)


COMMANDS = {
    "deploy": Command(
        _deploy,
        {
            "num-units": "value",
            "n": "value",
            "config": "values",
            "resource": "values",
            "trust": "nothing",
            "base": "value",
            "channel": "value",
        },
    ),
    "config": Command(_config, {"format": "value", "reset": "values"}),
    "refresh": Command(
        _refresh, {"path": "value", "config": "values", "resource": "values", "trust": "nothing"}
    ),
    "trust": Command(_trust, {"scope": "value", "remove": "nothing"}),
    "remove-application": Command(
        _remove, {"no-prompt": "nothing", "force": "nothing", "destroy-storage": "nothing"}
    ),
}
