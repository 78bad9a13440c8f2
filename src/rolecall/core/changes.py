"""Compare what is with what should be: the difference as actions.

An action is a value, so a plan can be printed, compared and tested without doing anything. When
nothing differs there is no action at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from rolecall.core import identity
from rolecall.core.handover import Handover
from rolecall.core.model import Document, File, ProcessSpec, Report
from rolecall.core.routes import Verb

if TYPE_CHECKING:
    # A hook of a worker's pays for no module of the coordinator's.
    from rolecall.core import coordinator, telemetry, undo, worker
    from rolecall.core.forget import Forget


class WriteFile(Struct, frozen=True):
    """Write a file whole, atomically."""

    file: File


class StartProcess(Struct, frozen=True):
    """Start a process that doesn't run."""

    spec: ProcessSpec


class RestartProcess(Struct, frozen=True):
    """Stop a process and start it with the new spec."""

    spec: ProcessSpec


class StopProcess(Struct, frozen=True):
    """Stop a process and forget how it was started."""

    name: str


class AskUnit(Struct, frozen=True, kw_only=True):
    """Make HTTP calls to the unit's own process, in order, up to the first that is refused."""

    address: str
    packet: bytes
    """What to tell it in its gossip before; empty: nothing."""
    verbs: tuple[Verb, ...]
    then: Handover
    """What to remember when all were answered well."""
    otherwise: Handover
    """What to remember when one wasn't, together with its answer."""


class KeepHandover(Struct, frozen=True):
    """Remember how far a unit's drain is."""

    handover: Handover


class PublishReport(Struct, frozen=True):
    """Say how this unit is."""

    unit: str
    report: Report


class PublishDocument(Struct, frozen=True):
    """Tell every worker what the cluster is to be."""

    document: Document


class Remember(Struct, frozen=True):
    """Remember what all units last ran with, and whether settings are undone."""

    memory: undo.Memory


class ForgetMember(Struct, frozen=True):
    """Take a member out of a ring."""

    forget: Forget


class VerifyConfig(Struct, frozen=True):
    """Ask the binary what it thinks of a config, and remember the answer."""

    digest: str
    config: str


class LoadGateway(Struct, frozen=True):
    """Test, write and load the gateway's config; the last good one stays when the test fails."""

    text: str
    serving: frozenset[str]


class ForwardLogs(Struct, frozen=True):
    """Have the supervisor forward the logs of all processes, or no longer."""

    target: telemetry.LogTarget | None


Action = (
    WriteFile
    | StartProcess
    | RestartProcess
    | StopProcess
    | AskUnit
    | KeepHandover
    | ForgetMember
    | PublishReport
    | PublishDocument
    | Remember
    | VerifyConfig
    | LoadGateway
    | ForwardLogs
)


def describe(action: Action) -> str:
    """Return an action as one line for a person; no secret is in it."""
    if isinstance(action, PublishDocument | Remember | VerifyConfig | LoadGateway | ForgetMember):
        return _describe_coordinator(action)
    match action:
        case WriteFile(file):
            return f"write {file.path}" + (" (secret)" if file.secret else "")
        case PublishReport(unit, report):
            return f"report {unit}: {'ready' if report.ready else report.phase.value}"
        case ForwardLogs(target):
            return f"forward logs to {target.location}" if target else "forward logs no longer"
        case _:
            return _describe_process(action)


def _describe_process(action: StartProcess | RestartProcess | StopProcess | AskUnit | KeepHandover) -> str:
    match action:
        case AskUnit(address=address, packet=packet, verbs=verbs):
            calls = [f"call {verb.method} {address}{verb.path}" for verb in verbs]
            return ", ".join((*((f"tell the ring at {address}",) if packet else ()), *calls))
        case KeepHandover():
            return "remember how far the drain is"
        case StartProcess(spec):
            return f"start {spec.name}"
        case RestartProcess(spec):
            return f"restart {spec.name}"
        case StopProcess(name):
            return f"stop {name}"


def _describe_coordinator(
    action: PublishDocument | Remember | VerifyConfig | LoadGateway | ForgetMember,
) -> str:
    match action:
        case Remember():
            return "remember what all units last ran with"
        case ForgetMember(forget):
            return f"have the ring {forget.path} forget {forget.member}"
        case PublishDocument(document):
            return f"publish document {document.revision}"
        case VerifyConfig(digest, _):
            return f"verify config {digest}"
        case LoadGateway(_, serving):
            return f"load the gateway for {', '.join(sorted(serving)) or 'no unit'}"


class CoordinatorState(Struct, frozen=True, kw_only=True):
    """What of the coordinator's desires is already so."""

    published: Document | None
    gateway: str
    """The loaded gateway's config; empty when none is."""
    serving: frozenset[str]
    memory: undo.Memory


def diff_coordinator(state: CoordinatorState, desired: coordinator.Desired) -> tuple[Action, ...]:
    """Compare a coordinator's world with its desires.

    The gateway comes first: a unit must be out of it before the document lets that unit restart.
    """
    actions: list[Action] = []
    if desired.gateway != state.gateway or desired.serving != state.serving:
        actions.append(LoadGateway(desired.gateway, desired.serving))
    if desired.candidate:
        actions.append(VerifyConfig(identity.digest_of(desired.candidate), desired.candidate))
    if desired.document is not None and desired.document != state.published:
        actions.append(PublishDocument(desired.document))
    if desired.memory != state.memory:
        actions.append(Remember(desired.memory))
    actions.extend(ForgetMember(forget) for forget in desired.forgets)
    return tuple(actions)


class WorkerState(Struct, frozen=True, kw_only=True):
    """What of a worker's desires is already so."""

    unit: str
    address: str
    files: Mapping[str, str]
    """Path to content of the files that exist."""
    process: worker.Process
    report: Report | None
    handover: Handover = Handover()


def diff_worker(state: WorkerState, desired: worker.Desired) -> tuple[Action, ...]:
    """Compare a worker's world with its desires."""
    actions: list[Action] = [
        WriteFile(file) for file in desired.files if state.files.get(file.path) != file.content
    ]
    if desired.ask or desired.packet:
        actions.append(
            AskUnit(
                address=state.address,
                packet=desired.packet,
                verbs=desired.ask,
                then=desired.then,
                otherwise=desired.handover,
            )
        )
    elif desired.handover != state.handover:
        actions.append(KeepHandover(desired.handover))
    actions.extend(_process(state, desired.process))
    if desired.report != state.report:
        actions.append(PublishReport(state.unit, desired.report))
    return tuple(actions)


def _process(state: WorkerState, wanted: ProcessSpec | None) -> tuple[Action, ...]:
    has = state.process
    if wanted is None:
        return (StopProcess(state.unit),) if has.spec is not None else ()
    if has.spec is None or (not has.running and has.spec == wanted):
        return (StartProcess(wanted),)
    return (RestartProcess(wanted),) if has.spec != wanted else ()


class WatchState(Struct, frozen=True, kw_only=True):
    """What of a cluster's watch is already so."""

    logs: telemetry.LogTarget | None
    files: Mapping[str, str]
    """Path to content of the files that exist."""
    kept: Mapping[str, str]
    """Agent that the supervisor keeps running to its identity."""


def diff_watch(state: WatchState, desired: telemetry.Watch) -> tuple[Action, ...]:
    """Compare what watches a cluster with what should."""
    actions: list[Action] = [
        WriteFile(file) for file in desired.files if state.files.get(file.path) != file.content
    ]
    if desired.logs != state.logs:
        actions.append(ForwardLogs(desired.logs))
    from rolecall.core import telemetry

    wanted = {spec.name: spec for spec in desired.processes}
    for name in telemetry.AGENTS:
        spec, has = wanted.get(name), state.kept.get(name)
        if spec is None:
            actions.extend([StopProcess(name)] if has is not None else [])
        elif has != spec.identity:
            actions.append(StartProcess(spec) if has is None else RestartProcess(spec))
    return tuple(actions)
