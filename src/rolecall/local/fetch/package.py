"""Unpack an executable from its Debian package into the cache, without root.

An entry is a folder `NAME-VERSION` with an executable `NAME` in it: the package's own, or a wrapper that
finds the libraries which this system lacks. Its version is what the executable says of itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from rolecall.local.fetch import debian
from rolecall.local.fetch.cache import exclusive, remove, runnable, sweep, workspace
from rolecall.local.fetch.found import Found, Say, Source, SourceError

_WRAPPER = """#!/bin/sh
# Runs the unpacked {name} with the libraries that this system lacks.
here="${{0%/*}}"
exec env LD_LIBRARY_PATH={folders} "$here/{executable}" "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """An executable and the packages that may hold it."""

    name: str
    packages: tuple[str, ...]
    """Tried in this order; the later ones are for other releases of the distribution."""
    file: str
    """Path of the executable inside the package."""
    version_of: Callable[[Path], str]
    """What an executable says its version is; empty when it is another program or can't run."""


def cached(wanted: Packaged, cache: Path) -> Found:
    """Return the newest entry of the cache that runs.

    Raises:
        SourceError: There is none.
    """
    found = [
        Found(name=wanted.name, path=path, source="cache", version=version)
        for path in cache.glob(f"{wanted.name}-*/{wanted.name}")
        if runnable(path) and (version := wanted.version_of(path))
    ]
    if not found:
        raise SourceError(f"{cache} has no {wanted.name}")
    return max(found, key=lambda one: [int(number) for number in re.findall(r"\d+", one.version)])


def unpacked(wanted: Packaged, cache: Path, *, sources: Collection[Source], say: Say) -> Found:
    """Unpack the distribution's package into the cache, under the version that it turns out to be.

    Raises:
        SourceError: The package can't be had, or doesn't run here.
    """
    if not debian.available():
        raise SourceError("there is no apt-get here to fetch its package")

    def waiting(elapsed: float) -> None:
        say(f"waiting for another process that fetches it, {elapsed:.0f} s")

    origin = cache / wanted.name
    with exclusive(origin, waiting) as waited:
        if waited and "cache" in sources:
            return cached(wanted, cache)
        sweep(cache)
        with workspace(origin) as work:
            tree = work / "tree"
            version = _unpack(wanted, debian.Unpacker(work=work, tree=tree, say=say))
            target = cache / f"{wanted.name}-{version}"
            remove(target)
            tree.replace(target)
    return Found(name=wanted.name, path=target / wanted.name, source="package", version=version)


def _unpack(wanted: Packaged, unpacker: debian.Unpacker) -> str:
    """Make a folder with the executable in it, and return its version."""
    unpacker.tree.mkdir()
    executable = unpacker.tree / wanted.file
    for package in wanted.packages:
        unpacker.unpack(package)
        if executable.exists():
            _complete(wanted.name, unpacker, package, executable)
            break
    entrance = unpacker.tree / wanted.name
    version = wanted.version_of(entrance) if entrance.exists() else ""
    if not version:
        raise SourceError(f"the {wanted.name} of its Debian package does not run here")
    return version


def _complete(name: str, unpacker: debian.Unpacker, package: str, executable: Path) -> None:
    """Give the tree the libraries that this system lacks, and an entrance that finds them."""
    tree = unpacker.tree
    if not debian.missing_libraries(executable):
        (tree / name).symlink_to(executable.relative_to(tree))
        return
    for library in unpacker.libraries(package):
        unpacker.unpack(library)
    folders = debian.library_folders(tree)
    if missing := debian.missing_libraries(executable, folders):
        raise SourceError(f"its Debian package needs libraries that aren't to be had: {', '.join(missing)}")
    path = ":".join(f'"$here/{folder.relative_to(tree)}"' for folder in folders)
    wrapper = tree / name
    wrapper.write_text(_WRAPPER.format(name=name, folders=path, executable=executable.relative_to(tree)))
    wrapper.chmod(0o755)
