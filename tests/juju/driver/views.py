"""What Juju shows a unit, as a `State` and an event of `ops.testing`; and the environment it gets wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from ops import testing
from scenario.state import _Event  # pyright: ignore[reportPrivateUsage]

from .applications import Unit
from .relations import Bag, Link
from .values import DriverError, Event

_on = testing.CharmEvents()


def relation_of(link: Link, unit: Unit, event: Event | None) -> testing.RelationBase:
    """Return a relation as a unit sees it: its members only, and of its own application's bag what it may.

    A unit that departs is no member any more (see `hooks`), but its bag can be read.
    """
    side = link.side(unit.app)
    members = list(link.members[unit.name])
    if event and event.link == link.id and event.kind == "relation-departed":
        members.append(event.remote)
    bags = {_number(name): link.unit_bags[name] for name in members}
    own = link.unit_bags[unit.name]
    mine = link.app_bags[unit.app.name]
    if link.peers:
        return testing.PeerRelation(
            side.endpoint,
            link.interface,
            id=link.id,
            local_app_data=mine,
            local_unit_data=own,
            peers_data=bags,
        )
    far = link.remote(unit.app)
    return testing.Relation(
        side.endpoint,
        link.interface,
        id=link.id,
        local_app_data=mine if unit.is_leader else {},
        local_unit_data=own,
        remote_app_name=far.name,
        remote_app_data=link.app_bags[far.name],
        remote_units_data=bags,
    )


def state_of(
    unit: Unit,
    links: Iterable[Link],
    secrets: Iterable[testing.Secret],
    model: testing.Model,
    event: Event | None,
) -> testing.State:
    """Return what Juju shows a unit."""
    app = unit.app
    return testing.State(
        config=app.config,
        relations=[relation_of(link, unit, event) for link in links if unit.name in link.scope],
        networks=networks_of(unit),
        containers=unit.containers.values(),
        storages=[testing.Storage(name, index=unit.storages[name]) for name in sorted(unit.attached)],
        opened_ports=unit.last.opened_ports,
        leader=unit.is_leader,
        model=model,
        secrets=secrets,
        resources=app.template.resources if app.template else (),
        planned_units=app.planned_units,
        deferred=unit.last.deferred,
        stored_states=unit.last.stored_states,
        app_status=app.last.app_status,
        unit_status=unit.last.unit_status,
        workload_version=app.workload_version,
    )


def networks_of(unit: Unit) -> list[testing.Network]:
    """Return the unit's address as the network of every endpoint."""
    return [_network(name, unit.address) for name in (*unit.spec.endpoints, "juju-info")]


def event_of(event: Event, state: testing.State) -> _Event:
    """Return an event of `ops.testing`, about what stands in the state."""
    if event.kind in _PLAIN:
        return _PLAIN[event.kind]()
    family = event.kind.partition("-")[0]
    if family not in _ABOUT:
        raise DriverError(
            f"cannot dispatch {event}: no such kind; there are {', '.join(_PLAIN)} and those about things"
        )
    return _ABOUT[family](event, state)


def action_of(name: str, params: Mapping[str, Any], number: int) -> _Event:
    """Return an action's event."""
    return _on.action(name, params, str(number))


def corrections(event: Event) -> dict[str, str]:
    """Return the variables of a hook's environment that `ops.testing` would guess.

    It makes up a remote unit where Juju names none, and takes the departing unit for one of the remote
    application.
    """
    variables = {"JUJU_REMOTE_UNIT": event.remote} if event.kind.startswith("relation-") else {}
    return variables | ({"JUJU_DEPARTING_UNIT": event.departing} if event.departing else {})


def _relation_event(event: Event, state: testing.State) -> _Event:
    relation = state.get_relation(event.link)
    if event.kind == "relation-created":
        return _on.relation_created(relation)
    if event.kind == "relation-broken":
        return _on.relation_broken(relation)
    # The consistency checker wants a remote unit, where Juju names none if the application's bag changed.
    number = _number(event.remote) if event.remote else 0
    if event.kind == "relation-departed":
        return _on.relation_departed(relation, remote_unit=number, departing_unit=_number(event.departing))
    told = _on.relation_joined if event.kind == "relation-joined" else _on.relation_changed
    return told(relation, remote_unit=number)


def _secret_event(event: Event, state: testing.State) -> _Event:
    secret = state.get_secret(id=event.secret)
    if event.kind == "secret-changed":
        # `CharmEvents.secret_changed` refuses owners, whom Juju tells too once they got the content.
        return _Event("secret_changed", secret=secret)
    if event.kind == "secret-expired":
        return _on.secret_expired(secret, revision=event.revision)
    return _on.secret_remove(secret, revision=event.revision)


def _storage_event(event: Event, state: testing.State) -> _Event:
    storage = next(storage for storage in state.storages if storage.name == event.about)
    told = _on.storage_attached if event.kind == "storage-attached" else _on.storage_detaching
    return told(storage)


def _pebble_event(event: Event, state: testing.State) -> _Event:
    container = state.get_container(event.about)
    if event.kind == "pebble-ready":
        return _on.pebble_ready(container)
    told = _on.pebble_check_failed if event.kind == "pebble-check-failed" else _on.pebble_check_recovered
    return told(container, container.get_check_info(event.check))


_PLAIN: Mapping[str, Callable[[], _Event]] = {
    "config-changed": _on.config_changed,
    "install": _on.install,
    "leader-elected": _on.leader_elected,
    "remove": _on.remove,
    "start": _on.start,
    "stop": _on.stop,
    "update-status": _on.update_status,
    "upgrade-charm": _on.upgrade_charm,
}
_ABOUT: Mapping[str, Callable[[Event, testing.State], _Event]] = {
    "pebble": _pebble_event,
    "relation": _relation_event,
    "secret": _secret_event,
    "storage": _storage_event,
}


def bag_of(relation: testing.RelationBase) -> tuple[Bag, Bag]:
    """Return what a hook left in its unit's and its application's bag."""
    return dict(relation.local_unit_data), dict(relation.local_app_data)


@cache
def _network(name: str, address: str) -> testing.Network:
    return testing.Network(
        name,
        [testing.BindAddress([testing.Address(address, cidr=f"{address}/32")], interface_name="eth0")],
        ingress_addresses=[address],
        egress_subnets=[f"{address}/32"],
    )


def _number(unit: str) -> int:
    return int(unit.rpartition("/")[2])
