"""The model behind `Juju`: it holds everything, runs one hook at a time, and keeps what the hook left.

A hook is a transaction. It sees a state built for its unit; when it succeeds, bags, secrets, status, ports
and stored state are kept and those concerned are told; when it fails or is killed, none of that happened and
it runs again. What it did to containers happened in any case: Pebble is another process.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ops import testing

from . import hooks, startup, views
from .applications import LEADER_ELECTED, STOP, App, Life, Unit
from .pod import Pod
from .relations import Link, Told, addresses, joins
from .values import CharmFailedError, Dispatch, Event, Outcome, traced
from .vault import Vault
from .world import World

RETRIES = 3
"""How often a failing hook runs within one `settle`, where errors are allowed."""


class Model:
    """Applications, relations, secrets, and the hooks that wait."""

    def __init__(
        self,
        root: Path,
        world: World,
        seed: int | None,
        *,
        allow_errors: tuple[type[Exception], ...],
        checked: bool,
    ) -> None:
        self.apps: dict[str, App] = {}
        self.links: dict[int, Link] = {}
        self.vault = Vault()
        self.world = world
        self.trace: list[Dispatch] = []
        self._juju = testing.Model("model", uuid="1d5bcd1a-9d5c-4f0a-8b5e-3f3a2c1b0d9e")
        self._root = root
        self._chance = None if seed is None else random.Random(seed)  # noqa: S311
        self._allow_errors = allow_errors
        self._checked = checked
        self._arrivals = 0
        self._pods = 0
        self._storages = 0

    @property
    def units(self) -> list[Unit]:
        """All units, by application and number."""
        return [unit for app in self.apps.values() for unit in app.units]

    def tell(self, unit: Unit, event: Event) -> None:
        """Let an event wait for a unit."""
        if unit.life is not Life.GONE:
            unit.queue.add(self._arrival(), event)

    def tell_all(self, told: Told | Iterable[tuple[Unit, Event]]) -> None:
        """Let events wait, in order."""
        for unit, event in list(told):
            self.tell(unit, event)

    def reseed(self, seed: int) -> None:
        """Choose by another seed from now on."""
        self._chance = random.Random(seed)  # noqa: S311

    def add_unit(self, app: App) -> Unit:
        """Add a unit; the first leads."""
        unit = Unit(
            app=app,
            number=app.next_number,
            spec=app.spec,
            address=self._new_address(),
            storages={name: self._new_storage() for name in app.spec.storages},
        )
        app.next_number += 1
        folder = self._root / unit.name.replace("/", "-")
        folder.mkdir()
        unit.pod = Pod(unit, folder, self.world, self.vault.new_id)
        app.units.append(unit)
        app.leader = app.leader or unit
        self._bring_up(unit)
        for event in startup.first_hooks(unit, self.links_of(unit)):
            self.tell(unit, event)
        return unit

    def links_of(self, unit: Unit) -> list[Link]:
        """Return the relations that a unit takes part in or is to enter; peers first."""
        links = [link for link in self.links.values() if any(side.app is unit.app for side in link.sides)]
        return sorted(
            (link for link in links if joins(link, unit) or unit.name in link.scope),
            key=lambda link: (not link.peers, link.id),
        )

    def replace_pod(self, unit: Unit) -> None:
        """Give a unit a new pod: another address, empty containers, the newest charm, the same storage."""
        unit.spec = unit.app.spec
        unit.address = self._new_address()
        unit.last = testing.State(unit_status=unit.last.unit_status, opened_ports=unit.last.opened_ports)
        waiting = [event for event in unit.queue.events if startup.of_the_pod(event)]
        hooks_again = startup.again(unit)
        unit.queue.drop(waiting)
        unit.queue.add_first(self._arrival(), hooks_again)
        self._bring_up(unit)
        for link in self.links_of(unit):
            if unit.name in link.scope:
                bag = link.unit_bags[unit.name] | addresses(unit)
                self.tell_all(link.write_unit(unit, bag))

    def elect(self, app: App, unit: Unit | None) -> None:
        """Let a unit lead, and tell it."""
        if app.leader is not None:
            app.leader.queue.drop([LEADER_ELECTED])
        app.leader = unit
        if unit is not None:
            self.tell(unit, LEADER_ELECTED)

    def begin_removal(self, unit: Unit) -> None:
        """Let a unit go; one that was never installed goes without a word."""
        if unit.life is Life.DYING:
            return
        if unit.life is Life.NEW:
            self._gone(unit)
            return
        links = self.links_of(unit)
        unit.life = Life.DYING
        unit.queue.drop([STOP])
        for link in links:
            self.tell_all(link.leave(unit))
        for event in startup.last_hooks(unit):
            self.tell(unit, event)

    def remove_at_once(self, unit: Unit) -> None:
        """Let a unit go without a hook of its own; the others hear that it departed."""
        for link in self.links_of(unit):
            if unit.name not in link.unit_dying:
                self.tell_all(link.leave(unit))
            self._out(link, unit)
        self._gone(unit)

    def state_of(self, unit: Unit, event: Event | None = None) -> testing.State:
        """Return what Juju shows a unit now."""
        return views.state_of(unit, self.links.values(), self.vault.visible(unit), self._juju, event)

    def next_unit(self) -> Unit | None:
        """Choose whose hook runs next: with a seed any, else the one that waits longest."""
        waiting = [unit for unit in self.units if len(unit.queue) and unit.attempts < RETRIES]
        if not waiting:
            return None
        if self._chance is not None:
            return self._chance.choice(waiting)
        return min(waiting, key=lambda unit: unit.queue.arrival)

    def dispatch(self, unit: Unit) -> Dispatch | None:
        """Run the next hook of a unit; None when it had lost its point."""
        event = unit.queue.take()
        if self._pointless(unit, event):
            return None
        self._prepare(unit, event)
        state = self.state_of(unit, event)
        dispatch, result = self.run(unit, event, views.event_of(event, state), state)
        if dispatch.outcome is Outcome.DONE:
            unit.attempts = 0
            self._conclude(unit, event)
        else:
            unit.attempts += dispatch.outcome is Outcome.FAILED
            unit.queue.add_first(self._arrival(), [event])
        if result.error is not None and not isinstance(result.error, self._allow_errors):
            raise self.failure(dispatch) from result.error
        return dispatch

    def failure(self, dispatch: Dispatch) -> CharmFailedError:
        """Return the error of a hook that raised."""
        message = f"{dispatch.unit} failed in {dispatch.event}: {dispatch.error}"
        return CharmFailedError(traced(message, self.trace))

    def run(self, unit: Unit, event: Event, told: Any, state: testing.State) -> tuple[Dispatch, hooks.Result]:
        """Run a hook or action, and keep what it left."""
        self.world.before(unit, state)
        hook = hooks.Hook(
            app=unit.app.name,
            number=unit.number,
            event=told,
            state=state,
            environment=views.corrections(event),
            seams=self.world.seams(unit),
            checked=self._checked,
        )
        result = hooks.run(unit.spec.context, unit.pod, hook)
        killed = unit.killed and event.kind != "action"
        unit.killed = unit.killed and not killed
        outcome = Outcome.FAILED if result.error else Outcome.KILLED if killed else Outcome.DONE
        self.vault.absorb_reads(unit, result)
        if outcome is Outcome.DONE:
            self._keep(unit, result)
        self.tell_all((unit, follow_up) for follow_up in self.world.after(unit, result.state))
        self.tell_all(self.vault.news(self.units))
        dispatch = Dispatch(
            number=len(self.trace) + 1,
            unit=unit.name,
            event=event,
            outcome=outcome,
            status=unit.status,
            log=result.log,
            error=repr(result.error) if result.error else "",
        )
        self.trace.append(dispatch)
        return dispatch, result

    def refresh_further(self) -> None:
        """Replace the next pod of every application that is being refreshed, one at a time."""
        for app in self.apps.values():
            app.to_refresh = [unit for unit in app.to_refresh if unit.life in (Life.NEW, Life.ALIVE)]
            if app.to_refresh and all(_settled_in(unit) for unit in app.units):
                unit = app.to_refresh.pop()
                unit.queue.add_first(self._arrival(), [STOP])

    def _keep(self, unit: Unit, result: hooks.Result) -> None:
        state = result.state
        unit.last = state
        unit.app.workload_version = state.workload_version
        for relation in state.relations:
            link = self.links[relation.id]
            own, apps = views.bag_of(relation)
            self.tell_all(link.write_unit(unit, own))
            if unit.is_leader:
                self.tell_all(link.write_app(unit, apps))
        if unit.is_leader:
            unit.app.last = state
        self.vault.absorb_writes(unit, result)

    def _pointless(self, unit: Unit, event: Event) -> bool:
        if event.link:
            link = self.links.get(event.link)
            return link is None or (event.kind != "relation-created" and unit.name not in link.scope)
        if event.kind == "secret-remove":
            held = self.vault.get(event.secret)
            owner = held and next((other for other in self.units if held.managed_by(other)), None)
            if held and owner and owner is not unit:
                self.tell(owner, event)
            return owner is not unit or event.revision not in (held.revisions if held else ())
        if event.kind == "secret-changed":
            held = self.vault.get(event.secret)
            return held is None or not held.hears(unit)
        if event.check:
            return event.check not in {info.name for info in unit.containers[event.about].check_infos}
        return False

    def _prepare(self, unit: Unit, event: Event) -> None:
        """Do what Juju does before the hook."""
        if event.kind == "relation-created":
            waiting = {event.link, *(other.link for other in unit.queue.events if other.kind == event.kind)}
            for link in [link for link in self.links.values() if link.id in waiting and joins(link, unit)]:
                self.tell_all(link.enter(unit))
        elif event.kind == "relation-joined":
            members = self.links[event.link].members[unit.name]
            members.extend({event.remote} - set(members))
        elif event.kind == "relation-departed":
            members = self.links[event.link].members[unit.name]
            members[:] = [member for member in members if member != event.remote]
        elif event.kind == "storage-attached":
            unit.attached.add(event.about)
        elif event.kind == "pebble-ready":
            unit.pod.connect(event.about)

    def _conclude(self, unit: Unit, event: Event) -> None:
        """Do what Juju does after the hook succeeded."""
        if event.kind == "install":
            unit.life = Life.ALIVE
        elif event.kind == "relation-broken":
            self._out(self.links[event.link], unit)
        elif event.kind == "storage-detaching":
            unit.attached.discard(event.about)
        elif event.kind == "stop" and unit.life is Life.ALIVE:
            self.replace_pod(unit)
        elif event.kind == "remove":
            self._gone(unit)

    def _out(self, link: Link, unit: Unit) -> None:
        link.out(unit)
        self.drop_if_over(link)

    def drop_if_over(self, link: Link) -> None:
        """Forget a relation of which nothing is left, and what was granted over it."""
        if link.over:
            del self.links[link.id]
            self.vault.end_grants(link)

    def _gone(self, unit: Unit) -> None:
        app = unit.app
        unit.life = Life.GONE
        unit.queue.drop(unit.queue.events)
        app.units.remove(unit)
        self.vault.forget(unit)
        self.world.lost(unit)
        if app.leader is unit:
            heirs = [heir for heir in app.units if heir.life is not Life.DYING] or app.units
            heir = self._chance.choice(heirs) if self._chance and heirs else next(iter(heirs), None)
            self.elect(app, heir)

    def _bring_up(self, unit: Unit) -> None:
        unit.pod.bring_up()
        unit.connects_early = self._chance is not None and self._chance.random() < 0.5
        if unit.connects_early:
            for name in unit.containers:
                unit.pod.connect(name)

    def _arrival(self) -> int:
        self._arrivals += 1
        return self._arrivals

    def _new_address(self) -> str:
        self._pods += 1
        return f"10.1.{self._pods // 250}.{self._pods % 250 + 1}"

    def _new_storage(self) -> int:
        self._storages += 1
        return self._storages - 1


def _settled_in(unit: Unit) -> bool:
    """Whether a unit has run the hooks of its start; a refresh waits for its pod to be ready."""
    starting = any(event.kind in ("start", "stop", "pebble-ready") for event in unit.queue.events)
    return unit.life is Life.ALIVE and not starting
