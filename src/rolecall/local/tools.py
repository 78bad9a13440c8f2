"""The executables that one cluster needs on this machine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rolecall.core.model import Telemetry
from rolecall.core.product import Product
from rolecall.local.fetch import binaries, nginx_binary
from rolecall.local.fetch.cache import runnable
from rolecall.local.fetch.found import ALL, ANY, UNKNOWN, BinaryError, Choice, Found, Progress, Source, silent
from rolecall.local.fetch.helpers import ALLOY, PEBBLE, PROMETHEUS

_PINNED: tuple[Source, ...] = ("variable", "cache", "release")
"""Where a certain release may come from: what lies on PATH, or is built, is of another version."""


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
    choice: Choice = ANY,
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
        product=_chosen(product, choice, sources, progress),
        pebble=binaries.locate(PEBBLE, sources=sources, progress=progress).path,
        nginx=nginx.path,
        nginx_version=nginx.version,
        prometheus=_prometheus(sources, progress) if telemetry and telemetry.metrics else None,
        alloy=binaries.present(ALLOY) if telemetry and telemetry.profiles else None,
    )


def at_hand(product: Product, choice: Choice = ANY) -> Path:
    """Return the product's executable if it is here, else its mere name; never fetch or build one.

    Raises:
        BinaryError: The one that was chosen can't be executed.
    """
    if choice.file is not None:
        return _executable(choice.file)
    found = (
        binaries.present(product.binary.pinned(choice.version), sources=_PINNED)
        if choice.version
        else binaries.present(product.binary)
    )
    return found.path if found else Path(product.binary.name)


def _chosen(product: Product, choice: Choice, sources: Collection[Source], progress: Progress) -> Path:
    if choice.file is not None:
        return _executable(choice.file)
    if not choice.version:
        return binaries.locate(product.binary, sources=sources, progress=progress).path
    able: list[Source] = [source for source in _PINNED if source in sources]
    return binaries.locate(product.binary.pinned(choice.version), sources=able, progress=progress).path


def _executable(file: Path) -> Path:
    if runnable(file):
        return file
    fact = "it is not an executable file" if file.exists() else "there is no such file"
    raise BinaryError(f"cannot use {file}: {fact}; correct binary in the file of the clusters")


def _prometheus(sources: Collection[Source], progress: Progress) -> Found | None:
    try:
        return binaries.locate(PROMETHEUS, sources=sources, progress=progress)
    except BinaryError as error:
        progress(PROMETHEUS.name, str(error))
        return None
