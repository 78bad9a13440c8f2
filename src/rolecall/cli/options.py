"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

import click

from rolecall.cli import errors

if TYPE_CHECKING:
    from rolecall.local.fetch.found import Source

_F = TypeVar("_F", bound=Callable[..., object])
_SECONDS = {"s": 1, "m": 60, "h": 3600, "": 1}


def _mark(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    if value:
        ctx.meta[errors.JSON] = True
    return value


def as_json(command: _F) -> _F:
    """Add `--json`; failures are JSON then, too."""
    return click.option(
        "--json", "as_json", is_flag=True, is_eager=True, callback=_mark, help="Print JSON, for programs."
    )(command)


def file(command: _F) -> _F:
    """Add `--file`, for commands whose arguments are something else."""
    return click.option(
        "--file", "path", default="rolecall.yaml", show_default=True, help="The file of the clusters."
    )(command)


def duration(text: str) -> float:
    """Parse a time such as 90s, 5m or 1h; in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not found:
        raise click.BadParameter(f"{text!r} is not a duration; write a number and s, m or h, such as 5m")
    return float(found[1]) * _SECONDS[found[2]]


def timeout(command: _F) -> _F:
    """Add `--timeout`."""
    return click.option(
        "--timeout", type=duration, default="5m", show_default=True, help="How long to wait for the units."
    )(command)


_SURE = "rolecall.sure"


def _sure(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[_SURE] = value


def sure() -> bool:
    """Say whether the command was called with `--yes`."""
    return click.get_current_context().meta.get(_SURE) is True


def force(command: _F) -> _F:
    """Add `--force` and `--yes`."""
    sure = click.option(
        "--yes", is_flag=True, callback=_sure, expose_value=False, help="With --force: don't ask."
    )(command)
    return click.option(
        "--force", is_flag=True, help="Let units go at once; what only they hold is lost. Asks first."
    )(sure)


SOURCES: tuple[Source, ...] = ("variable", "path", "cache", "release", "package", "build")
"""Those of `rolecall.local.fetch.found`, written again so that `--help` needn't import it."""


def _sources(text: str) -> tuple[Source, ...]:
    words = tuple(text.split(","))
    if words == ("any",):
        return SOURCES
    wrong = [word for word in words if word not in SOURCES]
    if wrong:
        raise click.BadParameter(f"{', '.join(wrong)} is not among {', '.join(SOURCES)}; use those, or any")
    return cast("tuple[Source, ...]", words)


def sources(command: _F) -> _F:
    """Add `--from`."""
    return click.option(
        "--from",
        "sources",
        type=_sources,
        metavar="SOURCES",
        help=f"Where executables may come from: any, or some of {', '.join(SOURCES)}.",
    )(command)
