"""Decide for the coordinator: what to publish, what the gateway serves, and the verdict.

A cluster that isn't coherent still gets a whole decision: the gateway, the limits and the statuses
follow the world whatever is missing, and only what needs the missing part keeps its last good state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from rolecall.core import (
    candidate,
    choices,
    coherence,
    copies,
    entrypoint,
    forget,
    gateway,
    identity,
    nginx,
    progress,
    roles,
    rollout,
    solo,
    undo,
    versions,
)
from rolecall.core.model import (
    Choices,
    Cluster,
    Deployment,
    Document,
    Group,
    ObjectStore,
    Phase,
    Problem,
    Report,
    Severity,
    Telemetry,
    Unit,
    Verdict,
    verdict_of,
)
from rolecall.core.product import Product, Settings
from rolecall.core.roles import Line


class Member(Struct, frozen=True, kw_only=True):
    """A worker unit as the coordinator's host sees it."""

    group: str
    report: Report
    beside: bool = False
    """Whether a gateway has the same address."""


class Front(Struct, frozen=True, kw_only=True):
    """What the host knows of the gateway."""

    options: gateway.Options
    dialect: nginx.Dialect
    paths: nginx.Paths
    serving: frozenset[str] = frozenset()
    """Units that at least one loaded gateway config sends to."""


class Observed(Struct, frozen=True, kw_only=True):
    """All that a coordinator's decision depends on."""

    deployment: Deployment
    settings: Settings
    """What the administrator has set, whether it was undone or not."""
    groups: tuple[Group, ...]
    own: Group | None = None
    """The coordinator's own workers, which serve while the others can't; None: they are not to."""
    members: Mapping[str, Member]
    store: ObjectStore | None
    front: Front
    secret: str = ""
    """Reference to the store's credentials."""
    restarts: Mapping[str, int] = field(default_factory=dict[str, int])
    """Unit to the number of restarts that were asked for by hand."""
    telemetry: Telemetry = field(default_factory=Telemetry)
    published: Document | None = None
    day: str = ""
    """The last day that may hold data, as `periods.day_of` tells it; empty: not known."""
    verified: Mapping[str, str] = field(default_factory=dict[str, str])
    """Digest of a candidate to what the binary said of it; empty text: it is good."""
    held: tuple[str, ...] | None = None
    """Units that the leading coordinator holds back, for one that follows; None: this one leads."""
    paused: bool = False
    """Whether the administrator wants no further unit to restart."""
    memory: undo.Memory = field(default_factory=undo.Memory)
    authority: str = ""
    """Certificate of the authority that signed the object store's, for every worker; empty: none."""
    pages: tuple[forget.Page, ...] = ()
    """Ring pages, as far as the host looked at them."""
    outgoing: tuple[str, ...] = ()
    """Units that the administrator wants to hand over ahead of their removal."""
    unheard: frozenset[str] = frozenset()
    """Units that the host has, and that the coordinator has heard nothing of or hears of no longer."""
    problems: tuple[Problem, ...] = ()
    """What the host found: settings that were refused, a store that doesn't answer."""


class Desired(Struct, frozen=True, kw_only=True):
    """What a coordinator wants to be so."""

    document: Document | None
    gateway: str
    serving: frozenset[str]
    candidate: str = ""
    """A config that the binary must judge before it is published; empty when there is none."""
    forgets: tuple[forget.Forget, ...] = ()
    """Members of rings whose units are gone."""
    memory: undo.Memory = field(default_factory=undo.Memory)


class Decision(Struct, frozen=True, kw_only=True):
    """The verdict, and what to do about it."""

    verdict: Verdict
    desired: Desired
    rollout: rollout.Rollout
    cluster: Cluster
    spare: frozenset[str] = frozenset()
    """Units that are never waited for, because nothing can be asked of them."""


def decide(product: Product, observed: Observed) -> Decision:
    """Decide one cycle of a coordinator."""
    memory = undo.kept(observed.memory, observed.settings, observed.problems)
    undone = undo.judge(memory, observed.settings)
    observed = _as_it_holds(observed, memory)
    settings, strays = versions.line_to_follow(product, observed.settings, observed.published)
    line = product.line(settings.text("line"))
    groups = solo.with_own(line, observed.groups, observed.own)
    observed = replace(observed, settings=settings, groups=groups)
    cluster = _cluster(line, observed)
    wishes = (*observed.problems, *coherence.judge_replication(product, cluster, observed.settings))
    topology = coherence.judge_topology(product, line, cluster.groups)
    base = candidate.base(
        product, line, cluster, observed, sound=not _blocked(wishes), whole=not _blocked(topology)
    )
    spare = choices.spare(product, cluster, base.document.choices if base.document else Choices())
    # A spare unit gets no requests, and nobody waits for it; nor for one that has handed over.
    active = replace(
        cluster, units=tuple(unit for unit in cluster.units if unit not in spare and not _handed_over(unit))
    )
    # Who stays and is dialed by nobody is dialed once the one that is dialed has gone: it isn't waited for.
    filled = frozenset(role for unit in spare if unit.ready for role in unit.roles)
    document, wanted, planned = _document(product, line, active, observed, base.document, filled)
    if observed.held is not None:
        planned = replace(planned, held=observed.held)
    elif document is not None and base.current and progress.arrived(active.units, wanted, planned):
        memory = undo.learned(memory, observed.settings, document)
    # A config that is yet to be judged will have units restart, too.
    rolling = bool(base.candidate or planned.remaining)
    text, serving = entrypoint.gateway_of(product, line, active, observed, planned, rolling=rolling)
    forgotten = forget.judge(
        observed.pages,
        {**dict.fromkeys(observed.unheard, ()), **{unit.id: unit.roles for unit in cluster.units}},
        forget.Copies(role=product.replicated, number=document.choices.replication_factor if document else 1),
    )
    halts = progress.of_halts(
        product, active.units, wanted, planned=planned, before=memory.good, after=document
    )
    problems = (
        *wishes,
        *strays,
        *topology,
        *coherence.judge_units(line, active),
        *coherence.judge_spare(product, spare),
        *solo.judge(line, groups, observed.own),
        *base.problems,
        *progress.of_rollout(planned, halts, paused=observed.paused),
        *progress.of_drains(cluster.units),
        *undone,
        *forgotten.problems,
        *(coherence.judge_copies(product, document.choices) if document else ()),
    )
    return Decision(
        verdict=verdict_of(problems),
        desired=Desired(
            document=document,
            gateway=text,
            serving=serving,
            candidate=base.candidate,
            forgets=forgotten.forgets if observed.held is None else (),
            memory=memory,
        ),
        rollout=planned,
        cluster=cluster,
        spare=frozenset(unit.id for unit in spare),
    )


def _as_it_holds(observed: Observed, memory: undo.Memory) -> Observed:
    """Return what is seen with the settings that hold: the last good ones while the newest are undone."""
    settings = undo.effective(memory, observed.settings)
    if settings is observed.settings:
        return observed
    # Whose tenant a request is for must be said as the processes expect it.
    options = replace(observed.front.options, multi_tenant=settings.flag("multi-tenant"))
    return replace(observed, settings=settings, front=replace(observed.front, options=options))


def _handed_over(unit: Unit) -> bool:
    """Whether a unit that is to go has nothing left; one whose pod moves ends likewise, and comes back.

    One that has handed over for other roles comes back with these, and is waited for.
    """
    report = unit.report
    return report.leaving and not report.becomes and report.phase is Phase.DRAINED


def _blocked(problems: Iterable[Problem]) -> bool:
    return any(problem.severity is Severity.BLOCKED for problem in problems)


def _cluster(line: Line, observed: Observed) -> Cluster:
    known = {group.name for group in observed.groups}
    units = tuple(
        Unit(
            id=name,
            group=member.group,
            roles=line.expand(member.report.roles),
            report=member.report if member.group in known else replace(member.report, leaving=True),
            beside=member.beside,
        )
        for name, member in sorted(observed.members.items())
    )
    return Cluster(groups=tuple(sorted(observed.groups, key=lambda g: g.name)), units=units)


def _document(
    product: Product,
    line: Line,
    cluster: Cluster,
    observed: Observed,
    base: Document | None,
    filled: frozenset[str],
) -> tuple[Document | None, dict[str, str], rollout.Rollout]:
    """Add grants to the document, and count it up only if something in it is new.

    Nobody that is to go waits for another to take its place in the roles that are `filled`. Returns the
    document, the identity that each unit should run, and the plan.
    """
    if base is None:
        return None, {}, rollout.Rollout()
    old = observed.published
    base = replace(
        base,
        outgoing=tuple(sorted(name for name in observed.outgoing if name in observed.members)),
        solo=observed.own in observed.groups,
    )
    revision = (old.revision if old else 0) + 1
    flush = copies.flush(observed.memory.good, base, old, revision)
    known = copies.renewed(old, cluster)
    base = _restarting(base, observed, known)
    wanted = _wanted(product, line, cluster, base)
    renewals = copies.renewals(product, line, cluster, wanted, flush, known)
    if renewals != known:
        base = _restarting(base, observed, renewals)
        wanted = _wanted(product, line, cluster, base)
    planned = rollout.plan(
        rollout.Situation(
            line=line,
            units=cluster.units,
            wanted=wanted,
            granted=old.grants if old else {},
            serving=observed.front.serving,
            revision=revision,
            deployed=coherence.deployed(line, cluster.groups) - filled,
            fewer=copies.fewer(observed.memory.good, base),
            flush=flush,
            flushers=copies.flushers(product, cluster),
            paused=observed.paused,
        )
    )
    held = tuple(name for name in planned.held if name not in observed.front.serving)
    document = replace(base, grants=planned.grants, held=held, flush=flush, flushing=planned.flushing)
    if old is not None and replace(document, revision=old.revision) == old:
        return old, wanted, planned
    return replace(document, revision=revision), wanted, planned


def _restarting(base: Document, observed: Observed, renewals: Mapping[str, int]) -> Document:
    """Have the document say how often each unit has to have restarted."""
    restarts = {name: n for name, n in observed.restarts.items() if name in observed.members}
    for name, flush in renewals.items():
        restarts[name] = restarts.get(name, 0) + flush
    return replace(base, restarts=dict(sorted(restarts.items())), renewals=renewals)


def _wanted(product: Product, line: Line, cluster: Cluster, base: Document) -> dict[str, str]:
    """Return what each unit should run.

    Those whose roles make no process, or whose binary is too old for the line, are to go on as they are.
    """
    # One digest for each kind of unit, not for each unit: a thousand of them have a handful of kinds.
    kinds = {unit.id: (unit.report.roles, base.restarts.get(unit.id, 0)) for unit in cluster.units}
    digests = {
        (written, restarts): identity.identity(product, base, written, restarts)
        for written, restarts in sorted(set(kinds.values()))
        if not roles.problems_of(line, product.name, "", written)
    }
    releases = {unit.id: unit.report.release for unit in cluster.units}
    late = {one for one in set(releases.values()) if versions.refusal(product, line, "", one)}
    return {
        name: digests[kind] for name, kind in kinds.items() if kind in digests and releases[name] not in late
    }
