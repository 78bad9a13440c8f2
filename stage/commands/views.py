"""The JSON that `status` and `show-unit` print, in the shape of Juju 3.6."""

from __future__ import annotations

from typing import Any

from stage.clock import now_s, rfc3339, short
from stage.environment import JUJU_VERSION
from stage.world import Application, Model, Relation, Status, Unit

_WORST_FIRST = ("error", "blocked", "waiting", "maintenance", "unknown", "active")


def shown_status(unit: Unit) -> Status:
    """Return a unit's workload status as Juju shows it: a lost or failed agent covers what the charm said."""
    if unit.agent.current == "lost":
        return Status("unknown", f"agent lost, see 'juju show-status-log {unit.name}'", unit.agent.since_s)
    if unit.failure:
        return Status("error", f'hook failed: "{unit.failure.hook.name}"', unit.failure.retry_at_s)
    return unit.workload


def app_status(app: Application) -> Status:
    """Return an application's status: what its leader set, or else the worst of its units'."""
    if app.status:
        return app.status
    statuses = [shown_status(unit) for unit in app.units.values()]
    if not statuses:
        return Status("unknown")
    return min(statuses, key=lambda status: _WORST_FIRST.index(status.current))


def status(model: Model) -> dict[str, Any]:
    """Return what `juju status --format json` prints."""
    return {
        "model": {
            "name": model.name,
            "type": "caas",
            "controller": "stage",
            "cloud": "stage",
            "version": JUJU_VERSION,
            "model-status": {"current": "available", "since": rfc3339(now_s())},
        },
        "machines": {},
        "applications": {name: _application(model, app) for name, app in sorted(model.apps.items())},
        "storage": _storage(model),
        "controller": {"timestamp": short(now_s())},
    }


def _info(status: Status, **more: str) -> dict[str, str]:
    shown = {"current": status.current, "since": rfc3339(status.since_s), **more}
    return {**shown, "message": status.message} if status.message else shown


def _application(model: Model, app: Application) -> dict[str, Any]:
    units = sorted(app.units.values(), key=lambda unit: unit.number)
    shown: dict[str, Any] = {
        "charm": f"local:{app.charm.name}-{app.revision}",
        "base": {"name": "ubuntu", "channel": "24.04"},
        "charm-origin": "local",
        "charm-name": app.charm.name,
        "charm-rev": app.revision,
        "scale": sum(unit.life == "alive" for unit in units),
        "provider-id": app.uid,
        "address": units[0].address if units else "",
        "exposed": False,
        "application-status": _info(app_status(app)),
        "relations": _relations(model, app),
        "endpoint-bindings": {"": "alpha", **dict.fromkeys(app.charm.endpoints, "alpha")},
        "units": {unit.name: _unit(app, unit) for unit in units},
    }
    if app.life != "alive":
        shown["life"] = app.life
    return {**shown, "version": app.version} if app.version else shown


def _relations(model: Model, app: Application) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for relation in model.relations_of(app.name):
        side = relation.side(app.name)
        if side:
            entry = {"related-application": relation.far(app.name).app, "interface": side.endpoint.interface}
            found.setdefault(side.endpoint.name, []).append({**entry, "scope": "global"})
    return found


def _unit(app: Application, unit: Unit) -> dict[str, Any]:
    life = {} if unit.life == "alive" else {"life": unit.life}
    return {
        "workload-status": _info(shown_status(unit)),
        "juju-status": _info(unit.agent, version=JUJU_VERSION, **life),
        **({"leader": True} if app.leader == unit.name else {}),
        "open-ports": sorted(unit.ports),
        "address": unit.address,
        "provider-id": unit.name.replace("/", "-"),
    }


def _storage(model: Model) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for unit in model.units():
        for storage in unit.storages.values():
            found[storage.id] = {
                "kind": "filesystem",
                "life": "alive",
                "status": {"current": "attached", "since": rfc3339(now_s())},
                "persistent": True,
                "attachments": {"units": {unit.name: {"location": str(storage.folder), "life": "alive"}}},
            }
    return {"storage": found, "filesystems": {}, "volumes": {}} if found else {}


def unit_info(model: Model, unit: Unit) -> dict[str, Any]:
    """Return what `juju show-unit --format json` prints of a unit."""
    app = model.apps[unit.app]
    return {
        "opened-ports": sorted(unit.ports),
        "charm": f"local:{app.charm.name}-{app.revision}",
        "leader": app.leader == unit.name,
        "life": unit.life,
        "workload-version": app.version,
        "provider-id": unit.name.replace("/", "-"),
        "address": unit.address,
        "relation-info": [_relation_info(model, r, unit) for r in model.relations_of(unit.app)],
    }


def _relation_info(model: Model, relation: Relation, unit: Unit) -> dict[str, Any]:
    side, far = relation.side(unit.app), relation.far(unit.app)
    if side is None:
        raise AssertionError(f"{unit.name} is no part of relation {relation.id}")
    info: dict[str, Any] = {
        "relation-id": relation.id,
        "endpoint": side.endpoint.name,
        "related-endpoint": far.endpoint.name,
        "application-data": dict(relation.app_bags[far.app].data),
        "related-units": {
            name: {"in-scope": True, "data": dict(relation.unit_bags[name].data)}
            for name in model.members(relation, unit)
        },
    }
    if unit.name in relation.unit_bags:
        own = {"in-scope": unit.name in relation.in_scope, "data": dict(relation.unit_bags[unit.name].data)}
        info["local-unit"] = own
    return info
