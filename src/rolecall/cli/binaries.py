"""`rolecall binaries`: the executables, and where each comes from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import click

from rolecall.cli import errors, options, products, table
from rolecall.core.binary import Binary
from rolecall.core.model import Problem
from rolecall.local.fetch import nginx_binary
from rolecall.local.fetch.binaries import locate, present
from rolecall.local.fetch.found import BinaryError, Found, Progress, Source
from rolecall.local.fetch.helpers import PEBBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    name: str
    look: Callable[[], Found | None]
    fetch: Callable[[Collection[Source], Progress], Found]


@click.command(
    epilog="""\b
Examples:
  rolecall binaries
  rolecall binaries loki --from any
  rolecall binaries loki --from path,cache,build --json
"""
)
@click.argument("product", required=False)
@options.sources
@options.as_json
def command(product: str | None, sources: tuple[Source, ...] | None, as_json: bool) -> None:
    """Show the executables that PRODUCT needs, or all; with --from, get those that aren't here.

    Without --from nothing is downloaded or built.
    """
    chosen = products.named(product)
    entries = [*(_entry(one.binary) for one in chosen), _entry(PEBBLE), _nginx()]
    found: list[tuple[str, Found | None]] = []
    problems: list[Problem] = []
    for entry in entries:
        try:
            found.append((entry.name, entry.fetch(sources, _say) if sources else entry.look()))
        except BinaryError as error:
            text, _, remedy = str(error).rpartition("; ")
            problems.append(
                Problem(code="no-binary", text=text, remedy=remedy, facts=(("binary", entry.name),))
            )
            found.append((entry.name, None))
    if as_json:
        data = [_data(name, one) for name, one in found]
        errors.show_json({"binaries": data, "problems": errors.data_of(problems)})
    else:
        click.echo(
            "\n".join(table.columns(("NAME", "VERSION", "FROM", "FILE"), [_row(*one) for one in found]))
        )
        errors.show(problems)
    if problems:
        click.get_current_context().exit(errors.WORLD)


def _entry(binary: Binary) -> _Entry:
    return _Entry(
        name=binary.name,
        look=lambda: present(binary),
        fetch=lambda sources, say: locate(binary, sources=sources, progress=say),
    )


def _nginx() -> _Entry:
    return _Entry(
        name="nginx",
        look=nginx_binary.present_nginx,
        fetch=lambda sources, say: nginx_binary.locate_nginx(say, sources=sources),
    )


def _say(name: str, text: str) -> None:
    click.echo(f"{name}: {text}", err=True)


def _row(name: str, found: Found | None) -> tuple[str, str, str, str]:
    if found is None:
        return (name, "-", "-", "not here; up gets it, or: rolecall binaries --from any")
    return (name, found.version, found.source, str(found.path))


def _data(name: str, found: Found | None) -> dict[str, object]:
    if found is None:
        return {"name": name, "present": False, "version": None, "from": None, "file": None}
    return {
        "name": name,
        "present": True,
        "version": found.version,
        "from": found.source,
        "file": str(found.path),
    }
