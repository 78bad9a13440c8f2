"""What it takes to have fewer or more copies of each entry than by the document that all units last ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rolecall.core import rollout
from rolecall.core.handover import Drain, way_of
from rolecall.core.model import Cluster, Document, Unit
from rolecall.core.product import Product
from rolecall.core.roles import KEEPS_NOTHING, Line


def fewer(good: Document | None, base: Document) -> bool:
    """Whether entries get fewer copies than by `good`, the last document that every unit was ready with."""
    return good is not None and base.choices.replication_factor < good.choices.replication_factor


def flush(good: Document | None, base: Document, old: Document | None, revision: int) -> int:
    """Return what the flush is called that is needed as entries get more copies than by `good`; 0: none is.

    It is called after the document that first asks for it, as long as every document asks for it.
    """
    if good is None or base.choices.replication_factor <= good.choices.replication_factor:
        return 0
    return (old.flush if old else 0) or revision


def flushers(product: Product, cluster: Cluster) -> frozenset[str]:
    """Name the units that stay, keep data, and can have it in the object store all the same."""
    return frozenset(name for name, way in _ways(product, cluster) if way.can_stay)


def renewed(old: Document | None, cluster: Cluster) -> dict[str, int]:
    """Return, by unit, the newest flush that it had to restart for, as far as that stands in a document."""
    if old is None:
        return {}
    units = {unit.id for unit in cluster.units}
    return {name: flush for name, flush in old.renewals.items() if name in units}


def renewals(
    product: Product,
    line: Line,
    cluster: Cluster,
    wanted: Mapping[str, str],
    flush: int,
    known: Mapping[str, int],
) -> dict[str, int]:
    """Return, by unit, the newest flush that it has to restart for.

    Whoever has no other way to flush than its end restarts once all that write, and keep data, run what is
    `wanted`: before, somebody may have written to it, new as it may be, with fewer copies.
    """
    writing = (unit for unit in cluster.units if rollout.wave(line, unit) < KEEPS_NOTHING)
    if not flush or not all(_follows(unit, wanted) for unit in writing):
        return dict(known)
    ends = {name: flush for name, way in _ways(product, cluster) if way.uploads_at_end and not way.flush}
    return dict(sorted({**known, **ends}.items()))


def _follows(unit: Unit, wanted: Mapping[str, str]) -> bool:
    return unit.ready and not unit.report.leaving and unit.report.running == wanted.get(unit.id)


def _ways(product: Product, cluster: Cluster) -> Iterator[tuple[str, Drain]]:
    for unit in cluster.units:
        way = way_of(product.drains, unit.roles)
        if way is not None and not unit.report.leaving:
            yield unit.id, way
