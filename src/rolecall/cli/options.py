"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import click

from rolecall.cli import errors

_F = TypeVar("_F", bound=Callable[..., object])
_SECONDS = {"s": 1, "m": 60, "h": 3600, "": 1}


def _mark(ctx: click.Context, _: click.Parameter, value: bool) -> bool:  # noqa: FBT001 - click's signature
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
        "--file", "-f", "path", default="rolecall.yaml", show_default=True, help="The file of the clusters."
    )(command)


class Duration(click.ParamType):
    """A time such as 90s, 5m or 1h; in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse it."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value))
        if not found:
            self.fail(f"{value!r} is not a duration; write a number and s, m or h, such as 5m", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]


SOURCES = ("variable", "path", "cache", "release", "package", "build")


class Sources(click.ParamType):
    """A list of places that executables may come from, separated by commas."""

    name = "sources"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Parse it; `any` means all of them."""
        if isinstance(value, tuple):
            return tuple(str(one) for one in value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        words = tuple(str(value).split(","))
        if words == ("any",):
            return SOURCES
        wrong = [word for word in words if word not in SOURCES]
        if wrong:
            self.fail(f"{', '.join(wrong)} is not among {', '.join(SOURCES)}; use those, or any", param, ctx)
        return words


def sources(command: _F) -> _F:
    """Add `--from`."""
    return click.option(
        "--from",
        "sources",
        type=Sources(),
        metavar="SOURCES",
        help=f"Where executables may come from: any, or some of {', '.join(SOURCES)}.",
    )(command)
