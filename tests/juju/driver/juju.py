"""`Juju`: the verbs of a test. Names follow the shape announced for `ops.testing.Juju`."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import ops
from ops import pebble, testing

from .applications import CONFIG_CHANGED, App, Life, Unit, Value
from .metadata import EndpointSpec, spec_of
from .model import Model
from .relations import Link, Side
from .values import (
    UPDATE_STATUS,
    ActionOutcome,
    CharmData,
    Dispatch,
    DriverError,
    Event,
    NotConvergingError,
    Outcome,
    traced,
)
from .views import action_of
from .world import StillWorld, World

T = TypeVar("T")

_MEMORY = Path("/dev/shm")
"""Where files cost no disk; they go where temporary files go if there is no such place."""

LIMIT = 100
"""Hooks of one unit in one `settle`; more means that they cause each other for ever."""


class Juju:
    """A Juju model with real charms in it, on Kubernetes, without Juju and without Kubernetes.

    Nothing runs before `settle` or `step`. The order of the hooks of a unit is Juju's; which unit's hook runs
    next is chosen by chance when there is a seed (the same seed, the same choices), else the hook that waits
    longest runs.

    Args:
        seed: of the choices; None for first come, first served.
        world: what is outside Juju.
        allow_errors: let a hook that fails by one of these be tried again, as Juju does, instead of failing
            the test.
        checked: let `ops.testing` check every state for consistency; for runs in masses this can be left out.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        world: World | None = None,
        allow_errors: tuple[type[Exception], ...] = (),
        checked: bool = True,
    ) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="juju-driver-", dir=_MEMORY if _MEMORY.is_dir() else None))
        """Where the files of all containers and storages are."""
        self._close = weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True)
        self._next_link = 1
        self._next_action = 1
        self._links: dict[frozenset[str], int] = {}
        self.model = Model(self.root, world or StillWorld(), seed, allow_errors=allow_errors, checked=checked)

    def __enter__(self) -> Juju:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_unit(self, app: App | str, count: int = 1) -> list[Unit]:
        """Add units."""
        held = self.app(app)
        return [self.model.add_unit(held) for _ in range(count)]

    def app(self, app: App | str) -> App:
        """Return an application by name."""
        name = app if isinstance(app, str) else app.name
        if name not in self.model.apps:
            raise DriverError(f"no application {name!r}; there are {', '.join(self.model.apps) or 'none'}")
        return self.model.apps[name]

    def change_leader(self, app: App | str, unit: Unit | str) -> None:
        """Let another unit lead: the old one loses its right at once, the new one is told."""
        held, heir = self.app(app), self.unit(unit)
        if heir.app is not held or heir.life is Life.DYING:
            raise DriverError(f"cannot let {heir.name} lead {held.name}: it is no unit of it, or leaves")
        if held.leader is not heir:
            self.model.elect(held, heir)

    def close(self) -> None:
        """Delete the files; also done when the object goes."""
        self._close()

    def config(self, app: App | str, values: Mapping[str, Value | None]) -> None:
        """Set options; None goes back to the default.

        Raises `DriverError` with all that Juju would refuse.
        """
        held = self.app(app)
        asked = {name: value for name, value in values.items() if value is not None}
        problems = [problem for name, value in asked.items() if (problem := held.spec.problem(name, value))]
        if problems:
            raise DriverError(f"cannot configure {held.name}: {'; '.join(problems)}")
        kept = {name: value for name, value in held.config.items() if name not in values}
        if kept | asked != held.config:
            held.config = kept | asked
            for unit in held.units:
                self.model.tell(unit, CONFIG_CHANGED)

    def deploy(
        self,
        charm: type[ops.CharmBase] | CharmData,
        app: str,
        *,
        num_units: int = 1,
        config: Mapping[str, Value] | None = None,
        state_template: testing.State | None = None,
    ) -> App:
        """Deploy a charm.

        Of the template, `containers` (as every pod brings them), `resources` and nothing else counts.
        """
        if app in self.model.apps:
            raise DriverError(f"cannot deploy {app}: there is one already")
        held = App(name=app, spec=spec_of(charm), template=state_template)
        self.model.apps[app] = held
        for endpoint in held.spec.endpoints.values():
            if endpoint.role == "peers":
                self._link(endpoint.interface, Side(app=held, endpoint=endpoint.name))
        self.config(held, config or {})
        self.add_unit(held, num_units)
        return held

    def emit(self, unit: Unit | str, event: Event) -> None:
        """Let an event wait for a unit, such as a Pebble check's."""
        self.model.tell(self.unit(unit), event)

    def integrate(self, one: str, other: str) -> Link:
        """Relate two endpoints, each given as `application:endpoint`."""
        (side, spec), (far, far_spec) = self._side(one), self._side(other)
        problems = [
            problem
            for refused, problem in (
                (side.app is far.app, "an application does not relate to itself"),
                (spec.interface != far_spec.interface, f"{spec.interface} is not {far_spec.interface}"),
                ({spec.role, far_spec.role} != {"requires", "provides"}, f"{spec.role} and {far_spec.role}"),
                (frozenset((one, other)) in self._links, "they are related"),
                (self._full(side, spec), f"{one} takes {spec.limit}"),
                (self._full(far, far_spec), f"{other} takes {far_spec.limit}"),
            )
            if refused
        ]
        if problems:
            raise DriverError(f"cannot integrate {one} and {other}: {'; '.join(problems)}")
        link = self._link(spec.interface, side, far)
        self._links[frozenset((one, other))] = link.id
        for unit in (*side.app.units, *far.app.units):
            if unit.life is not Life.DYING:
                self.model.tell(unit, link.event(unit, "created"))
        return link

    def kill_in_hook(self, unit: Unit | str) -> None:
        """Let the unit's next hook die at its end: what it wrote to Juju never was, and it runs again."""
        self.unit(unit).killed = True

    def lose_unit(self, unit: Unit | str) -> None:
        """Lose the unit's pod without a hook: a new one has another address, empty containers, the storage.

        The charm's own files are lost too, and with them stored state and deferred events.
        """
        self.model.replace_pod(self.unit(unit))

    def refresh(self, app: App | str, charm: type[ops.CharmBase] | CharmData | None = None) -> None:
        """Upgrade the charm, to another class if given: every pod is replaced, the highest number first."""
        held = self.app(app)
        if charm is not None:
            held.spec = spec_of(charm)
        held.to_refresh = list(held.units)

    def reseed(self, seed: int) -> None:
        """Choose by another seed from now on."""
        self.model.reseed(seed)

    def remove_application(self, app: App | str) -> None:
        """Remove an application: its relations end, its units go. Its name stays taken."""
        held = self.app(app)
        for link in list(self.model.links.values()):
            if not link.peers and any(side.app is held for side in link.sides):
                self._end(link)
        for unit in list(held.units):
            self.model.begin_removal(unit)

    def remove_relation(self, one: str, other: str) -> None:
        """End the relation of two endpoints."""
        link = self.model.links.get(self._links.get(frozenset((one, other)), 0))
        if link is None:
            raise DriverError(f"cannot remove the relation of {one} and {other}: there is none")
        self._end(link)

    def remove_unit(self, unit: Unit | str, *, force: bool = False) -> None:
        """Remove a unit, with the hooks of its departure; with `force`, at once and without them."""
        if force:
            self.model.remove_at_once(self.unit(unit))
        else:
            self.model.begin_removal(self.unit(unit))

    def run_action(
        self, unit: Unit | str, action: str, params: Mapping[str, Any] | None = None
    ) -> ActionOutcome:
        """Run an action now; it goes before all hooks that wait."""
        held = self.unit(unit)
        if action not in held.spec.actions:
            raise DriverError(f"cannot run {action} on {held.name}: it has {', '.join(held.spec.actions)}")
        event = Event(kind="action", about=action)
        told = action_of(action, params or {}, self._next_action)
        self._next_action += 1
        dispatch, result = self.model.run(held, event, told, self.model.state_of(held))
        if dispatch.outcome is Outcome.FAILED:
            raise self.model.failure(dispatch) from result.error
        return ActionOutcome(results=result.results, logs=result.logs, failure=result.failure)

    def set_check(
        self, unit: Unit | str, container: str, check: str, status: pebble.CheckStatus, *, failures: int = 0
    ) -> None:
        """Let a Pebble check have a status; the event of it, if any, is the caller's."""
        self.unit(unit).pod.set_check(container, check, status, failures)

    def settle(self, limit: int = LIMIT) -> list[Dispatch]:
        """Run hooks until none waits and nothing more happens in the world; return them.

        Raises `NotConvergingError` when a unit ran more than `limit`, `CharmFailedError` when a hook raised
        (unless the error is allowed: then it is tried three times, and again whenever time has passed, and in
        the next `settle`).
        """
        begin = len(self.model.trace)
        ran: dict[str, int] = {}
        for unit in self.model.units:
            unit.attempts = 0
        while (dispatch := self.step()) or self._time_passes():
            if dispatch is None:
                continue
            ran[dispatch.unit] = ran.get(dispatch.unit, 0) + 1
            if ran[dispatch.unit] > limit:
                message = f"will not converge: {dispatch.unit} ran {limit} hooks and has more to run"
                raise NotConvergingError(traced(message, self.model.trace))
        return self.model.trace[begin:]

    def shuffle(self, random: Random) -> None:
        """Keep the same in another order: Juju promises none for bags, options and members."""
        for link in self.model.links.values():
            for bags in (link.app_bags, link.unit_bags):
                bags.update({owner: _shuffled(random, bag) for owner, bag in bags.items()})
            for members in link.members.values():
                random.shuffle(members)
        for app in self.model.apps.values():
            app.config = _shuffled(random, app.config)

    def state(self, unit: Unit | str) -> testing.State:
        """Return what Juju shows a unit now."""
        return self.model.state_of(self.unit(unit))

    def step(self) -> Dispatch | None:
        """Run one hook; None when none waits."""
        while True:
            self.model.refresh_further()
            unit = self.model.next_unit()
            if unit is None:
                return None
            dispatch = self.model.dispatch(unit)
            if dispatch is not None:
                return dispatch

    @property
    def trace(self) -> list[Dispatch]:
        """All hooks that ran."""
        return self.model.trace

    def unit(self, unit: Unit | str) -> Unit:
        """Return a unit by name."""
        found = {held.name: held for held in self.model.units}
        name = unit if isinstance(unit, str) else unit.name
        if name not in found:
            raise DriverError(f"no unit {name!r}; there are {', '.join(found) or 'none'}")
        return found[name]

    def update_status(self) -> None:
        """Let every unit look after itself, as Juju does every five minutes."""
        for unit in self.model.units:
            if unit.life is Life.ALIVE:
                self.model.tell(unit, UPDATE_STATUS)

    def _end(self, link: Link) -> None:
        self.model.tell_all(link.end())
        self.model.drop_if_over(link)
        self._links = {ends: number for ends, number in self._links.items() if number != link.id}

    def _full(self, side: Side, spec: EndpointSpec) -> bool:
        taken = sum(side in link.sides for link in self.model.links.values() if not link.dying)
        return spec.limit is not None and taken >= spec.limit

    def _link(self, interface: str, *sides: Side) -> Link:
        bags: dict[str, dict[str, str]] = {side.app.name: {} for side in sides}
        link = Link(id=self._next_link, interface=interface, sides=sides, app_bags=bags)
        self._next_link += 1
        self.model.links[link.id] = link
        return link

    def _side(self, end: str) -> tuple[Side, EndpointSpec]:
        app, _, endpoint = end.partition(":")
        held = self.app(app)
        if endpoint not in held.spec.endpoints:
            known = ", ".join(held.spec.endpoints)
            raise DriverError(f"cannot integrate {end}: {app} has the endpoints {known}")
        return Side(app=held, endpoint=endpoint), held.spec.endpoints[endpoint]

    def _time_passes(self) -> bool:
        happened = list(self.model.world.idle())
        for unit in self.model.units if happened else ():
            unit.attempts = 0
        self.model.tell_all(happened)
        return bool(happened)


def _shuffled(random: Random, mapping: Mapping[str, T]) -> dict[str, T]:
    return dict(random.sample(list(mapping.items()), len(mapping)))
