"""Carry out a worker's decisions in its container and its relation."""

from __future__ import annotations

from collections.abc import Iterable

import ops
from msgspec import Struct
from msgspec.structs import replace
from ops import pebble

from rolecall.core import becoming, changes, crashes, loglines, rings, wire, worker
from rolecall.core.bags import Bags
from rolecall.core.becoming import Part
from rolecall.core.binary import version_of
from rolecall.core.charm import Charm
from rolecall.core.handover import Drain, Handover, Sight
from rolecall.core.model import Credentials, Document, File, Phase, ProcessSpec, Report
from rolecall.core.product import Product
from rolecall.core.routes import Answer
from rolecall.juju import containers
from rolecall.juju.containers import AUTHORITY, FOLDER
from rolecall.juju.farewell import Farewell
from rolecall.juju.interfaces import bags
from rolecall.juju.net import Net

_RETRY_S = 15
"""After how long a process that ended at once is tried again."""
_IDENTIFY_S = 10.0
_GOSSIP_S = 2
"""How long to wait before the others' rings are looked at anew."""
_DRAIN_S = 5
"""How long to wait before a unit that hands over is looked at anew."""


class Me(Struct, frozen=True, kw_only=True):
    """What a worker unit is called and where it is."""

    unit: str
    """As its ring members are called, such as `loki-0`."""
    address: str
    name: str
    roles: tuple[str, ...]


class WorkerHost(Struct, frozen=True, kw_only=True):
    """One worker unit."""

    product: Product
    charm: Charm
    me: Me
    container: ops.Container
    service: containers.Service
    """The process in it."""
    unit: ops.Unit
    relation: ops.Relation | None
    """The one to the coordinator, while it stands; a coordinator's own worker reports among its peers."""
    document: Document | None
    credentials: Credentials | None
    net: Net
    leaving: bool = False
    dismissed: bool = False
    hands_over: bool = True
    """Whether a dismissed unit hands over what it holds: one that comes back on its storage needn't."""
    beside: bool = False
    """Whether a gateway has the same address."""
    keeps: frozenset[str] = frozenset()
    """Keys of the unit's bag that aren't the report's."""

    @property
    def paths(self) -> worker.Paths:
        """Where the things of this unit are, in its container."""
        return worker.Paths(
            binary=self.charm.binary,
            config=f"{FOLDER}/config.yaml",
            data=self.charm.storage.path,
            credentials=f"{FOLDER}/credentials",
            authority=AUTHORITY,
        )

    @property
    def base(self) -> str:
        """Where this unit's own process answers."""
        return _base(self.product, self.me.address, beside=self.beside)

    def observe(self) -> worker.Observed:
        """Look at the unit."""
        self.service.look()
        process = self._process()
        last = self._reported()
        had = last.release if last else ""
        part = becoming.part_of(
            self.product,
            self.document,
            written=self.me.roles,
            spec=process.spec,
            last=last,
            leaving=self.leaving or self.dismissed,
        )
        drains = self._drains(last, part)
        farewell = self._farewell(part.drain)
        return worker.Observed(
            unit=self.me.unit,
            address=self.me.address,
            name=self.me.name,
            roles=part.roles,
            becomes=part.becomes,
            paths=self.paths,
            beside=self.beside,
            leaving=self.leaving or bool(part.becomes),
            dismissed=self.dismissed,
            document=self.document,
            release=had if process.spec is not None else self._release(),
            had=had,
            stored=last.stored if last else 0,
            found=last.found if last else 0,
            credentials=self.credentials,
            keyless=bool(self.document and self.document.secret and self.credentials is None),
            process=process,
            sight=farewell.sight(runs=process.running) if drains else Sight(now_s=0.0, forced=self.dismissed),
            handover=farewell.handover() if drains else Handover(),
            config=(containers.read_text(self.container, self.paths.config) or "") if drains else "",
        )

    def _release(self) -> str:
        """Ask the binary what it is, before its first start: a container is never given another one."""
        if self.document is None or not self.service.reachable:
            return ""
        return release_of(self.product, self.charm, self.container)

    def _drains(self, last: Report | None, part: Part) -> bool:
        """Whether the unit can be looked at, and is to hand over or has yet to take that back."""
        if not self.service.reachable:
            return False
        if self.dismissed:
            return self.hands_over
        if self.leaving or part.becomes or self._flushes(last):
            return True
        return last is not None and last.phase in {Phase.DRAINING, Phase.DRAINED}

    def _flushes(self, last: Report | None) -> bool:
        """Whether the unit is to flush, or has yet to say that the readers find what it has flushed."""
        if self.document is None:
            return False
        unfound = last is not None and last.stored == self.document.flush != last.found
        return unfound or self.me.unit in self.document.flushing

    def _farewell(self, way: Drain | None = None) -> Farewell:
        return Farewell(
            container=self.container,
            net=self.net,
            drain=way,
            base=self.base,
            data=self.paths.data,
            path=f"{FOLDER}/handover.json",
        )

    def diff(self, observed: worker.Observed, desired: worker.Desired) -> tuple[changes.Action, ...]:
        """Compare the unit with what it should be."""
        state = changes.WorkerState(
            unit=observed.unit,
            address=observed.address,
            files=self._contents(desired.files),
            process=observed.process,
            report=self._reported(),
            handover=observed.handover,
        )
        actions = changes.diff_worker(state, desired)
        if self.relation is None:
            actions = tuple(action for action in actions if not isinstance(action, changes.PublishReport))
        if not self.service.reachable:
            return tuple(action for action in actions if isinstance(action, changes.PublishReport))
        if desired.process == observed.process.spec and self.service.waits():
            # It ended at once when it was last started, and will be tried again after a while.
            return tuple(action for action in actions if not isinstance(action, changes.StartProcess))
        return actions

    def apply(self, action: changes.Action) -> None:
        """Do one action."""
        match action:
            case changes.WriteFile(file):
                containers.write_text(self.container, file.path, file.content, file.mode)
            case changes.StartProcess(spec) | changes.RestartProcess(spec):
                self._start(spec)
            case changes.StopProcess(_):
                self.service.forget()
            case changes.AskUnit() | changes.KeepHandover():
                self._remember(action)
            case changes.PublishReport(_, report):
                self._publish(report)
            case _:
                raise TypeError(f"cannot apply {action!r}: it isn't a worker's")

    def _publish(self, report: Report) -> None:
        if self.relation is not None:
            bags.write(self.relation, None, self.unit, Bags(unit=wire.encode(report)), keeps=self.keeps)

    def _remember(self, action: changes.AskUnit | changes.KeepHandover) -> None:
        farewell = self._farewell()
        match action:
            case changes.AskUnit(packet=packet, verbs=verbs, then=then, otherwise=otherwise):
                if packet:
                    self.net.tell(self.me.address, self.product.port("gossip"), packet)
                refused = farewell.ask(verbs)
                farewell.keep(replace(otherwise, refused=refused) if refused else then)
            case changes.KeepHandover(handover):
                farewell.keep(handover)

    def released(self) -> None:
        """Remember nothing of a drain that is done."""
        self._farewell().forget()

    def _start(self, spec: ProcessSpec) -> None:
        containers.make_folders(self.container, self.paths.data, self.product.folders)
        try:
            self.service.start(replace(spec, name=self.charm.container), self.base + self.product.ready)
        except pebble.ChangeError:
            # No error of the hook, which would be repeated as it is: the unit says why, and tries later.
            self.service.look_again(_RETRY_S)

    def watch(self, observed: worker.Observed, desired: worker.Desired) -> None:
        """Have the charm woken when something comes about that no event tells of."""
        if not self.service.reachable:
            return
        report = desired.report
        drains = report.phase is Phase.DRAINING and (report.handover or not observed.leaving)
        if drains or desired.handover.flush:
            self.service.sleep_again()
            self.service.look_again(_DRAIN_S)
            return
        if observed.process.spec is None:
            return
        if observed.process.ready:
            self.service.came_up()
        elif observed.process.problem.startswith(rings.SETTLING):
            self.service.sleep_again()
            self.service.look_again(_GOSSIP_S)

    def _process(self) -> worker.Process:
        if not self.service.reachable:
            return worker.Process(problem=f"the container {self.charm.container} is not up yet")
        spec = self.service.spec()
        if spec is None:
            return worker.Process()
        # What the supervisor calls by the container's name, the decision calls by the unit's.
        spec = replace(spec, name=self.me.unit)
        state = self.service.state()
        if state == containers.ENDED:
            # Pebble tells charms neither how often a process has ended nor with which code.
            crash = crashes.recognise(crashes.UNKNOWN, self._last_lines())
            return worker.Process(spec=spec, running=True, problem=crash.text, cause=crash.cause)
        if state not in containers.RUNS:
            return worker.Process(spec=spec, problem=loglines.last_error(self._last_lines()))
        return self._running(worker.Process(spec=spec, running=True))

    def _running(self, process: worker.Process) -> worker.Process:
        """Say whether a process that runs is ready, and why it isn't."""
        answer = self.net.ask(self.base + self.product.ready)
        if answer.status != 200:
            return replace(process, problem=_why(answer) or loglines.last_error(self._last_lines()))
        if process.spec is not None and (settling := self._settling(process.spec.identity)):
            return replace(process, problem=settling)
        return replace(process, ready=True)

    def _settling(self, identity: str) -> str:
        """Say of a process that was restarted with leave who hasn't found it yet; empty: all have."""
        document, last = self.document, self._reported()
        grant = document.grants.get(self.me.unit) if document else None
        if document is None or grant is None or grant.digest != identity:
            return ""
        if last is not None and last.ready and last.running == identity:
            return ""
        line = self.product.line(document.line)
        roles = line.expand(self.me.roles)
        needs_time = any(line.role(name).settle_s for name in roles)
        if needs_time and not self.service.woken():
            return rings.SETTLING
        member = rings.Member(
            unit=self.me.unit,
            base=self.base,
            others=tuple(
                _base(self.product, name, beside=beside)
                for name in grant.witnesses or document.choices.seeds
                # Who of them is beside a gateway isn't known: it answers there, and the others don't.
                for beside in ((False, True) if document.solo else (False,))
                if name != self.me.name
            ),
        )
        return rings.unheard(member, rings.rings_of(self.product, line.name, roles), self.net.ask)

    def _reported(self) -> Report | None:
        return reported(self.relation, self.unit)

    def _contents(self, files: Iterable[File]) -> dict[str, str]:
        if not self.service.reachable:
            return {}
        texts = {file.path: containers.read_text(self.container, file.path) for file in files}
        return {path: text for path, text in texts.items() if text is not None}

    def _last_lines(self) -> tuple[str, ...]:
        return containers.last_lines(self.container, self.charm.container)


def release_of(product: Product, charm: Charm, container: ops.Container) -> str:
    """Return the version that the binary in a container says it has; empty when it doesn't tell."""
    if not product.binary.identify:
        return ""
    ran = containers.run(container, (charm.binary, *product.binary.identify), timeout_s=_IDENTIFY_S)
    return version_of(ran.output + ran.errors)


def reported(relation: ops.Relation | None, unit: ops.Unit) -> Report | None:
    """Return what a unit last said of itself; None when it said nothing that can be read."""
    return wire.report_in(relation.data[unit]) if relation else None


def _base(product: Product, host: str, *, beside: bool = False) -> str:
    return f"http://{host}:{product.port('http', beside=beside)}"


def _why(answer: Answer) -> str:
    """Say in one line why a process isn't ready, by its own words."""
    if not answer.status:
        return ""
    lines = answer.text.strip().splitlines()
    return lines[0][:200] if lines else f"it answers {answer.status}"
