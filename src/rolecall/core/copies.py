"""What it takes to have fewer or more copies of each entry than by the document that all units last ran."""

from __future__ import annotations

from rolecall.core.handover import way_of
from rolecall.core.model import Cluster, Document
from rolecall.core.product import Product


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
    ways = {unit.id: way_of(product.drains, unit.roles) for unit in cluster.units if not unit.report.leaving}
    return frozenset(name for name, way in ways.items() if way is not None and way.can_stay)
