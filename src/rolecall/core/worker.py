"""Decide for one worker: its files, its process, and what it says of itself.

A bad or missing document, and roles that make no process, change nothing: what runs goes on running.

The config on disk is the newest that the process may read when it starts: what differs from the one it
runs with by live keys only is written at once, anything else right before the restart. So a process that
a supervisor starts again by itself reads what it is said to run, and not what it has no leave for.
"""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from rolecall.core import drain, flush, gossip, identity, versions, workload
from rolecall.core.drain import Course, Step
from rolecall.core.handover import Drain, Handover, Sight, way_of
from rolecall.core.model import LEAVE, Credentials, Document, File, Phase, ProcessSpec, Report
from rolecall.core.product import Product
from rolecall.core.roles import Line, problems_of
from rolecall.core.routes import Verb

_KEYLESS = "cannot read the object store's keys yet: the coordinator has not granted them to this unit"


class Paths(Struct, frozen=True, kw_only=True):
    """Where a worker's things are, as its process sees them."""

    binary: str
    config: str
    data: str
    credentials: str
    authority: str = ""
    """Where the config says that the authority of the object store's certificate is; empty: nowhere."""
    build: str = ""
    """What tells this binary from another one at the same path, where there can be another; else empty."""

    @property
    def runtime(self) -> str:
        """The hot-reloaded file, where the config says it is."""
        return f"{self.data}/runtime.yaml"


class Process(Struct, frozen=True, kw_only=True):
    """What the host sees of the worker's process."""

    spec: ProcessSpec | None = None
    """How it was last started; None if it never was."""
    running: bool = False
    ready: bool = False
    problem: str = ""
    cause: str = ""
    """Why it ends again and again, as `crashes` calls it; empty: it doesn't."""


class Observed(Struct, frozen=True, kw_only=True):
    """All that a worker's decision depends on."""

    unit: str
    address: str
    name: str
    roles: tuple[str, ...]
    paths: Paths
    becomes: tuple[str, ...] = ()
    """The roles that it gets once it has handed over, as `becoming` says."""
    beside: bool = False
    """Whether a gateway has the same address, so that the process needs other ports."""
    leaving: bool = False
    """Whether it is to go, or is to hand over for other roles."""
    dismissed: bool = False
    """Whether the host takes the unit away now, whatever the coordinator has said."""
    release: str = ""
    """What the binary says that it is; empty: it doesn't tell."""
    had: str = ""
    """The newest release that the unit has had, by its last report."""
    stored: int = 0
    """As its last report has it."""
    found: int = 0
    """Likewise."""
    keyless: bool = False
    """Whether the keys that the document names can't be read, so that a process would start in vain."""
    zone: str = ""
    document: Document | None = None
    credentials: Credentials | None = None
    process: Process = field(default_factory=Process)
    sight: Sight = field(default_factory=lambda: Sight(now_s=0.0))
    """What the host sees of a unit's drain, as far as it looked."""
    handover: Handover = Handover()
    """What the host remembers of a unit's drain."""
    config: str = ""
    """What the process has read, as far as the host looked."""


class Desired(Struct, frozen=True, kw_only=True):
    """What a worker wants to be so."""

    report: Report
    files: tuple[File, ...] = ()
    process: ProcessSpec | None = None
    """How its process should run; None: it shouldn't."""
    packet: bytes = b""
    """What to tell the process in its gossip, before the calls."""
    ask: tuple[Verb, ...] = ()
    """Calls to make to the process."""
    handover: Handover = Handover()
    """What to remember of a drain; `then` instead, when all calls were answered well."""
    then: Handover = Handover()


def decide(product: Product, observed: Observed) -> Desired:
    """Decide one cycle of a worker."""
    document = observed.document
    refusal = _refused_document(product, document) if document is not None else ""
    if document is None or refusal:
        if observed.dismissed:
            return _leaving(product, product.lines[0], replace(observed, document=None), None)
        return _unchanged(replace(observed, document=None), refusal)
    line = product.line(document.line)
    wanted = workload.spec(product, line, observed, document)
    # Who has left its rings can only end; what stays starts again.
    parted = bool(observed.handover.parted_s) and observed.process.running
    if parted or _may_leave(observed, document, wanted):
        return _leaving(product, line, observed, wanted)
    desired = _staying(product, line, observed, document, wanted)
    way = way_of(product.drains, line.expand(observed.roles))
    number = _flush(observed, document)
    if observed.handover == Handover() and not number:
        return desired
    if observed.handover.flush or observed.handover == Handover():
        return _flushing(desired, observed, way, number)
    step = drain.take_back(way, _sight(observed, way), observed.handover)
    if step.handover != Handover():
        # It says so until its process has taken it back, and its host goes on looking.
        desired = replace(desired, report=replace(desired.report, phase=Phase.DRAINING))
    return _asking(desired, observed, way, step)


def _staying(
    product: Product, line: Line, observed: Observed, document: Document, wanted: ProcessSpec
) -> Desired:
    """Decide for a unit that is to run."""
    if workload.reads_only(observed.process.spec, way_of(product.drains, line.expand(observed.roles))):
        # It was to go, and takes no writes: it starts again as what it is to be.
        observed = replace(observed, process=replace(observed.process, ready=False))
    refusals = [str(one) for one in problems_of(line, product.name, observed.unit, observed.roles)]
    if observed.keyless:
        refusals.append(_KEYLESS)
    if refusals:
        return replace(_unchanged(observed, refusals[0]), files=workload.live_files(observed, document))
    if older := versions.refusal(product, line, observed.had, observed.release):
        return _unchanged(observed, older)
    return _following(observed, document, wanted)


def _leaving(product: Product, line: Line, observed: Observed, wanted: ProcessSpec | None) -> Desired:
    """Decide for a unit that has leave to go; without a document there is nothing to start it with."""
    spec, process = observed.process.spec, observed.process
    way = way_of(product.drains, line.expand(observed.roles))
    seen = _sight(observed, way)
    step = drain.advance(way, seen, Handover() if observed.handover.flush else observed.handover)
    running = workload.running(spec, wanted) if wanted is not None else spec.identity if spec else ""
    report = _report(observed, running)
    report = replace(
        report,
        ready=report.ready and not seen.reads_only,
        phase=Phase.DRAINED if step.course is Course.DONE else Phase.DRAINING,
        handover=step.waits,
    )
    desired = _asking(Desired(report=report), observed, way, step)
    if step.course in {Course.END, Course.DONE}:
        return desired
    if step.course is Course.READS_ONLY and way is not None and spec is not None:
        return replace(desired, process=workload.for_reads(spec, way))
    # One that isn't ready may need the newest config to become so.
    starts = step.course is Course.START or not process.ready
    if not starts or wanted is None or observed.document is None:
        return replace(desired, process=spec)
    files = (
        File(path=observed.paths.config, content=observed.document.config),
        *workload.live_files(observed, observed.document),
    )
    return replace(desired, process=wanted, files=files)


def _flush(observed: Observed, document: Document) -> int:
    """Return what the flush is called that it is the unit's turn for, or that it is in; 0: none."""
    number = document.flush
    begun = number in {observed.handover.flush, observed.stored}
    return number if number != observed.found and (begun or observed.unit in document.flushing) else 0


def _flushing(desired: Desired, observed: Observed, way: Drain | None, number: int) -> Desired:
    """Add what a flush asks of the process, and say how far it is."""
    if way is None or not way.can_stay:
        return desired
    kept = observed.handover
    step = flush.advance(way, _sight(observed, way), kept, number, stored=number == observed.stored)
    report = replace(
        desired.report,
        stored=number if step.stored else observed.stored,
        found=number if step.found else observed.found,
    )
    return replace(desired, report=report, ask=step.ask, handover=step.handover, then=step.then)


def _asking(desired: Desired, observed: Observed, way: Drain | None, step: Step) -> Desired:
    """Add what a step asks of the process."""
    label = gossip.label_of(observed.config)
    packet = b""
    if way is not None and step.entry is not None and label:
        packet = gossip.packet(step.entry, ring=way.ring, label=label, at_s=step.dated_s)
    nothing = step.entry is not None and not packet and not step.ask
    handover = step.then if nothing else step.handover
    return replace(desired, packet=packet, ask=step.ask, handover=handover, then=step.then)


def _sight(observed: Observed, way: Drain | None) -> Sight:
    process = observed.process
    return replace(
        observed.sight,
        unit=observed.unit,
        alive=process.running,
        ready=process.ready,
        ending=process.running and process.spec is None,
        reads_only=workload.reads_only(process.spec, way),
    )


def _unchanged(observed: Observed, problem: str = "") -> Desired:
    """Keep what runs, whatever it is."""
    spec = observed.process.spec
    running = spec.identity if spec else ""
    return Desired(report=_report(observed, running, problem), process=spec)


def _following(observed: Observed, document: Document, wanted: ProcessSpec) -> Desired:
    """Follow a document as far as this unit may."""
    process, spec = observed.process, observed.process.spec
    running = workload.running(spec, wanted)
    follows = spec is None or not process.running or _may_restart(observed, document, running, wanted)
    files = workload.live_files(observed, document)
    if follows or running == wanted.identity:
        files = (File(path=observed.paths.config, content=document.config), *files)
    return Desired(report=_report(observed, running), files=files, process=wanted if follows else spec)


def _refused_document(product: Product, document: Document) -> str:
    """Say why nothing can be done with a document; empty when something can."""
    lines = [line.name for line in product.lines]
    if document.product != product.name:
        fact = f"it is for the product {document.product or 'without a name'}"
    elif document.line and document.line not in lines:
        fact = f"it is for line {document.line} and this worker knows {', '.join(lines)}"
    elif not identity.readable(document.config):
        fact = "its config is no YAML mapping"
    else:
        return ""
    return f"cannot use document {document.revision}: {fact}; what runs goes on"


def _may_leave(observed: Observed, document: Document, wanted: ProcessSpec) -> bool:
    """Whether this unit is to go and may."""
    if observed.dismissed:
        return True
    if not observed.leaving or observed.process.spec is None or observed.handover.started_s:
        # The leave was for its end, which has come about or is on its way.
        return observed.leaving
    grant = document.grants.get(observed.unit)
    if grant is None or grant.digest != LEAVE:
        return False
    return not observed.process.ready or grant.since == workload.running(observed.process.spec, wanted)


def _may_restart(observed: Observed, document: Document, running: str, wanted: ProcessSpec) -> bool:
    """Whether this unit has to restart and may: it isn't ready anyway, or it has leave."""
    if running == wanted.identity:
        return False
    grant = document.grants.get(observed.unit)
    leave = grant is not None and grant.digest == wanted.identity and grant.since == running
    return leave or not observed.process.ready


def _report(observed: Observed, running: str, problem: str = "") -> Report:
    process = observed.process
    runs = running if process.running else ""
    if observed.leaving or observed.dismissed:
        phase = Phase.DRAINING
    else:
        phase = Phase.RUNNING if process.ready else Phase.STARTING
    return Report(
        address=observed.address,
        name=observed.name,
        roles=observed.roles,
        running=runs,
        ready=process.ready and bool(runs),
        phase=phase,
        problem=problem or ("" if process.ready else process.problem),
        cause="" if process.ready else process.cause,
        revision=_answered(observed),
        leaving=observed.leaving,
        becomes=observed.becomes,
        release=versions.newest((observed.had, observed.release)),
        stored=observed.stored,
        found=observed.found,
    )


def _answered(observed: Observed) -> int:
    """Return the document of the leave that this report knows of; 0: there is none.

    A document without a leave for this unit needs no answer: if each one were answered by everybody, a
    rollout of n units would be n times n reports.
    """
    grant = observed.document.grants.get(observed.unit) if observed.document else None
    return grant.revision if grant else 0
