"""A cluster in memory: a coordinator, its gateways and its workers, with everything late that can be late.

All decisions are the core's own; this is only the world they act on. The world breaks what a real one
breaks: processes crash, hosts stop in the middle of an action list, reports and documents arrive late and
an intermediate one never, a gateway takes its time to load. It raises `AssertionError` at the very step
at which a guarantee is broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from rolecall.core import changes, coordinator, forget, undo
from rolecall.core.model import Document, Group, Phase, Problem, Report
from rolecall.core.product import Product
from rolecall.testing import DEPLOYMENT, a_worker, observed, settings_of, the_front
from simulation import acting, judging
from simulation.parts import DEAD, HEARTBEAT_S, READY, RING, UNWELL, Gateway, Machine, lean_drain

_BAD_FOR = re.compile(r"bad_for: (\S+)")


class World:
    """Everything there is."""

    def __init__(self, product: Product, groups: tuple[Group, ...], gateways: int = 2) -> None:
        """Make a world in which nothing runs yet."""
        self.product = replace(product, drains=tuple(lean_drain(one) for one in product.drains))
        self.line = product.lines[0]
        self.groups = {group.name: group for group in groups}
        self.settings = settings_of(product)
        self.store = observed(product, ()).store
        self.refused: tuple[Problem, ...] = ()
        self.restarts: dict[str, int] = {}
        self.machines: dict[str, Machine] = {}
        self.seen: dict[str, Report] = {}
        self.document: Document | None = None
        self.memory = undo.Memory()
        self.verified: dict[str, str] = {}
        self.gateways = [Gateway() for _ in range(gateways)]
        self.views: dict[int, frozenset[str]] = {}
        """Revision to the units that weren't ready, as far as the coordinator knew while it stood."""
        self.reached: dict[str, set[str]] = {}
        """Bad config to the units that were ready and were made to restart into it."""
        self.numbers: dict[str, int] = {}
        self.decided: tuple[coordinator.Observed, coordinator.Decision] | None = None
        self.now_s = 1000.0
        self.writes = 0
        self.stored: dict[int, float] = {}
        """Write to when it got into the object store."""
        self.store_down = False
        self.beats: dict[str, float] = {}
        """Member of the cluster's ring to its last heartbeat."""
        self.patience: int | None = None
        """How many actions the hosts still do before all of them are ended; None: they aren't."""
        for group in groups:
            for _ in range(group.units):
                self.join(group.name)

    # What an administrator or fate does.

    def set(self, raw: dict[str, object]) -> None:
        """Change the settings."""
        self.settings = settings_of(self.product, raw)

    def undo(self) -> bool:
        """Take the newest settings back, if they can be; say whether they were."""
        if undo.refusal(self.memory, self.settings):
            return False
        self.memory = undo.taken_back(self.memory, self.settings)
        return True

    def resume(self) -> None:
        """Let the settings hold as they are written."""
        self.memory = undo.resumed(self.memory)

    def join(self, group: str) -> str:
        """Add a unit to a group."""
        number = self.numbers.get(group, 0)
        self.numbers[group] = number + 1
        unit = f"{group}/{number}"
        roles = self.groups[group].roles
        seen = a_worker(unit, roles)
        self.machines[unit] = Machine(
            unit=unit,
            group=group,
            product=self.product,
            seen=seen,
            paths=seen.paths,
        )
        self._count(group)
        return unit

    def leave(self, unit: str) -> None:
        """Ask a unit to go."""
        self.machines[unit].leaving = True
        self._count(self.machines[unit].group)

    def stay(self, unit: str) -> None:
        """Take back what `leave` asked for."""
        self.machines[unit].leaving = self.machines[unit].forced = False
        self._count(self.machines[unit].group)

    def reassign(self, group: str, roles: tuple[str, ...]) -> None:
        """Give the units of a group other roles."""
        self.groups[group] = replace(self.groups[group], roles=roles)
        for machine in self.machines.values():
            if machine.group == group:
                machine.seen = replace(machine.seen, roles=roles)

    def change_leader(self) -> None:
        """Let another coordinator lead: it knows what is published, and nothing that the last one tried."""
        self.verified = {}
        self.gateways.append(self.gateways.pop(0))

    def vanish(self, unit: str) -> None:
        """Remove a unit at once, as when its machine is lost for good."""
        group = self.machines.pop(unit).group
        self.seen.pop(unit, None)
        for reached in self.reached.values():
            reached.discard(unit)
        self._count(group)

    def reshape(self, groups: tuple[Group, ...]) -> None:
        """Put other groups in the place of all; the coordinator knows before anything starts."""
        for machine in self.machines.values():
            machine.leaving = True
        self.groups = {group.name: group for group in groups}
        for group in groups:
            for _ in range(group.units):
                unit = self.join(group.name)
                self.work(unit)
                self.deliver_report(unit)
        # Once for the binary's word on the config, once to publish it.
        self.coordinate()
        self.coordinate()

    def _count(self, group: str) -> None:
        if group not in self.groups:
            return
        staying = sum(not m.leaving for m in self.machines.values() if m.group == group)
        self.groups[group] = replace(self.groups[group], units=staying)

    def crash(self, unit: str, *, dead: bool) -> None:
        """End a process, or make it unwell."""
        machine = self.machines[unit]
        if machine.spec is not None and machine.state != DEAD:
            machine.state = DEAD if dead else UNWELL

    # What the world does by itself.

    def supervise(self, unit: str) -> None:
        """Start a dead process again, as a supervisor does on its own."""
        machine = self.machines[unit]
        if machine.spec is not None and machine.state == DEAD:
            machine.start(machine.spec, self.now_s)

    def progress(self, unit: str) -> None:
        """Let a process become ready, if it can with what it read."""
        machine = self.machines[unit]
        if machine.spec is None or machine.state == DEAD:
            return
        machine.state = UNWELL if self.bad_for(machine, machine.read) else READY
        self.writes += 1
        machine.write(self.writes)
        # One that is there for readers only goes on being down on purpose: its leave was for all of it.
        back = machine.state == READY and not machine.reads_only
        machine.asked_to_stop = machine.asked_to_stop and not back
        if machine.ready and any(self.line.role(name).ring for name in machine.ran):
            self.beats[unit] = self.now_s

    def bad_for(self, machine: Machine, config: str) -> bool:
        """Whether a unit cannot become ready with a config."""
        found = _BAD_FOR.search(config)
        bad = found[1].split(",") if found else ()
        return not {"everything", machine.unit, *machine.expanded}.isdisjoint(bad)

    def deliver_report(self, unit: str) -> None:
        """Let the coordinator see a unit's newest report; those in between are never seen."""
        report = self.machines[unit].report
        if report is not None:
            self.seen[unit] = report

    def deliver_document(self, unit: str) -> None:
        """Let a unit see the newest document."""
        self.machines[unit].document = self.document

    def settle_gateway(self, number: int) -> None:
        """Let a gateway finish to follow its newest config."""
        gateway = self.gateways[number]
        gateway.loaded = gateway.loading

    def release(self, unit: str) -> bool:
        """Forget a unit that has gone, as its host does; say whether it was."""
        machine = self.machines[unit]
        gone = machine.leaving and machine.report is not None and machine.report.phase is Phase.DRAINED
        if gone and machine.spec is None:
            judging.release(self, machine)
            self.vanish(unit)
        return gone

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        for unit, machine in self.machines.items():
            if unit in self.beats and machine.spec is not None and machine.state != DEAD:
                self.beats[unit] = self.now_s

    def ghosts(self) -> set[str]:
        """Return the members of the ring whose units are gone."""
        return self.beats.keys() - self.machines.keys()

    def put(self, machine: Machine) -> bool:
        """Put what a unit holds into the object store, if it can be reached; say whether it could."""
        if not self.store_down:
            self.stored.update(dict.fromkeys(machine.holds, self.now_s))
            machine.holds.clear()
        return not self.store_down

    # One cycle of a coordinator or a worker.

    def observe(self) -> coordinator.Observed:
        """Return all that the coordinator's decision depends on."""
        members = {
            unit: coordinator.Member(group=self.machines[unit].group, report=report)
            for unit, report in self.seen.items()
        }
        return coordinator.Observed(
            deployment=DEPLOYMENT,
            settings=self.settings,
            groups=tuple(self.groups.values()),
            members=members,
            unheard=frozenset(self.machines) - self.seen.keys(),
            store=self.store,
            front=the_front(serving=frozenset().union(*(gateway.sends_to for gateway in self.gateways))),
            restarts=self.restarts,
            published=self.document,
            verified=self.verified,
            pages=self._pages(),
            problems=self.refused,
            memory=self.memory,
        )

    def _pages(self) -> tuple[forget.Page, ...]:
        """Look at the ring as hosts do: once every unit that stays has said that it is ready."""
        staying = [machine.unit for machine in self.machines.values() if not machine.going]
        if not all(unit in self.seen and self.seen[unit].ready for unit in staying):
            return ()
        members = {
            unit: "ACTIVE" if self.now_s - beat < HEARTBEAT_S else "UNHEALTHY"
            for unit, beat in self.beats.items()
        }
        return (forget.Page(ring=RING, address="127.0.0.1", members=members),)

    def decide(self, seen: coordinator.Observed) -> coordinator.Decision:
        """Decide for the coordinator; who sees the same as a moment ago decides the same."""
        if self.decided is None or self.decided[0] != seen:
            self.decided = seen, coordinator.decide(self.product, seen)
        return self.decided[1]

    def coordinate(self, stop_after: int | None = None) -> tuple[changes.Action, ...]:
        """Run one cycle of the coordinator; it may be ended after a number of actions."""
        seen = self.observe()
        decision = self.decide(seen)
        state = changes.CoordinatorState(
            published=self.document,
            gateway=self.gateways[0].text,
            serving=self.gateways[0].loading,
            memory=self.memory,
        )
        actions = changes.diff_coordinator(state, decision.desired)
        for action in self._until_ended(actions[:stop_after]):
            acting.coordinate(self, action)
        if self.document is not None and self.document == decision.desired.document:
            known = {unit.id for unit in decision.cluster.units if not unit.ready}
            self.views[self.document.revision] = self.views.get(self.document.revision, frozenset()) | known
        return actions

    def work(self, unit: str, stop_after: int | None = None) -> tuple[changes.Action, ...]:
        """Run one cycle of a worker; it may be ended after a number of actions."""
        machine = self.machines[unit]
        seen = machine.observe(self.now_s)
        state = changes.WorkerState(
            unit=unit,
            address=seen.address,
            files=machine.files,
            process=seen.process,
            report=machine.report,
            handover=machine.handover,
        )
        actions = changes.diff_worker(state, machine.decide(self.product, seen))
        for action in self._until_ended(actions[: _cut(actions, stop_after)]):
            acting.work(self, machine, action)
        return actions

    def _until_ended(self, actions: tuple[changes.Action, ...]) -> Iterator[changes.Action]:
        """Yield the actions that the hosts still do."""
        for action in actions:
            if self.patience == 0:
                return
            self.patience = self.patience and self.patience - 1
            yield action

    def settle(self, watch: Callable[[], None] = lambda: None) -> list[tuple[str, changes.Action]]:
        """Let everybody act in turn, with nothing late, until nothing is left; return who did what.

        `watch` is called after each turn.
        """
        done: list[tuple[str, changes.Action]] = []
        for _ in range(40 + 16 * len(self.machines)):
            now = [("", action) for action in self.coordinate()]
            for unit in sorted(self.machines):
                self.deliver_document(unit)
                now.extend((unit, action) for action in self.work(unit))
                self.progress(unit)
                now.extend((unit, action) for action in self.work(unit))
                judging.always(self)
                self.deliver_report(unit)
                self.release(unit)
            for number in range(len(self.gateways)):
                self.settle_gateway(number)
            watch()
            self.pass_time(5)
            done.extend(now)
            rests = not now and not any(machine.going for machine in self.machines.values())
            if rests or self.patience == 0:
                return done
        raise AssertionError(f"no rest: {done[-5:]}")


def _cut(actions: tuple[changes.Action, ...], stop_after: int | None) -> int | None:
    """Return where a worker's host may end: not between a config and the restart that it is written for.

    Were the process to end by itself right then, it would run what nobody has said, and nobody could tell.
    """
    process = changes.StartProcess | changes.RestartProcess
    late = stop_after is not None and any(isinstance(action, process) for action in actions[stop_after:])
    return 0 if late else stop_after
