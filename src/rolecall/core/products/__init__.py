"""The products, as an explicit table: one file, one row."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rolecall.core.product import Product

PRODUCTS: Mapping[str, Product]


def __getattr__(name: str) -> object:
    """Make the table when it is first asked for: a charm imports its own product and never the others."""
    if name != "PRODUCTS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rolecall.core.products.loki import LOKI
    from rolecall.core.products.mimir import MIMIR
    from rolecall.core.products.pyroscope import PYROSCOPE
    from rolecall.core.products.tempo import TEMPO

    table = MappingProxyType({p.name: p for p in (LOKI, MIMIR, PYROSCOPE, TEMPO)})
    globals()[name] = table
    return table
