"""Decide for the coordinator: what to publish, what the gateway serves, and the verdict.

A cluster that isn't coherent still gets a whole decision: the gateway, the limits and the statuses
follow the world whatever is missing, and only what needs the missing part keeps its last good state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from rolecall.core import (
    choices,
    coherence,
    forget,
    gateway,
    identity,
    nginx,
    periods,
    progress,
    roles,
    rollout,
    telemetry,
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
from rolecall.core.product import Blueprint, Product, Settings
from rolecall.core.roles import Line


class Member(Struct, frozen=True, kw_only=True):
    """A worker unit as the coordinator's host sees it."""

    group: str
    report: Report


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
    groups: tuple[Group, ...]
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
    line = product.line(observed.settings.text("line"))
    cluster = _cluster(line, observed)
    wishes = (*observed.problems, *coherence.judge_replication(product, cluster, observed.settings))
    topology = coherence.judge_topology(product, line, cluster.groups)
    base, candidate, refused = _base(
        product, line, cluster, observed, sound=not _blocked(wishes), whole=not _blocked(topology)
    )
    spare = choices.spare(product, cluster, base.choices if base else Choices())
    # A spare unit gets no requests, and nobody waits for it; nor for one that has handed over.
    active = replace(
        cluster,
        units=tuple(
            unit for unit in cluster.units if unit not in spare and unit.report.phase is not Phase.DRAINED
        ),
    )
    document, planned = _document(product, line, active, observed, base)
    if observed.held is not None:
        planned = replace(planned, held=observed.held)
    text, serving = _gateway(product, line, active, observed, planned)
    forgotten = forget.judge(
        observed.pages,
        {**dict.fromkeys(observed.unheard, ()), **{unit.id: unit.roles for unit in cluster.units}},
        forget.Copies(role=product.replicated, number=document.choices.replication_factor if document else 1),
    )
    problems = (
        *wishes,
        *topology,
        *coherence.judge_units(line, active),
        *coherence.judge_spare(product, spare),
        *refused,
        *progress.of_rollout(planned, paused=observed.paused),
        *progress.of_drains(cluster.units),
        *forgotten.problems,
        *(coherence.judge_copies(product, document.choices) if document else ()),
    )
    return Decision(
        verdict=verdict_of(problems),
        desired=Desired(
            document=document,
            gateway=text,
            serving=serving,
            candidate=candidate,
            forgets=forgotten.forgets if observed.held is None else (),
        ),
        rollout=planned,
        cluster=cluster,
        spare=frozenset(unit.id for unit in spare),
    )


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
        )
        for name, member in sorted(observed.members.items())
    )
    return Cluster(groups=tuple(sorted(observed.groups, key=lambda g: g.name)), units=units)


def _base(
    product: Product, line: Line, cluster: Cluster, observed: Observed, *, sound: bool, whole: bool
) -> tuple[Document | None, str, tuple[Problem, ...]]:
    """Return the document to go on from, a candidate to verify, and what was refused.

    The last published one stays while the new one isn't known to be good. There is no first one before
    the cluster is `whole`: what starts now would have to restart for what is still missing.
    """
    old = observed.published
    written = {unit.report.roles for unit in cluster.units}
    present = {role for names in written for role in line.expand(names)}
    missing = line.missing(present)
    if not sound or observed.store is None or (old is None and (missing or not whole)):
        return old, "", ()
    blueprint = Blueprint(
        line=line.name,
        deployment=observed.deployment,
        settings=observed.settings,
        store=observed.store,
        choices=choices.choose(product, cluster, observed.settings, observed.published),
        # A required role that is missing for a while must not change what all the others read.
        roles=frozenset({*present, *missing}),
        targets=frozenset(
            one for names in (*written, *((role,) for role in missing)) for one in line.targets(names)
        ),
    )
    new = Document(
        product=product.name,
        line=line.name,
        revision=old.revision if old else 0,
        config=identity.render_config(product, blueprint),
        runtime=identity.render_runtime(product, blueprint),
        secret=observed.secret,
        authority=observed.authority,
        choices=blueprint.choices,
        environment={
            **product.environment,
            **product.variables(blueprint),
            **telemetry.variables(product, observed.telemetry),
        },
    )
    judged = product.judge(blueprint)
    if old is not None and (harms := periods.judge(product, old.config, new.config, observed.day)):
        return old, "", (*judged, *harms)
    if not product.verify:
        return new, "", judged
    candidate = identity.render_candidate(product, observed.settings, new.config)
    said = observed.verified.get(identity.digest_of(candidate))
    if said is None:
        return old, candidate, judged
    if said:
        return old, "", (*judged, _rejected(product, observed.settings, said, serving=old is not None))
    return new, "", judged


def _rejected(product: Product, settings: Settings, said: str, *, serving: bool) -> Problem:
    keys = identity.blamed(settings, said)
    places = ", ".join(keys) if keys else "the settings"
    return Problem(
        code="config-refused",
        text=f"cannot use {places}: {product.title} says: {said}",
        remedy="correct or remove it; every unit keeps the last good config meanwhile"
        if serving
        else "correct or remove it",
        severity=Severity.WARNING if serving else Severity.BLOCKED,
        facts=tuple(("key", key) for key in keys),
    )


def _document(
    product: Product, line: Line, cluster: Cluster, observed: Observed, base: Document | None
) -> tuple[Document | None, rollout.Rollout]:
    """Add grants to the document, and count it up only if something in it is new."""
    if base is None:
        return None, rollout.Rollout()
    old = observed.published
    base = replace(
        base,
        restarts={name: n for name, n in sorted(observed.restarts.items()) if name in observed.members},
        outgoing=tuple(sorted(name for name in observed.outgoing if name in observed.members)),
    )
    revision = (old.revision if old else 0) + 1
    planned = rollout.plan(
        rollout.Situation(
            line=line,
            units=cluster.units,
            wanted=_wanted(product, line, cluster, base),
            granted=old.grants if old else {},
            serving=observed.front.serving,
            revision=revision,
            paused=observed.paused,
        )
    )
    held = tuple(name for name in planned.held if name not in observed.front.serving)
    document = replace(base, grants=planned.grants, held=held)
    if old is not None and replace(document, revision=old.revision) == old:
        return old, planned
    return replace(document, revision=revision), planned


def _wanted(product: Product, line: Line, cluster: Cluster, base: Document) -> dict[str, str]:
    """Return what each unit should run; units whose roles make no process are to go on as they are."""
    # One digest for each kind of unit, not for each unit: a thousand of them have a handful of kinds.
    kinds = {unit.id: (unit.report.roles, base.restarts.get(unit.id, 0)) for unit in cluster.units}
    digests = {
        (written, restarts): identity.identity(product, base, written, restarts)
        for written, restarts in sorted(set(kinds.values()))
        if not roles.problems_of(line, product.name, "", written)
    }
    return {name: digests[kind] for name, kind in kinds.items() if kind in digests}


def _gateway(
    product: Product, line: Line, cluster: Cluster, observed: Observed, planned: rollout.Rollout
) -> tuple[str, frozenset[str]]:
    """Render the gateway for the units that are ready and not held."""
    made = observed.published.choices if observed.published else Choices()
    able = (unit for unit in cluster.units if unit.ready and unit.address and unit.id not in planned.held)
    serving = choices.answering(product, tuple(able), made)
    servers = {
        role.name: tuple(
            gateway.Server(unit=unit.id, address=unit.address) for unit in serving if role.name in unit.roles
        )
        for role in line.roles
    }
    names = {unit.name: unit.id for unit in cluster.units}
    options = replace(
        observed.front.options,
        peers={role: names[name] for role, name in sorted(made.peers.items()) if name in names},
    )
    value = gateway.build(
        product,
        line,
        servers=servers,
        deployed=frozenset(
            role for group in cluster.groups if group.units for role in line.expand(group.roles)
        ),
        options=options,
    )
    text = nginx.render(value, dialect=observed.front.dialect, paths=observed.front.paths)
    return text, frozenset(unit.id for unit in serving)
