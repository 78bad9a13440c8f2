"""Keep in mind what a hook that succeeded has told its unit."""

from __future__ import annotations

from collections.abc import Callable

from stage.world import Hook, Model, Relation, RelationView, Unit

NEVER_CHANGED = -1
INSTALLING = "installing charm software"


def settle(model: Model, unit: Unit, hook: Hook) -> None:
    """Note that `unit` has run `hook` to its end, so that it doesn't come again."""
    how = _HOW.get(hook.kind)
    if how is None:
        raise AssertionError(f"nothing says what {hook.kind} settles")
    how(model, unit, hook)
    model.changed.notify_all()


def end_relation(model: Model, relation: Relation) -> None:
    """Remove a dying relation once no unit is in it, and with it the grants that it carried."""
    if relation.life == "alive" or relation.in_scope:
        return
    model.relations.pop(relation.id, None)
    for unit in model.units():
        unit.relations.pop(relation.id, None)
    for secret in model.secrets.secrets.values():
        secret.grants = {who: by for who, by in secret.grants.items() if by != relation.id}
    model.changed.notify_all()


def _installed(_model: Model, unit: Unit, _hook: Hook) -> None:
    unit.installed = True


def _started(_model: Model, unit: Unit, _hook: Hook) -> None:
    unit.started = True
    if unit.workload.message == INSTALLING:
        unit.set_workload("unknown")


def _stopped(_model: Model, unit: Unit, _hook: Hook) -> None:
    unit.stopped = True


def _removed(_model: Model, unit: Unit, _hook: Hook) -> None:
    unit.removed = True


def _elected(_model: Model, unit: Unit, _hook: Hook) -> None:
    unit.leader_seen = True


def _upgraded(_model: Model, unit: Unit, _hook: Hook) -> None:
    unit.upgrade_due = False
    unit.config_seen = None


def _configured(_model: Model, unit: Unit, hook: Hook) -> None:
    unit.config_seen = hook.key


def _updated(_model: Model, unit: Unit, _hook: Hook) -> None:
    unit.update_status_due = False


def _attached(_model: Model, unit: Unit, hook: Hook) -> None:
    unit.storages[hook.key].attached = True


def _detached(_model: Model, unit: Unit, hook: Hook) -> None:
    unit.storages[hook.key].detached = True


def _acted(_model: Model, unit: Unit, hook: Hook) -> None:
    if hook.key in unit.tasks:
        unit.tasks.remove(hook.key)


def _noticed(_model: Model, unit: Unit, hook: Hook) -> None:
    if hook in unit.events:
        unit.events.remove(hook)


def _secret_changed(model: Model, unit: Unit, hook: Hook) -> None:
    consumer = model.secrets.consumers.get((hook.key, unit.name))
    if consumer:
        consumer.told = hook.version


def _secret_removed(model: Model, _unit: Unit, hook: Hook) -> None:
    secret = model.secrets.secrets.get(hook.key)
    if secret:
        secret.removals_told.add(hook.version)


def _secret_expired(model: Model, _unit: Unit, hook: Hook) -> None:
    secret = model.secrets.secrets.get(hook.key)
    if secret:
        secret.expiries_told.add(hook.version)


def _secret_rotated(model: Model, _unit: Unit, hook: Hook) -> None:
    secret = model.secrets.secrets.get(hook.key)
    if secret:
        secret.set_rotation(secret.rotate)


def _view(unit: Unit, hook: Hook) -> RelationView | None:
    return unit.relations.get(hook.relation) if hook.relation is not None else None


def _created(_model: Model, unit: Unit, hook: Hook) -> None:
    if view := _view(unit, hook):
        view.created = True


def _joined(_model: Model, unit: Unit, hook: Hook) -> None:
    if (view := _view(unit, hook)) and hook.member:
        view.members[hook.member] = NEVER_CHANGED
        view.changed_pending = hook.member


def _changed(model: Model, unit: Unit, hook: Hook) -> None:
    view = _view(unit, hook)
    if view is None or hook.relation is None:
        return
    if hook.member is None:
        view.apps[model.relations[hook.relation].far(unit.app).app] = hook.version
        return
    view.members[hook.member] = hook.version
    if view.changed_pending == hook.member:
        view.changed_pending = None


def _departed(_model: Model, unit: Unit, hook: Hook) -> None:
    if (view := _view(unit, hook)) and hook.member:
        view.members.pop(hook.member, None)
        if view.changed_pending == hook.member:
            view.changed_pending = None


def _broken(model: Model, unit: Unit, hook: Hook) -> None:
    view = _view(unit, hook)
    relation = model.relations.get(hook.relation) if hook.relation is not None else None
    if view is None or relation is None:
        return
    view.broken = True
    relation.in_scope.discard(unit.name)
    end_relation(model, relation)


_HOW: dict[str, Callable[[Model, Unit, Hook], None]] = {
    "storage-attached": _attached,
    "storage-detaching": _detached,
    "install": _installed,
    "leader-elected": _elected,
    "upgrade-charm": _upgraded,
    "config-changed": _configured,
    "start": _started,
    "stop": _stopped,
    "remove": _removed,
    "update-status": _updated,
    "action": _acted,
    "pebble-ready": _noticed,
    "pebble-custom-notice": _noticed,
    "pebble-check-failed": _noticed,
    "pebble-check-recovered": _noticed,
    "secret-changed": _secret_changed,
    "secret-remove": _secret_removed,
    "secret-expired": _secret_expired,
    "secret-rotate": _secret_rotated,
    "relation-created": _created,
    "relation-joined": _joined,
    "relation-changed": _changed,
    "relation-departed": _departed,
    "relation-broken": _broken,
}
