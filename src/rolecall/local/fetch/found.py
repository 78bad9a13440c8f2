"""What a search for an executable gives: where it was found, or why not.

These are the words that the sources (environment, PATH, cache, release, package, build) share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Source = Literal["variable", "path", "cache", "release", "package", "build"]

ALL: tuple[Source, ...] = ("variable", "path", "cache", "release", "package", "build")
"""Every source, in the order they are tried; `package` is the distribution's, for what has one."""

UNKNOWN = "unknown"
"""The version of an executable that does not say one."""

Progress = Callable[[str, str], None]
"""Told the name of the executable and what goes on, at least every two seconds."""

Say = Callable[[str], None]
"""`Progress` once the name is known."""


def silent(name: str, text: str) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An executable that is there to be run."""

    name: str
    path: Path
    source: Source
    version: str
    """As the cache or the executable says it, without a leading `v`; else `unknown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which executable of a product the administrator wants."""

    file: Path | None = None
    version: str = ""
    """A release; empty: any."""


ANY = Choice()
"""No choice was made: the first that is found."""


class BinaryError(Exception):
    """No source has the executable, or the one that the administrator named is no good."""


class SourceError(Exception):
    """One source does not have the executable; the search goes on to the next."""
