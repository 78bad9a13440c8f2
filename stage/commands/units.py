"""Commands on units: add, remove, scale, retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stage.clock import now_s
from stage.commands.line import Command, Line
from stage.errors import StageError
from stage.life import doom_unit, elect
from stage.settle import settle
from stage.world import Application, Model, StorageInstance, Unit

if TYPE_CHECKING:
    from stage.host import Host


def add_units(host: Host, model: Model, app: Application, count: int) -> None:
    """Add units to an application; the model's lock must be held."""
    for _ in range(count):
        number = max((unit.number + 1 for unit in app.units.values()), default=0)
        name = f"{app.name}/{number}"
        folder = model.folder / "units" / f"{app.name}-{number}"
        unit = Unit(name, app.name, number, folder, host.new_address(), app.charm)
        unit.storages = _storages(model, app, number)
        app.units[name] = unit
        elect(model, app)
        folder.mkdir(parents=True, exist_ok=True)
        host.start_unit(model, unit)
    model.changed.notify_all()


def _storages(model: Model, app: Application, number: int) -> dict[str, StorageInstance]:
    """Make a unit's storage; a unit that comes back under its number finds what it had."""
    found: dict[str, StorageInstance] = {}
    for name, declared in app.charm.storages.items():
        if declared.get("type") != "filesystem":
            raise StageError(f"cannot make storage {name} of {app.name}: the stage has filesystems only")
        folder = model.folder / "storage" / f"{app.name}-{app.uid}-{name}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        id_ = f"{name}/{model.next_storage}"
        model.next_storage += 1
        found[id_] = StorageInstance(id_, name, folder)
    return found


def _remove_units(
    model: Model, app: Application, count: int, *, force: bool = False, destroy_storage: bool = False
) -> None:
    staying = sorted((u for u in app.units.values() if u.life == "alive"), key=lambda unit: unit.number)
    if count > len(staying):
        raise StageError(f'cannot remove {count} units of "{app.name}": it has {len(staying)}')
    for unit in staying[len(staying) - count :]:
        doom_unit(model, unit, force=force, destroy_storage=destroy_storage)


def _add(line: Line) -> str:
    app = line.app(line.take("application name")[0])
    with line.model.changed:
        add_units(line.host, line.model, app, line.number("num-units", "n", default=1))
    return ""


def _remove(line: Line) -> str:
    name = line.take("application name")[0]
    if "/" in name:
        raise StageError("k8s models only support removing units by --num-units of an application")
    if "num-units" not in line.flags:
        raise StageError("specify the number of units (> 0) to remove using --num-units")
    app = line.app(name)
    with line.model.changed:
        _remove_units(
            line.model,
            app,
            line.number("num-units", default=0),
            force="force" in line.flags,
            destroy_storage="destroy-storage" in line.flags,
        )
    return ""


def _scale(line: Line) -> str:
    name, text = line.take("application name", "number of units")
    if not text.isdigit():
        raise StageError(f'invalid scale "{text}": expected a number')
    app = line.app(name)
    with line.model.changed:
        alive = sum(unit.life == "alive" for unit in app.units.values())
        if int(text) >= alive:
            add_units(line.host, line.model, app, int(text) - alive)
        else:
            _remove_units(line.model, app, alive - int(text))
    return ""


def _resolve(line: Line) -> str:
    for name in line.args:
        unit = line.unit(name)
        with line.model.changed:
            if unit.failure is None:
                raise StageError(f'unit "{name}" is not in an error state')
            if "no-retry" in line.flags:
                settle(line.model, unit, unit.failure.hook)
                unit.failure = None
            else:
                unit.failure.retry_at_s = now_s()
            line.model.changed.notify_all()
    return ""


_RESOLVE = Command(_resolve, {"no-retry": "nothing"})

COMMANDS = {
    "add-unit": Command(_add, {"num-units": "value", "n": "value"}),
    "remove-unit": Command(
        _remove,
        {"num-units": "value", "no-prompt": "nothing", "force": "nothing", "destroy-storage": "nothing"},
    ),
    "scale-application": Command(_scale, {}),
    "resolved": _RESOLVE,
    "resolve": _RESOLVE,
}
