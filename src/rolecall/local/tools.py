"""The executables that one cluster needs on this machine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rolecall.core.model import Telemetry
from rolecall.core.product import Product
from rolecall.local.fetch import binaries, nginx_binary
from rolecall.local.fetch.found import ALL, UNKNOWN, BinaryError, Found, Progress, Source, silent
from rolecall.local.fetch.helpers import ALLOY, PEBBLE, PROMETHEUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Where the product, the supervisor and nginx are."""

    product: Path
    pebble: Path
    nginx: Path
    nginx_version: str
    prometheus: Found | None = None
    """What scrapes metrics, where a cluster's metrics go somewhere."""
    alloy: Found | None = None
    """What fetches profiles, where it is at hand."""


def gather(
    product: Product,
    *,
    telemetry: Telemetry | None = None,
    sources: Collection[Source] = ALL,
    progress: Progress = silent,
) -> Tools:
    """Find, download or build what a cluster needs; raises `BinaryError` when one can't be had.

    The agents that watch it are taken where they are to be had: the cluster serves without them.
    """
    nginx = nginx_binary.locate_nginx(progress, sources=sources)
    if nginx.version == UNKNOWN:
        raise BinaryError(
            f"cannot use {nginx.path} as nginx: it doesn't tell its version; "
            f"name another one in {nginx_binary.VARIABLE}"
        )
    return Tools(
        product=binaries.locate(product.binary, sources=sources, progress=progress).path,
        pebble=binaries.locate(PEBBLE, sources=sources, progress=progress).path,
        nginx=nginx.path,
        nginx_version=nginx.version,
        prometheus=_prometheus(sources, progress) if telemetry and telemetry.metrics else None,
        alloy=binaries.present(ALLOY) if telemetry and telemetry.profiles else None,
    )


def _prometheus(sources: Collection[Source], progress: Progress) -> Found | None:
    try:
        return binaries.locate(PROMETHEUS, sources=sources, progress=progress)
    except BinaryError as error:
        progress(PROMETHEUS.name, str(error))
        return None
