"""Models without processes: what a hook would do is called directly, and hooks are taken as succeeded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stage import charm as charms
from stage import tools
from stage.context import Context
from stage.life import elect
from stage.logbook import Logbook
from stage.resolver import join_relations, next_hook
from stage.settle import settle
from stage.world import Application, Bag, Hook, Model, Relation, Side, StorageInstance, Unit

TOY = Path(__file__).parent / "toy"
MOST_HOOKS = 200


def make_model(folder: Path) -> Model:
    """Make an empty model."""
    return Model("m", "11111111-2222-3333-4444-555555555555", folder, Logbook(folder))


def add_app(model: Model, name: str, units: int) -> Application:
    """Deploy a toy, with its peer relation."""
    charm = charms.read(TOY)
    app = Application(name, f"uid-{name}", charm)
    model.apps[name] = app
    relate(model, Side(name, charm.endpoints["friends"]))
    for number in range(units):
        unit = Unit(f"{name}/{number}", name, number, model.folder, f"127.9.{len(name)}.{number + 1}", charm)
        id_ = f"data/{number}"
        unit.storages = {id_: StorageInstance(id_, "data", model.folder)}
        app.units[unit.name] = unit
    elect(model, app)
    return app


def relate(model: Model, *sides: Side) -> Relation:
    """Add a relation."""
    relation = Relation(model.next_relation, sides, app_bags={side.app: Bag() for side in sides})
    model.next_relation += 1
    model.relations[relation.id] = relation
    return relation


def relate_toys(model: Model, giver: str, taker: str) -> Relation:
    """Relate two toys."""
    one, other = model.apps[giver].charm.endpoints["giving"], model.apps[taker].charm.endpoints["taking"]
    return relate(model, Side(giver, one), Side(taker, other))


def step(model: Model, unit: Unit) -> Hook | None:
    """Let a unit run its next hook, successfully and without any effect."""
    join_relations(model, unit)
    hook = next_hook(model, unit)
    if hook:
        settle(model, unit, hook)
    return hook


def run_out(model: Model) -> dict[str, list[str]]:
    """Run hooks, unit by unit in turn, until none is left; return the names of each unit's."""
    ran: dict[str, list[str]] = {unit.name: [] for unit in model.units()}
    for _ in range(MOST_HOOKS):
        hooks = [(unit, hook) for unit in list(model.units()) if (hook := step(model, unit))]
        if not hooks:
            return ran
        for unit, hook in hooks:
            ran[unit.name].append(hook.name)
    raise AssertionError(f"hooks without end: {ran}")


def context(model: Model, unit: str, hook: Hook | None = None) -> Context:
    """Open a hook of a unit."""
    found = model.unit(unit)
    assert found
    return Context(model, found, hook or Hook("update-status", "update-status"))


def call(hook: Context, name: str, *argv: str, stdin: str = "") -> str:
    """Call a hook tool."""
    return tools.run(hook, name, argv, stdin)


def names(hooks: Sequence[str], *kinds: str) -> list[str]:
    """Return those hooks that end in one of `kinds`."""
    return [name for name in hooks if name.endswith(kinds)]
