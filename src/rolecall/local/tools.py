"""The executables that one cluster needs on this machine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rolecall.core.product import Product
from rolecall.local import binaries, nginx_binary
from rolecall.local.found import ALL, Progress, Source, silent
from rolecall.local.helpers import PEBBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Where the product, the supervisor and nginx are."""

    product: Path
    pebble: Path
    nginx: Path
    nginx_version: str


def gather(product: Product, *, sources: Collection[Source] = ALL, progress: Progress = silent) -> Tools:
    """Find, download or build all three; raises `BinaryError` when one can't be had."""
    nginx = nginx_binary.locate_nginx(progress, sources=sources)
    return Tools(
        product=binaries.locate(product.binary, sources=sources, progress=progress).path,
        pebble=binaries.locate(PEBBLE, sources=sources, progress=progress).path,
        nginx=nginx.path,
        nginx_version=nginx.version,
    )
