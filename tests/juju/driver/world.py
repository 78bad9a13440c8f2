"""The seam to what is outside Juju: processes, commands, and the passing of time.

A `World` is given to a `Juju`; it is told what the charms do to their containers, and answers for them.
Everything here is called while a hook runs or between two hooks, never at the same time as another call.

Charms reach processes through a class attribute (a seam). `seams(unit)` gives the values that those
attributes have in the hooks of one unit: every hook runs in a fresh subclass of the charm, and they are set
on it. There is no other state to put back, so units never see each other's.
"""
# ruff: noqa: ARG002 -- the still world has every method and needs no argument of any

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ops import pebble, testing

from .values import Event

if TYPE_CHECKING:
    from .applications import Unit


class World(Protocol):
    """What a fake world answers; derive from `StillWorld` and override what matters."""

    def container_for(self, unit: Unit, name: str) -> testing.Container | None:
        """Return the container that a new pod of the unit brings; None for an empty one."""
        ...

    def seams(self, unit: Unit) -> Mapping[str, Any]:
        """Return the class attributes of the charm in this unit's hooks.

        A plain function would become a method there: give a `staticmethod` or an object.
        """
        ...

    def before(self, unit: Unit, state: testing.State) -> None:
        """See the state that the next hook of the unit will see."""
        ...

    def after(self, unit: Unit, state: testing.State) -> Iterable[Event]:
        """See the state that a hook left, killed or not; return what Pebble tells the unit of it."""
        ...

    def execute(self, unit: Unit, container: str, command: Sequence[str]) -> testing.Exec | None:
        """Answer a command at the moment it runs; None leaves it to the container's own `execs`."""
        ...

    def started(self, unit: Unit, container: str, service: pebble.Service) -> None:
        """Learn that Pebble started or restarted a service, with the plan of that moment."""
        ...

    def stopped(self, unit: Unit, container: str, service: str) -> None:
        """Learn that Pebble stopped a service."""
        ...

    def lost(self, unit: Unit) -> None:
        """Learn that the unit's pod is gone, with its processes and files; storage stays."""
        ...

    def idle(self) -> Iterable[tuple[Unit, Event]]:
        """Let time pass: no hook is waiting. Return what happens next, nothing when nothing ever will."""
        ...


class StillWorld:
    """A world in which nothing happens by itself."""

    def container_for(self, unit: Unit, name: str) -> testing.Container | None:
        """See `World`."""
        return None

    def seams(self, unit: Unit) -> Mapping[str, Any]:
        """See `World`."""
        return {}

    def before(self, unit: Unit, state: testing.State) -> None:
        """See `World`."""

    def after(self, unit: Unit, state: testing.State) -> Iterable[Event]:
        """See `World`."""
        return ()

    def execute(self, unit: Unit, container: str, command: Sequence[str]) -> testing.Exec | None:
        """See `World`."""
        return None

    def started(self, unit: Unit, container: str, service: pebble.Service) -> None:
        """See `World`."""

    def stopped(self, unit: Unit, container: str, service: str) -> None:
        """See `World`."""

    def lost(self, unit: Unit) -> None:
        """See `World`."""

    def idle(self) -> Iterable[tuple[Unit, Event]]:
        """See `World`."""
        return ()
