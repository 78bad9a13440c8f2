"""Which hooks a unit runs when it starts, comes back, is upgraded, and goes."""

from __future__ import annotations

from collections.abc import Iterable

from .applications import (
    CONFIG_CHANGED,
    INSTALL,
    LEADER_ELECTED,
    REMOVE,
    START,
    STOP,
    UPGRADE_CHARM,
    Life,
    Unit,
)
from .relations import Link
from .values import Event


def first_hooks(unit: Unit, links: Iterable[Link]) -> list[Event]:
    """Return the hooks of a new unit, in Juju's order."""
    elected = [LEADER_ELECTED] if unit.is_leader else []
    return [
        *(Event(kind="storage-attached", about=name) for name in unit.spec.storages),
        INSTALL,
        *(link.event(unit, "created") for link in links),
        *elected,
        CONFIG_CHANGED,
        START,
        *pebble_hooks(unit),
    ]


def pebble_hooks(unit: Unit) -> list[Event]:
    """Return the hooks of a pod's containers."""
    return [Event(kind="pebble-ready", about=name) for name in unit.spec.containers]


def again(unit: Unit) -> list[Event]:
    """Return the hooks of a unit whose pod is new, before all else that waits.

    The charm's folder is new too, which Juju takes for an upgrade. A unit that was not installed yet only
    starts over, and one that leaves gets no new pod.
    """
    if unit.life is Life.DYING:
        return []
    if unit.life is Life.NEW:
        return [event for event in unit.queue.events if event.kind != "pebble-ready"] + pebble_hooks(unit)
    elected = [LEADER_ELECTED] if LEADER_ELECTED in unit.queue else []
    return [UPGRADE_CHARM, *elected, CONFIG_CHANGED, START, *pebble_hooks(unit)]


def last_hooks(unit: Unit) -> list[Event]:
    """Return what a unit runs after the relations broke."""
    detaching = [Event(kind="storage-detaching", about=name) for name in sorted(unit.attached)]
    return [*detaching, STOP, REMOVE]


def of_the_pod(event: Event) -> bool:
    """Whether an event is about containers, and so gone with them."""
    return event.kind.startswith("pebble-")
