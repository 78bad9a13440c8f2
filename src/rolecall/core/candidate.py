"""Make the document that the settings ask for; the last good one stays while it isn't known to be good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from rolecall.core import choices, identity, periods, telemetry
from rolecall.core.model import Cluster, Document, Problem, Severity
from rolecall.core.product import Blueprint, Product, Settings
from rolecall.core.roles import Line

if TYPE_CHECKING:
    from rolecall.core.coordinator import Observed


class Base(Struct, frozen=True, kw_only=True):
    """The document to go on from."""

    document: Document | None
    candidate: str = ""
    """A config that the binary must judge first; empty when there is none."""
    problems: tuple[Problem, ...] = ()
    """What was refused."""
    current: bool = False
    """Whether the document is what the settings ask for."""


def base(
    product: Product, line: Line, cluster: Cluster, observed: Observed, *, sound: bool, whole: bool
) -> Base:
    """Return the document to go on from, a candidate to verify, and what was refused.

    The last published one stays while the new one isn't known to be good. There is no first one before
    the cluster is `whole`: what starts now would have to restart for what is still missing.
    """
    old = observed.published
    # What is to go counts no more: those that come in its place would have to restart once it has gone.
    reports = [unit.report for unit in cluster.units]
    written = {one.becomes or one.roles for one in reports if one.becomes or not one.leaving}
    present = {role for names in written for role in line.expand(names)}
    missing = line.missing(present)
    if not sound or observed.store is None or (old is None and (missing or not whole)):
        return Base(document=old)
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
        return Base(document=old, problems=(*judged, *harms))
    if not product.verify:
        return Base(document=new, problems=judged, current=True)
    candidate = identity.render_candidate(product, observed.settings, new.config)
    said = observed.verified.get(identity.digest_of(candidate))
    if said is None:
        return Base(document=old, candidate=candidate, problems=judged)
    if said:
        rejected = _rejected(product, observed.settings, said, serving=old is not None)
        return Base(document=old, problems=(*judged, rejected))
    return Base(document=new, problems=judged, current=True)


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
