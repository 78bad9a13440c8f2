"""The words of the domain as frozen values.

Every value here is immutable and complete: what may be missing is an explicit empty value, so that
no reader has to guess. Nothing here knows a product or a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Any

from msgspec import Struct, field


class Severity(IntEnum):
    """How much a problem matters; the lowest value is told first."""

    BLOCKED = 0
    """The administrator must act before the cluster can serve."""
    WAITING = 1
    """It heals by itself; the text says what is awaited."""
    WARNING = 2
    """The cluster serves, but something deserves a look."""
    NOTICE = 3
    """Nothing is wrong, and nothing has to be done; it tells beforehand what isn't promised."""


class Problem(Struct, frozen=True, kw_only=True):
    """One named reason with its facts and what to do about it."""

    code: str
    """Stable identifier, such as `missing-role`; programs match on it."""
    text: str
    """The sentence a person reads: "cannot X: fact"."""
    remedy: str
    severity: Severity = Severity.BLOCKED
    facts: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return the text and the remedy as one line."""
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


class Verdict(Struct, frozen=True):
    """Every problem of a cluster, most severe first."""

    problems: tuple[Problem, ...] = ()

    @property
    def coherent(self) -> bool:
        """Whether nothing keeps the cluster from serving."""
        return not any(problem.severity is Severity.BLOCKED for problem in self.problems)

    @property
    def wrong(self) -> tuple[Problem, ...]:
        """The problems without the notices."""
        return tuple(problem for problem in self.problems if problem.severity < Severity.NOTICE)


def verdict_of(problems: tuple[Problem, ...]) -> Verdict:
    """Build a verdict in its canonical order: severity, then code, then text, without repeats."""
    return Verdict(tuple(sorted(set(problems), key=lambda p: (p.severity, p.code, p.text, p.remedy))))


class Secret:
    """A value that no print, log, comparison of texts or error may show."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the file or environment of the process that needs it."""
        return self._value

    def __repr__(self) -> str:
        """Return a mask."""
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        """Compare by value."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(self._value)


class S3(Struct, frozen=True, kw_only=True):
    """An S3 bucket and how to reach it. The keys travel apart, as `Credentials`."""

    endpoint: str
    """Address with scheme, such as `https://s3.example.com`."""
    bucket: str
    region: str = "us-east-1"
    ca: str = ""
    """Path of the certificate authority that signed the endpoint's certificate; empty: the system's."""
    path_style: bool = True


class Directory(Struct, frozen=True, kw_only=True):
    """A directory that every unit of the cluster can write: one machine, or a shared mount."""

    path: str


ObjectStore = S3 | Directory


class Credentials(Struct, frozen=True, kw_only=True):
    """The two keys of an S3 account."""

    access_key: Secret
    secret_key: Secret


class Telemetry(Struct, frozen=True, kw_only=True):
    """Where a cluster sends what it tells of itself; an empty address: nowhere."""

    cluster: str = ""
    """What it calls itself there."""
    logs: str = ""
    """Loki's push API."""
    metrics: str = ""
    """Prometheus remote write."""
    traces: str = ""
    """Base of OTLP over HTTP: senders add `/v1/traces`."""
    jaeger_traces: str = ""
    """A Jaeger collector's address, for senders of traces that don't speak OTLP."""
    profiles: str = ""
    """Base of Pyroscope's API."""


class Phase(StrEnum):
    """Where a unit is in its life; `phase` on the wire."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    DRAINED = "drained"


class Report(Struct, frozen=True, kw_only=True):
    """What one worker unit says of itself; the unit's half of the wire."""

    address: str
    """IP address its rings advertise and the gateway sends to."""
    name: str
    """Name that stays the same when the unit moves; other processes find it by this."""
    roles: tuple[str, ...] = ()
    """Roles and meta-roles as the administrator wrote them."""
    running: str = ""
    """Restart identity of the process that runs; empty while none does."""
    ready: bool = False
    phase: Phase = Phase.STARTING
    problem: str = ""
    """Why the process isn't ready, in one line, when the worker knows."""
    cause: str = ""
    """Why the process ends again and again, as `crashes` calls it; empty: it doesn't."""
    revision: int = 0
    """The document whose leave for this unit the report was made with; older than its leave means: not yet
    known."""
    leaving: bool = False
    """The unit is to go, because the administrator has asked for that, or to get roles that keep less."""
    becomes: tuple[str, ...] = ()
    """Roles as written that such a unit gets once it has handed over; empty: it goes."""
    handover: str = ""
    """What a unit that is to go still has to hand over, or waits for, in one line."""
    release: str = ""
    """The newest version of the product that the unit has had; empty: none told its version."""
    stored: int = 0
    """The newest `Document.flush` by which what the unit had is in the object store."""
    found: int = 0
    """The same, since the readers have had the time to find it there."""


class Group(Struct, frozen=True, kw_only=True):
    """Workers with the same roles: one entry of `workers:`, or one Juju application."""

    name: str
    roles: tuple[str, ...]
    """Roles and meta-roles as written."""
    units: int = 0
    """How many units the administrator wants."""


class Unit(Struct, frozen=True, kw_only=True):
    """One running worker, seen from the coordinator."""

    id: str
    """Unique in the cluster and sortable, such as `write/0`; its ring members carry it."""
    group: str
    roles: tuple[str, ...]
    """Roles after meta-roles were expanded, in the product's order."""
    report: Report
    beside: bool = False
    """Whether a gateway has the same address, so that its process has other ports."""

    @property
    def address(self) -> str:
        """The unit's address as reported."""
        return self.report.address

    @property
    def name(self) -> str:
        """The unit's stable name as reported."""
        return self.report.name

    @property
    def ready(self) -> bool:
        """Whether its process answered ready."""
        return self.report.ready


class Cluster(Struct, frozen=True, kw_only=True):
    """The snapshot: who runs which role, where, ready or not."""

    groups: tuple[Group, ...]
    units: tuple[Unit, ...]

    def running(self, role: str) -> tuple[Unit, ...]:
        """List the units that carry `role` and are not leaving."""
        return tuple(u for u in self.units if role in u.roles and not u.report.leaving)


class Deployment(Struct, frozen=True, kw_only=True):
    """What tells one cluster from every other."""

    name: str
    uuid: str


class Grant(Struct, frozen=True, kw_only=True):
    """Leave for one unit to restart into `digest`, or to go; an empty one takes the leave back."""

    digest: str
    revision: int
    """The document that first carried it: a report older than this knows nothing of it."""
    since: str = ""
    """What the unit was ready with when it got the leave, empty if it wasn't ready; once it is ready with
    anything else, the leave is used up."""
    witnesses: tuple[str, ...] = ()
    """Names of the units that have to find it in its rings again before it calls itself ready: of all that
    may count on it. Empty: the leave is for no ring member's restart."""


LEAVE = "leave"
"""The digest of a grant that lets a unit drain and go."""


class Choices(Struct, frozen=True, kw_only=True):
    """Decisions that are kept while they are valid, read back from the last document."""

    seeds: tuple[str, ...] = ()
    """Names of the units that new ring members ask first, at most three."""
    replication_factor: int = 1
    peers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Role to the name of the unit that others reach it by, where a product needs one address."""
    dialed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Unit to the name of the unit that it was given to dial, where a product needs that."""


class Document(Struct, frozen=True, kw_only=True):
    """What the coordinator publishes to a worker group; the coordinator's half of the wire."""

    product: str
    line: str
    revision: int
    config: str
    """The product's config, with `${ROLECALL_…}` where units differ."""
    runtime: str
    """The product's hot-reloaded file."""
    grants: Mapping[str, Grant] = field(default_factory=dict[str, Grant])
    held: tuple[str, ...] = ()
    """Units that the gateway doesn't send to, and has confirmed it."""
    secret: str = ""
    """Reference to the object store's credentials: an id and a version, never the value."""
    choices: Choices = field(default_factory=Choices)
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables every process of the group gets; none of them secret."""
    restarts: Mapping[str, int] = field(default_factory=dict[str, int])
    """Unit to the number of restarts that were asked for by hand, plus its number in `renewals`."""
    renewals: Mapping[str, int] = field(default_factory=dict[str, int])
    """Unit to the newest `flush` that it has to restart for."""
    authority: str = ""
    """PEM certificate of the authority that signed the object store's; empty: the system knows it."""
    outgoing: tuple[str, ...] = ()
    """Units that are to hand over what they hold ahead of their removal."""
    solo: bool = False
    """Whether the coordinator's own workers are to run."""
    flush: int = 0
    """What units call it in their reports that they have put what they hold into the object store while they
    go on; 0: that isn't asked for."""
    flushing: tuple[str, ...] = ()
    """Units that are to do so now."""


class File(Struct, frozen=True, kw_only=True):
    """A file to be written whole."""

    path: str
    content: str
    mode: int = 0o644
    secret: bool = False
    """Its content must never be shown."""

    def __repr__(self) -> str:
        """Return path, size and mode; never the content of a secret."""
        return f"File({self.path}, {len(self.content)} characters, {self.mode:o})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return the same for rich, which would else print every field of a struct."""
        return [("path", self.path), ("characters", len(self.content)), ("mode", f"{self.mode:o}")]


class ProcessSpec(Struct, frozen=True, kw_only=True):
    """How a process starts: what a supervisor needs and no more."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    identity: str = ""
    """Digest of everything the process reads at start; a new one means a restart."""
    kill_delay_s: int = 30
    """How long the process may take to end after SIGTERM."""
