"""Find nginx: named by the administrator, on PATH, in the cache, or unpacked from its Debian package.

nginx is never built and never installed: the package's executable is all that the gateway needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rolecall.local.fetch import package
from rolecall.local.fetch.binaries import LOOKING, named_file
from rolecall.local.fetch.cache import default_cache
from rolecall.local.fetch.found import ALL, BinaryError, Found, Progress, Say, Source, SourceError, silent
from rolecall.local.fetch.identify import on_path, output_of, version_in

VARIABLE = "ROLECALL_NGINX"
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin", "/opt/homebrew/bin")
"""Where nginx lies on systems whose users don't have it on PATH."""

PACKAGES = ("nginx", "nginx-core", "nginx-light")
"""Newer releases have the executable in the first; older ones in the second or the third."""


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
    return package.cached(_PACKAGED, search.cache)


def _from_package(search: _Search) -> Found:
    return package.unpacked(_PACKAGED, search.cache, sources=search.sources, say=search.say)


def _found(path: Path, source: Source, version: str) -> Found:
    return Found(name="nginx", path=path, source=source, version=version)


_PACKAGED = package.Packaged(name="nginx", packages=PACKAGES, file="usr/sbin/nginx", version_of=version_of)

_SOURCES: dict[Source, Callable[[_Search], Found]] = {
    "variable": _from_variable,
    "path": _from_path,
    "cache": _from_cache,
    "package": _from_package,
}
