"""The products, as an explicit table: one file, one row."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rolecall.core.product import Product
from rolecall.core.products.loki import LOKI
from rolecall.core.products.mimir import MIMIR
from rolecall.core.products.pyroscope import PYROSCOPE
from rolecall.core.products.tempo import TEMPO

PRODUCTS: Mapping[str, Product] = MappingProxyType({p.name: p for p in (LOKI, MIMIR, PYROSCOPE, TEMPO)})
