"""Tell one build of a product's executable from another, and which version it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rolecall.core.binary import Binary, version_of
from rolecall.local.fetch.identify import output_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """An executable as it is now."""

    mark: str = ""
    """Another one at the same path has another mark; empty: there is no such file."""
    release: str = ""
    """The version that it says it is; empty: it doesn't tell."""


def build_of(binary: Binary, path: Path) -> Build:
    """Return which build lies at a path.

    It is told by size and time: an installed file that is put in place anew has another time, and reading
    a hundred megabytes whenever somebody asks for the status would be slow.
    """
    try:
        found = path.stat()
    except OSError:
        return Build()
    mark = f"{found.st_size}-{found.st_mtime_ns}"
    return Build(mark=mark, release=_release(path, binary.identify, mark) if binary.identify else "")


@lru_cache(maxsize=16)
def _release(path: Path, identify: tuple[str, ...], mark: str) -> str:  # noqa: ARG001 - each mark is asked once
    return version_of(output_of(path, identify))
