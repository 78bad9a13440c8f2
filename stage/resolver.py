"""Decide which hook a unit's agent runs next.

Nothing is queued that can be computed: like Juju's own agent, this one compares what is with what the
unit was told, so that changes made while a hook ran become one hook, and a hook that failed comes
again by itself. Queued are only Pebble's events and actions, which leave nothing to compare.

The order is Juju's for Kubernetes charms: storage, install, relation-created, leader-elected,
upgrade-charm, config-changed, start; then whatever comes; relations, storage, stop and remove at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from stage.clock import now_s
from stage.secrets import Secret
from stage.world import Application, Bag, Hook, Model, Relation, RelationView, Unit, unit_key


def join_relations(model: Model, unit: Unit) -> None:
    """Let an installed unit enter the relations of its application; each gets the databag Juju prepares."""
    if not unit.installed or unit.life != "alive":
        return
    for relation in model.relations_of(unit.app):
        if relation.id not in unit.relations and relation.life == "alive":
            unit.relations[relation.id] = RelationView()
            bag = relation.unit_bags.setdefault(unit.name, Bag())
            bag.put(address_keys(unit))
            relation.in_scope.add(unit.name)
            model.changed.notify_all()


def address_keys(unit: Unit) -> dict[str, str]:
    """Return what Juju writes into each unit databag by itself."""
    return {
        "egress-subnets": f"{unit.address}/32",
        "ingress-address": unit.address,
        "private-address": unit.address,
    }


def config_digest(app: Application, unit: Unit) -> str:
    """Digest what config-changed reports: the options' values, the trust, and the unit's address."""
    seen = json.dumps([app.effective_config(unit.charm), app.trust, unit.address], sort_keys=True)
    return hashlib.sha256(seen.encode()).hexdigest()


def next_hook(model: Model, unit: Unit) -> Hook | None:
    """Return what a unit whose last hook succeeded runs next; None if there is nothing to do."""
    app = model.apps[unit.app]
    for hook in _candidates(model, app, unit):
        return hook
    return None


def _candidates(model: Model, app: Application, unit: Unit) -> Iterator[Hook]:
    if unit.life == "dying":
        yield from _teardown(model, unit)
        return
    yield from _set_up(model, app, unit)
    yield from _actions(unit)
    yield from _secrets(model, app, unit)
    yield from list(unit.events)[:1]
    yield from _relations(model, unit)
    if unit.update_status_due:
        yield _plain("update-status")


def _set_up(model: Model, app: Application, unit: Unit) -> Iterator[Hook]:
    for storage in unit.storages.values():
        if not storage.attached:
            yield _storage_hook("storage-attached", storage.name, storage.id)
    if not unit.installed:
        yield _plain("install")
    yield from _created(model, unit)
    if app.leader == unit.name and not unit.leader_seen:
        yield _plain("leader-elected")
    if unit.upgrade_due:
        yield _plain("upgrade-charm")
    digest = config_digest(app, unit)
    if unit.config_seen != digest:
        yield Hook("config-changed", "config-changed", key=digest)
    if not unit.started:
        yield _plain("start")


def _teardown(model: Model, unit: Unit) -> Iterator[Hook]:
    if not unit.installed or unit.removed:
        return
    if not unit.stopped:
        yield from _actions(unit)
        yield from list(unit.events)[:1]
        yield from _relations(model, unit)
        for storage in unit.storages.values():
            if storage.attached and not storage.detached:
                yield _storage_hook("storage-detaching", storage.name, storage.id)
        yield _plain("stop")
    yield _plain("remove")


def _plain(kind: str) -> Hook:
    return Hook(kind, kind)


def _storage_hook(kind: str, name: str, id_: str) -> Hook:
    return Hook(kind, f"{name}-{kind}", (("JUJU_STORAGE_ID", id_),), key=id_)


def _actions(unit: Unit) -> Iterator[Hook]:
    for task in list(unit.tasks)[:1]:
        yield Hook("action", "", key=task)


def _created(model: Model, unit: Unit) -> Iterator[Hook]:
    for relation_id, view in sorted(unit.relations.items()):
        relation = model.relations.get(relation_id)
        if relation and relation.life == "alive" and not view.created:
            yield _relation_hook(relation, unit, "relation-created")


def _relations(model: Model, unit: Unit) -> Iterator[Hook]:
    for relation_id, view in sorted(unit.relations.items()):
        relation = model.relations.get(relation_id)
        if relation and view.created and not view.broken:
            yield from _relation(model, relation, unit, view)


def _relation(model: Model, relation: Relation, unit: Unit, view: RelationView) -> Iterator[Hook]:
    ends = relation.life != "alive" or unit.life != "alive"
    present = {} if ends else model.members(relation, unit)
    if view.changed_pending in present:
        member = view.changed_pending
        yield _relation_hook(relation, unit, "relation-changed", member, present[member])
    for gone in sorted(set(view.members) - set(present), key=unit_key):
        yield _departed(relation, unit, gone)
    if ends:
        yield _relation_hook(relation, unit, "relation-broken")
    for new in sorted(set(present) - set(view.members), key=unit_key):
        yield _relation_hook(relation, unit, "relation-joined", new)
    far = relation.far(unit.app).app
    if view.apps.get(far, 0) != relation.app_bags[far].version:
        yield _relation_hook(relation, unit, "relation-changed", version=relation.app_bags[far].version)
    for member, version in present.items():
        if view.members.get(member) != version:
            yield _relation_hook(relation, unit, "relation-changed", member, version)


def _departed(relation: Relation, unit: Unit, gone: str) -> Hook:
    # A unit that is itself on its way out is told that it is the one who departs.
    departing = gone if unit.life == "alive" else unit.name
    hook = _relation_hook(relation, unit, "relation-departed", gone)
    return Hook(
        hook.kind,
        hook.name,
        (*hook.facts, ("JUJU_DEPARTING_UNIT", departing)),
        relation.id,
        gone,
        key=departing,
    )


def _relation_hook(
    relation: Relation, unit: Unit, kind: str, member: str | None = None, version: int = 0
) -> Hook:
    side = relation.side(unit.app)
    if side is None:
        raise AssertionError(f"{unit.name} is no part of relation {relation.id}")
    endpoint = side.endpoint.name
    facts = (
        ("JUJU_RELATION", endpoint),
        ("JUJU_RELATION_ID", f"{endpoint}:{relation.id}"),
        ("JUJU_REMOTE_APP", relation.far(unit.app).app),
        ("JUJU_REMOTE_UNIT", member or ""),
    )
    return Hook(kind, f"{endpoint}-{kind}", facts, relation.id, member, version)


def _secrets(model: Model, app: Application, unit: Unit) -> Iterator[Hook]:
    for (id_, reader), consumer in sorted(model.secrets.consumers.items()):
        secret = model.secrets.secrets.get(id_)
        if secret and reader == unit.name and max(consumer.tracked, consumer.told) < secret.latest:
            yield _secret_hook("secret-changed", secret, consumer.label or secret.label, secret.latest)
    for secret in sorted(model.secrets.secrets.values(), key=lambda secret: secret.id):
        if secret.unit == unit.name or (secret.app == unit.app and app.leader == unit.name):
            yield from _owned_secret(model, secret)


def _owned_secret(model: Model, secret: Secret) -> Iterator[Hook]:
    for revision in model.secrets.obsolete(secret):
        if revision not in secret.removals_told:
            yield _secret_hook("secret-remove", secret, secret.label, revision)
    now = now_s()
    if secret.expires_s and secret.expires_s <= now and secret.latest not in secret.expiries_told:
        yield _secret_hook("secret-expired", secret, secret.label, secret.latest)
    if secret.rotates_s and secret.rotates_s <= now:
        yield _secret_hook("secret-rotate", secret, secret.label, 0)


def _secret_hook(kind: str, secret: Secret, label: str, revision: int) -> Hook:
    facts = [("JUJU_SECRET_ID", f"secret:{secret.id}"), ("JUJU_SECRET_LABEL", label)]
    if kind in ("secret-remove", "secret-expired"):
        facts.append(("JUJU_SECRET_REVISION", str(revision)))
    return Hook(kind, kind, tuple(facts), version=revision, key=secret.id)
