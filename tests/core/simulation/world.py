"""A cluster in memory: a coordinator, its gateways and its workers, with everything late that can be late.

All decisions are the core's own; this is only the world they act on. The world breaks what a real one
breaks: processes crash, hosts stop in the middle of an action list, reports and documents arrive late and
an intermediate one never, a gateway takes its time to load. It raises `AssertionError` at the very step
at which a guarantee is broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from rolecall.core import changes, coordinator, drain
from rolecall.core.model import Document, Group, Phase, Problem, ProcessSpec, Report
from rolecall.core.product import Product
from rolecall.testing import DEPLOYMENT, a_worker, observed, settings_of, the_front
from simulation.parts import DEAD, READABLE_S, READY, UNDO, UNWELL, Gateway, Machine, lean_drain

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
        for group in groups:
            for _ in range(group.units):
                self.join(group.name)

    # What an administrator or fate does.

    def set(self, raw: dict[str, object]) -> None:
        """Change the settings."""
        self.settings = settings_of(self.product, raw)

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
            expanded=self.line.expand(roles),
            seen=seen,
            paths=seen.paths,
            drain=drain.of(self.product.drains, self.line.expand(roles)),
        )
        self._count(group)
        return unit

    def leave(self, unit: str) -> None:
        """Ask a unit to go."""
        self.machines[unit].leaving = True
        self._count(self.machines[unit].group)

    def stay(self, unit: str) -> None:
        """Take back what `leave` asked for."""
        self.machines[unit].leaving = False
        self._count(self.machines[unit].group)

    def vanish(self, unit: str) -> None:
        """Remove a unit at once, as when its machine is lost for good."""
        group = self.machines.pop(unit).group
        self.seen.pop(unit, None)
        for reached in self.reached.values():
            reached.discard(unit)
        self._count(group)

    def _count(self, group: str) -> None:
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
        machine.asked_to_stop = machine.asked_to_stop and machine.state != READY

    def bad_for(self, machine: Machine, config: str) -> bool:
        """Whether a unit cannot become ready with a config."""
        found = _BAD_FOR.search(config)
        return found is not None and found[1] in {"everything", *machine.expanded}

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
            self._judge_release(machine)
            self.vanish(unit)
        return gone

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    def _store(self, machine: Machine) -> bool:
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
            store=self.store,
            front=the_front(serving=frozenset().union(*(gateway.sends_to for gateway in self.gateways))),
            restarts=self.restarts,
            published=self.document,
            verified=self.verified,
            problems=self.refused,
        )

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
            published=self.document, gateway=self.gateways[0].text, serving=self.gateways[0].loading
        )
        actions = changes.diff_coordinator(state, decision.desired)
        for action in actions[:stop_after]:
            self._apply_coordinator(action)
        if self.document is not None and self.document == decision.desired.document:
            known = {unit.id for unit in decision.cluster.units if not unit.ready}
            self.views[self.document.revision] = self.views.get(self.document.revision, frozenset()) | known
        return actions

    def _apply_coordinator(self, action: changes.Action) -> None:
        match action:
            case changes.LoadGateway(text, serving):
                for gateway in self.gateways:
                    # What it was still leaving behind is not left yet.
                    gateway.loaded |= gateway.loading
                    gateway.text, gateway.loading = text, serving
            case changes.VerifyConfig(digest, config):
                said = "field refused not found" if "refused: true" in config else ""
                self.verified = {**self.verified, digest: said}
            case changes.PublishDocument(document):
                assert self.document is None or document.revision > self.document.revision
                self.document = document
            case _:
                raise TypeError(f"cannot apply {action!r}: it isn't a coordinator's")

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
        for action in actions[: _cut(actions, stop_after)]:
            self._apply_worker(machine, action)
        return actions

    def _apply_worker(self, machine: Machine, action: changes.Action) -> None:
        match action:
            case changes.WriteFile(file):
                machine.files[file.path] = file.content
            case changes.StartProcess(spec):
                assert machine.spec is None or machine.state == DEAD
                machine.start(spec, self.now_s)
            case changes.RestartProcess(spec):
                self._judge_restart(machine, spec)
                machine.start(spec, self.now_s)
            case changes.StopProcess(_):
                self._judge_stop(machine)
                if machine.ready and machine.asked:
                    self._store(machine)
                machine.spec, machine.state = None, DEAD
            case changes.AskUnit() | changes.KeepHandover():
                self._apply_drain(machine, action)
            case changes.PublishReport(_, report):
                machine.report = report
            case _:
                raise TypeError(f"cannot apply {action!r}: it isn't a worker's")

    def _apply_drain(self, machine: Machine, action: changes.AskUnit | changes.KeepHandover) -> None:
        match action:
            case changes.AskUnit(verbs=verbs, then=then, otherwise=otherwise):
                assert machine.ready
                back = UNDO in verbs
                went = back or self._store(machine)
                machine.asked = machine.asked if not went else not back
                machine.handover = then if went else replace(otherwise, refused="the store is down")
            case changes.KeepHandover(handover):
                machine.handover = handover

    def settle(self) -> list[tuple[str, changes.Action]]:
        """Let everybody act in turn, with nothing late, until nothing is left; return who did what."""
        done: list[tuple[str, changes.Action]] = []
        for _ in range(40 + 16 * len(self.machines)):
            now = [("", action) for action in self.coordinate()]
            for unit in sorted(self.machines):
                self.deliver_document(unit)
                now.extend((unit, action) for action in self.work(unit))
                self.progress(unit)
                now.extend((unit, action) for action in self.work(unit))
                self.judge()
                self.deliver_report(unit)
                self.release(unit)
            for number in range(len(self.gateways)):
                self.settle_gateway(number)
            self.pass_time(5)
            if not now and not any(machine.leaving for machine in self.machines.values()):
                return done
            done.extend(now)
        raise AssertionError(f"no rest: {done[-5:]}")

    # The guarantees.

    def _judge_restart(self, machine: Machine, spec: ProcessSpec) -> None:
        old = machine.spec
        assert old is not None
        before = (old.identity, old.command, old.environment)
        assert before != (spec.identity, spec.command, spec.environment), f"{machine.unit}: for nothing"
        was_ready = machine.ready
        self._judge_stop(machine)
        config = machine.files[machine.paths.config]
        if was_ready and self.bad_for(machine, config):
            reached = self.reached.setdefault(config, set())
            reached.add(machine.unit)
            assert len(reached) == 1, f"G4: a config that the first unit fell over reached {sorted(reached)}"

    def _judge_release(self, machine: Machine) -> None:
        assert not machine.holds, f"G6: {machine.unit} goes, and alone holds {sorted(machine.holds)}"
        for write in machine.wrote:
            since_s = self.now_s - self.stored[write]
            assert since_s >= READABLE_S, f"G6: {machine.unit} goes, and {write} is found by nobody yet"

    def _judge_stop(self, machine: Machine) -> None:
        """Judge that a process is asked to stop: nothing is said of one that isn't ready."""
        if not machine.ready:
            return
        unit, revision = machine.unit, machine.document.revision if machine.document else 0
        for gateway in self.gateways:
            assert unit not in gateway.sends_to, f"G5: {unit} is asked to stop while a gateway sends to it"
        for other in self.sharing_a_ring(machine):
            assert not other.asked_to_stop, f"G3: {unit} and {other.unit} are down on purpose"
            known = other.unit in self.views[revision]
            assert not known, f"G3: {unit} goes down on purpose, {other.unit} was known not to be ready"
        machine.asked_to_stop = True

    def sharing_a_ring(self, machine: Machine) -> Iterator[Machine]:
        """Yield the other units that share a ring-bearing role with a unit."""
        rings = {role.name for role in self.line.roles if role.ring} & set(machine.expanded)
        for other in self.machines.values():
            if other is not machine and rings & set(other.expanded):
                yield other

    def judge(self) -> None:
        """Judge what must hold at any time."""
        for machine in self.machines.values():
            if not machine.asked_to_stop:
                continue
            for gateway in self.gateways:
                assert machine.unit not in gateway.sends_to, f"G5: a gateway sends to {machine.unit}"
            for other in self.sharing_a_ring(machine):
                assert not other.asked_to_stop, f"G3: {machine.unit} and {other.unit} are down on purpose"


def _cut(actions: tuple[changes.Action, ...], stop_after: int | None) -> int | None:
    """Return where a worker's host may end: not between a config and the restart that it is written for.

    Were the process to end by itself right then, it would run what nobody has said, and nobody could tell.
    """
    process = changes.StartProcess | changes.RestartProcess
    late = stop_after is not None and any(isinstance(action, process) for action in actions[stop_after:])
    return 0 if late else stop_after
