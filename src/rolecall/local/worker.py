"""Carry out a worker's decisions on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import structs

from rolecall import packets
from rolecall.core import becoming, changes, drain, rings, wire, worker, workload
from rolecall.core.handover import CALL_S, Drain, Handover, Sight
from rolecall.core.model import Credentials, Document, ProcessSpec, Report
from rolecall.core.product import Product
from rolecall.core.routes import Answer, Verb
from rolecall.local import farewell, logs, processes
from rolecall.local import home as disk
from rolecall.local.builds import Build
from rolecall.local.home import Home
from rolecall.local.processes import Running
from rolecall.local.readiness import Asker
from rolecall.local.s3 import S3Target
from rolecall.local.supervisor import Supervisor

_TELL_S = 3.0
"""How long a process may take to read what it is told in its gossip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What one look at the machine showed, for all workers of a cluster."""

    document: Document | None
    credentials: Credentials | None
    running: Mapping[str, Running]
    busy: frozenset[str]
    ended: frozenset[str]
    """Units whose process has ended by itself, and which the supervisor starts again after a while."""
    answers: Mapping[str, Answer]
    """Readiness address to its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One unit and where it is."""

    unit: str
    group: str
    roles: tuple[str, ...]
    address: str
    leaving: bool = False


def paths_of(home: Home, unit: str, binary: str, build: str = "") -> worker.Paths:
    """Return where a unit's things are."""
    folder = home.unit(unit)
    return worker.Paths(
        binary=binary,
        config=str(folder / "config.yaml"),
        data=str(folder / "data"),
        credentials=str(folder / "credentials"),
        build=build,
    )


def ready_url(product: Product, address: str) -> str:
    """Return the address at which a unit says whether it is ready."""
    return f"http://{address}:{product.port('http')}{product.ready}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHost:
    """One unit on this machine."""

    product: Product
    home: Home
    place: Place
    binary: str
    build: Build
    supervisor: Supervisor
    asker: Asker
    store: S3Target | Path | None
    """The bucket, or the folder that stands in for one; None: its keys aren't known."""
    world: World

    def observe(self) -> worker.Observed:
        """Look at the unit."""
        place = self.place
        kept = farewell.handover_of(self.home, place.unit)
        last = decoded_report(self.home, place.unit)
        process = self._process()
        part = becoming.part_of(
            self.product,
            self.world.document,
            written=place.roles,
            spec=process.spec,
            last=last,
            leaving=place.leaving,
        )
        leaving = place.leaving or bool(part.becomes)
        flushes = bool(self.world.document and place.unit in self.world.document.flushing) or bool(kept.flush)
        paths = paths_of(self.home, place.unit, self.binary, self.build.mark)
        return worker.Observed(
            unit=place.unit,
            address=place.address,
            name=place.address,
            roles=part.roles,
            becomes=part.becomes,
            paths=paths,
            leaving=leaving,
            release=self.build.release,
            had=last.release if last else "",
            stored=last.stored if last else 0,
            found=last.found if last else 0,
            document=self.world.document,
            credentials=self.world.credentials,
            process=process,
            sight=self._sight(part.drain, kept) if leaving or flushes else Sight(now_s=time.time()),
            handover=kept,
            config=(disk.read_text(Path(paths.config)) or "") if leaving or kept != Handover() else "",
        )

    @property
    def _base(self) -> str:
        """Where the unit's process answers."""
        return ready_url(self.product, self.place.address).removesuffix(self.product.ready)

    def _call(self, verb: Verb) -> Answer:
        return self.asker.ask(
            self._base + verb.path,
            method=verb.method,
            headers=verb.headers,
            body=verb.body,
            timeout_s=CALL_S,
        )

    def _sight(self, way: Drain | None, kept: Handover) -> Sight:
        unit = self.place.unit
        vantage = farewell.Vantage(
            home=self.home,
            asker=self.asker,
            base=self._base,
            drain=way,
            store=self.store,
        )
        return vantage.sight(unit, kept, runs=unit in self.world.running or unit in self.world.busy)

    def diff(self, observed: worker.Observed, desired: worker.Desired) -> tuple[changes.Action, ...]:
        """Compare the unit with what it should be."""
        state = changes.WorkerState(
            unit=observed.unit,
            address=observed.address,
            files=self._contents(desired),
            process=observed.process,
            report=decoded_report(self.home, observed.unit),
            handover=observed.handover,
        )
        actions = changes.diff_worker(state, desired)
        if observed.unit not in self.world.busy:
            return actions
        # What it was last asked for has not come about yet; the next look decides anew.
        later = changes.StartProcess | changes.RestartProcess | changes.StopProcess | changes.AskUnit
        return tuple(action for action in actions if not isinstance(action, later))

    def apply(self, action: changes.Action) -> None:
        """Do one action on this machine."""
        match action:
            case changes.WriteFile(file):
                disk.write(Path(file.path), file.content, file.mode)
            case changes.StartProcess(spec) | changes.RestartProcess(spec):
                self._start(spec)
            case changes.StopProcess(name):
                self.supervisor.stop(name)
                self._spec_file.unlink(missing_ok=True)
            case changes.AskUnit(packet=packet, verbs=verbs, then=then, otherwise=otherwise):
                if packet:
                    packets.tell(self.place.address, self.product.port("gossip"), packet, _TELL_S)
                refused = drain.refusal(verbs, self._call)
                kept = structs.replace(otherwise, refused=refused) if refused else then
                farewell.keep(self.home, self.place.unit, kept)
            case changes.KeepHandover(handover):
                farewell.keep(self.home, self.place.unit, handover)
            case changes.PublishReport(unit, report):
                disk.write_json(self.home.report(unit), wire.encode(report))
            case _:
                raise TypeError(f"cannot apply {action!r}: it isn't a worker's")

    @property
    def _spec_file(self) -> Path:
        return self.home.unit(self.place.unit) / "process.json"

    def _start(self, spec: ProcessSpec) -> None:
        data = Path(paths_of(self.home, spec.name, self.binary).data)
        for folder in ("", *self.product.folders):
            (data / folder).mkdir(parents=True, exist_ok=True)
        # Written first: if we are ended right after, the process's own marks tell that it isn't this one yet.
        disk.write_json(self._spec_file, msgspec.to_builtins(spec))
        self.supervisor.start(spec)

    def _process(self) -> worker.Process:
        unit = self.place.unit
        spec = self._spec()
        runs = self.world.running.get(unit)
        if spec is None and runs is None:
            return worker.Process()
        if unit in self.world.busy:
            # It is on its way into what was last asked for; nothing of it is to be judged yet.
            return worker.Process(spec=spec, running=True)
        if spec is not None and runs is not None:
            spec = _as_it_runs(spec, runs)
        answer = self.world.answers.get(ready_url(self.product, self.place.address), Answer(0, ""))
        if runs is not None and answer.status == 200 and (settling := self._settling(runs)):
            answer = Answer(503, settling)
        # One that the supervisor starts again in a while is not started by us: it would storm on.
        seen = worker.Process(spec=spec, running=runs is not None or unit in self.world.ended)
        if runs is not None and answer.status == 200:
            return structs.replace(seen, ready=True)
        if crash := logs.crash(self.home.log, unit, self._started_s):
            return structs.replace(seen, problem=crash.text, cause=crash.cause)
        return structs.replace(seen, problem=self._problem(answer))

    @property
    def _started_s(self) -> float:
        """When we last started the process, in seconds since the epoch."""
        return self._spec_file.stat().st_mtime if self._spec_file.exists() else 0.0

    def _settling(self, runs: Running) -> str:
        """Say of a process that was restarted with leave who hasn't found it yet; empty: all have."""
        document = self.world.document
        grant = document.grants.get(self.place.unit) if document else None
        if document is None or grant is None or grant.digest != runs.identity:
            return ""
        line = self.product.line(document.line)
        roles = line.expand(self.place.roles)
        if processes.age_s(runs) < max((line.role(name).settle_s for name in roles), default=0):
            return rings.SETTLING
        own = ready_url(self.product, self.place.address)
        member = rings.Member(
            unit=self.place.unit,
            base=self._base,
            others=tuple(
                url.removesuffix(self.product.ready)
                for url, answer in self.world.answers.items()
                if url != own and answer.status == 200
            ),
        )
        return rings.unheard(member, rings.rings_of(self.product, line.name, roles), self.asker.ask)

    def _problem(self, answer: Answer) -> str:
        if answer.status:
            return (
                answer.text.strip().splitlines()[0][:200]
                if answer.text.strip()
                else f"it answers {answer.status}"
            )
        return logs.last_error(self.home.log, self.place.unit)

    def _spec(self) -> ProcessSpec | None:
        stored = disk.read_map(self._spec_file)
        try:
            return msgspec.convert(stored, ProcessSpec) if stored else None
        except msgspec.ValidationError:
            return None

    def _contents(self, desired: worker.Desired) -> dict[str, str]:
        texts = {file.path: disk.read_text(Path(file.path)) for file in desired.files}
        return {path: text for path, text in texts.items() if text is not None}


def _as_it_runs(spec: ProcessSpec, runs: Running) -> ProcessSpec:
    """Return how a process was last to be started, with what the one that runs says of itself."""
    environment = dict(spec.environment)
    if environment.get(workload.BUILD, "") != runs.build:
        environment[workload.BUILD] = runs.build
    return structs.replace(spec, identity=runs.identity, environment=environment)


def decoded_report(home: Home, unit: str) -> Report | None:
    """Return a unit's last report, or None when there is none that can be read."""
    return wire.report_in(disk.read_bag(home.report(unit)))


def decoded_document(home: Home) -> Document | None:
    """Return the last published document, or None when there is none that can be read."""
    return wire.document_in(disk.read_bag(home.document))
