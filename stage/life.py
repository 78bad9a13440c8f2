"""How units and applications end, and who leads."""

from __future__ import annotations

from stage.settle import end_relation
from stage.world import Application, Model, Unit, unit_key


def elect(model: Model, app: Application, unit: str | None = None) -> None:
    """Let `unit` lead, or else the lowest unit that is there to stay, if the leader isn't."""
    alive = sorted((u.name for u in app.units.values() if u.life == "alive"), key=unit_key)
    if unit is None:
        if app.leader in app.units:
            return
        unit = alive[0] if alive else None
    if unit != app.leader:
        app.leader = unit
        if unit:
            app.units[unit].leader_seen = False
    model.changed.notify_all()


def pass_on(model: Model, unit: Unit) -> None:
    """Let another unit that has a pod lead in place of one that has none: its lease runs out.

    Source: https://documentation.ubuntu.com/juju/3.6/reference/unit/ ("Leader unit").
    """
    app = model.apps[unit.app]
    others = [one.name for one in app.units.values() if one.life == "alive" and one.pod_up]
    if app.leader == unit.name and others:
        elect(model, app, min(others, key=unit_key))


def end_unit(model: Model, unit: Unit) -> None:
    """Take a unit that has run its last hook out of the model, and its application after the last unit."""
    app = model.apps[unit.app]
    unit.life = "dead"
    app.units.pop(unit.name, None)
    model.secrets.forget_unit(unit.name)
    for relation in model.relations_of(app.name):
        relation.in_scope.discard(unit.name)
        end_relation(model, relation)
    elect(model, app)
    end_application(model, app)
    model.changed.notify_all()


def end_application(model: Model, app: Application) -> None:
    """Remove a dying application that has no units left."""
    if app.life == "alive" or app.units:
        return
    model.secrets.forget_app(app.name)
    model.apps.pop(app.name, None)
    model.log.say(app.name, "removed")
    model.changed.notify_all()


def doom_unit(model: Model, unit: Unit, *, force: bool, destroy_storage: bool) -> None:
    """Let a unit go: after its teardown hooks, or without them; its storage stays, or goes with it."""
    unit.life = "dead" if force else "dying"
    unit.destroys_storage = destroy_storage
    model.changed.notify_all()
