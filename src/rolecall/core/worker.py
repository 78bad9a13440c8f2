"""Decide for one worker: its files, its process, and what it says of itself.

A bad or missing document changes nothing: what runs goes on running. The file on disk is always the
newest; the process follows it only when it may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rolecall.core import identity
from rolecall.core.model import LEAVE, Credentials, Document, File, Phase, ProcessSpec, Report
from rolecall.core.product import Product, Verb
from rolecall.core.roles import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where a worker's things are, as its process sees them."""

    binary: str
    config: str
    data: str
    credentials: str

    @property
    def runtime(self) -> str:
        """The hot-reloaded file, where the config says it is."""
        return f"{self.data}/runtime.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What the host sees of the worker's process."""

    spec: ProcessSpec | None = None
    """How it was last started; None if it never was."""
    running: bool = False
    ready: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All that a worker's decision depends on."""

    unit: str
    address: str
    name: str
    roles: tuple[str, ...]
    paths: Paths
    leaving: bool = False
    zone: str = ""
    document: Document | None = None
    credentials: Credentials | None = None
    process: Process = field(default_factory=Process)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What a worker wants to be so."""

    report: Report
    files: tuple[File, ...] = ()
    process: ProcessSpec | None = None
    """How its process should run; None: it shouldn't."""
    flush: tuple[Verb, ...] = ()
    """Calls to make before the process is stopped for good."""


def decide(product: Product, observed: Observed) -> Desired:
    """Decide one cycle of a worker."""
    document, process = observed.document, observed.process
    if document is None:
        return Desired(report=_report(observed, process.spec), process=process.spec)
    line = product.line(document.line)
    wanted = _spec(product, line, observed, document)
    if _may_leave(observed):
        roles = set(line.expand(observed.roles))
        return Desired(
            report=_report(observed, None),
            flush=tuple(verb for verb in product.flush if roles & set(verb.roles)) if process.ready else (),
        )
    follows = process.spec is None or not process.running or _may_restart(observed, document, wanted)
    return Desired(
        report=_report(observed, process.spec),
        files=_files(observed, document),
        process=wanted if follows else process.spec,
    )


def _may_leave(observed: Observed) -> bool:
    if not observed.leaving or observed.document is None:
        return False
    grant = observed.document.grants.get(observed.unit)
    return observed.process.spec is None or (grant is not None and grant.digest == LEAVE)


def _may_restart(observed: Observed, document: Document, wanted: ProcessSpec) -> bool:
    """Whether this unit may restart: it isn't ready anyway, it moved, or it has leave."""
    spec = observed.process.spec
    if spec is None or spec.identity == wanted.identity:
        return spec is None or spec.environment != wanted.environment or spec.command != wanted.command
    grant = document.grants.get(observed.unit)
    return not observed.process.ready or (grant is not None and grant.digest == wanted.identity)


def _spec(product: Product, line: Line, observed: Observed, document: Document) -> ProcessSpec:
    paths = observed.paths
    values = {"config": paths.config, "targets": ",".join(line.targets(observed.roles))}
    environment = {
        **document.environment,
        "ROLECALL_ADDRESS": observed.address,
        "ROLECALL_UNIT": observed.unit,
        "ROLECALL_DATA": paths.data,
        "ROLECALL_ZONE": observed.zone,
        "ROLECALL_DOLLAR": "$",
    }
    if document.secret:
        environment["AWS_SHARED_CREDENTIALS_FILE"] = paths.credentials
    roles = [line.role(name) for name in line.expand(observed.roles)]
    return ProcessSpec(
        name=observed.unit,
        command=(paths.binary, *(argument.format(**values) for argument in product.arguments)),
        environment=environment,
        identity=identity.identity(
            product, document, observed.roles, document.restarts.get(observed.unit, 0)
        ),
        kill_delay_s=max((role.kill_delay_s for role in roles), default=30),
    )


def _files(observed: Observed, document: Document) -> tuple[File, ...]:
    files = [
        File(path=observed.paths.config, content=document.config),
        File(path=observed.paths.runtime, content=document.runtime),
    ]
    if observed.credentials is not None:
        files.append(credentials_file(observed.paths.credentials, observed.credentials))
    return tuple(files)


def credentials_file(path: str, credentials: Credentials) -> File:
    """Build the file that the AWS clients inside every product read their keys from.

    Source: docs.aws.amazon.com/sdkref/latest/guide/file-format.html. No key is in a config or a variable.
    """
    content = (
        "[default]\n"
        f"aws_access_key_id = {credentials.access_key.reveal()}\n"
        f"aws_secret_access_key = {credentials.secret_key.reveal()}\n"
    )
    return File(path=path, content=content, mode=0o600, secret=True)


def _report(observed: Observed, spec: ProcessSpec | None) -> Report:
    process = observed.process
    running = spec.identity if spec and process.running else ""
    if observed.leaving:
        phase = Phase.DRAINING if process.running else Phase.DRAINED
    else:
        phase = Phase.RUNNING if process.ready else Phase.STARTING
    return Report(
        address=observed.address,
        name=observed.name,
        roles=observed.roles,
        running=running,
        ready=process.ready and bool(running),
        phase=phase,
        problem="" if process.ready else process.problem,
        revision=observed.document.revision if observed.document else 0,
        leaving=observed.leaving,
    )
