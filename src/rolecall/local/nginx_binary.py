"""Find nginx: named by the administrator, on PATH, in the cache, or unpacked from its Debian package.

nginx is never built and never installed: the package's executable is all that the gateway needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rolecall.local import debian
from rolecall.local.binaries import LOOKING, named_file
from rolecall.local.cache import default_cache, exclusive, remove, runnable, sweep, workspace
from rolecall.local.found import ALL, BinaryError, Found, Progress, Say, Source, SourceError, silent
from rolecall.local.identify import on_path, output_of, version_in

VARIABLE = "ROLECALL_NGINX"
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin", "/opt/homebrew/bin")
"""Where nginx lies on systems whose users don't have it on PATH."""

PACKAGES = ("nginx", "nginx-core", "nginx-light")
"""Newer releases have the executable in the first; older ones in the second or the third."""

_WRAPPER = """#!/bin/sh
# Runs the unpacked nginx with the libraries that this system lacks.
here="${{0%/*}}"
exec env LD_LIBRARY_PATH={folders} "$here/{executable}" "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    cache: Path
    sources: Collection[Source]
    say: Say


def locate_nginx(
    progress: Progress = silent, *, sources: Collection[Source] = ALL, cache: Path | None = None
) -> Found:
    """Return an nginx that runs, from the first of the sources that has one.

    Raises:
        BinaryError: No source has one, or the environment names a file that can't be executed.
    """
    search = _Search(cache=cache or default_cache(), sources=sources, say=partial(progress, "nginx"))
    reasons: list[str] = []
    for source, find in _SOURCES.items():
        if source not in sources:
            continue
        try:
            return find(search)
        except SourceError as error:
            reasons.append(str(error))
        except OSError as error:
            reasons.append(f"{source}: {error}")
    raise BinaryError(
        f"cannot find nginx: {', '.join(reasons) or 'there was nowhere to look'};"
        f" install your system's nginx package or name the file in {VARIABLE}"
    )


def present_nginx(*, cache: Path | None = None) -> Found | None:
    """Return nginx if it is here already; never fetch it.

    Raises:
        BinaryError: The environment names a file that can't be executed.
    """
    search = _Search(cache=cache or default_cache(), sources=LOOKING, say=partial(silent, "nginx"))
    for source in LOOKING:
        try:
            return _SOURCES[source](search)
        except SourceError:
            continue
    return None


def version_of(path: Path) -> str:
    """Return what this nginx says it is; empty when it is no nginx or can't run."""
    output = output_of(path, ("-v",))
    return version_in(output.partition("nginx/")[2]) if "nginx/" in output else ""


def _from_variable(search: _Search) -> Found:  # noqa: ARG001  (every source has this shape)
    path = named_file(VARIABLE)
    version = version_of(path)
    if not version:
        raise BinaryError(
            f"cannot use {VARIABLE}={path}: it does not say that it is nginx; correct or unset it"
        )
    return _found(path, "variable", version)


def _from_path(search: _Search) -> Found:  # noqa: ARG001
    for path in on_path(("nginx",), SYSTEM_FOLDERS):
        if version := version_of(path):
            return _found(path, "path", version)
    raise SourceError("PATH has no nginx")


def _from_cache(search: _Search) -> Found:
    found = [
        _found(path, "cache", version)
        for path in search.cache.glob("nginx-*/nginx")
        if runnable(path) and (version := version_of(path))
    ]
    if not found:
        raise SourceError(f"{search.cache} has no nginx")
    return max(found, key=lambda one: [int(number) for number in re.findall(r"\d+", one.version)])


def _from_package(search: _Search) -> Found:
    """Unpack the distribution's package into the cache, under the version that it turns out to be."""
    if not debian.available():
        raise SourceError("there is no apt-get here to fetch its package")

    def waiting(elapsed: float) -> None:
        search.say(f"waiting for another process that fetches it, {elapsed:.0f} s")

    origin = search.cache / "nginx"
    with exclusive(origin, waiting) as waited:
        if waited and "cache" in search.sources:
            return _from_cache(search)
        sweep(search.cache)
        with workspace(origin) as work:
            tree = work / "tree"
            version = _unpack(work, tree, search.say)
            target = search.cache / f"nginx-{version}"
            remove(target)
            tree.replace(target)
    return _found(target / "nginx", "package", version)


def _unpack(work: Path, tree: Path, say: Say) -> str:
    """Make a folder with an executable `nginx` in it, and return its version."""
    tree.mkdir()
    unpacker = debian.Unpacker(work=work, tree=tree, say=say)
    executable = tree / "usr" / "sbin" / "nginx"
    for package in PACKAGES:
        unpacker.unpack(package)
        if executable.exists():
            _complete(unpacker, package, executable)
            break
    nginx = tree / "nginx"
    version = version_of(nginx) if nginx.exists() else ""
    if not version:
        raise SourceError("the nginx of its Debian package does not run here")
    return version


def _complete(unpacker: debian.Unpacker, package: str, executable: Path) -> None:
    """Give the tree the libraries that this system lacks, and an entrance that finds them."""
    tree = unpacker.tree
    if not debian.missing_libraries(executable):
        (tree / "nginx").symlink_to(executable.relative_to(tree))
        return
    for library in unpacker.libraries(package):
        unpacker.unpack(library)
    folders = debian.library_folders(tree)
    if missing := debian.missing_libraries(executable, folders):
        raise SourceError(f"its Debian package needs libraries that aren't to be had: {', '.join(missing)}")
    path = ":".join(f'"$here/{folder.relative_to(tree)}"' for folder in folders)
    wrapper = tree / "nginx"
    wrapper.write_text(_WRAPPER.format(folders=path, executable=executable.relative_to(tree)))
    wrapper.chmod(0o755)


def _found(path: Path, source: Source, version: str) -> Found:
    return Found(name="nginx", path=path, source=source, version=version)


_SOURCES: dict[Source, Callable[[_Search], Found]] = {
    "variable": _from_variable,
    "path": _from_path,
    "cache": _from_cache,
    "package": _from_package,
}
