"""`rolecall logs`: what the processes print."""

from __future__ import annotations

import time

import click

from rolecall.cli import clusters, errors, files, options
from rolecall.local import logs

_PAUSE_S = 0.2


@click.command(
    epilog="""\b
Examples:
  rolecall logs
  rolecall logs write-0 -n 50
  rolecall logs gateway -f
"""
)
@click.argument("unit", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on with new lines, until interrupted.")
@click.option(
    "--lines",
    "-n",
    "last",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="How many lines.",
)
@click.option("--cluster", "name", help="The cluster, when the file has several.")
@options.file
def command(unit: str | None, follow: bool, last: int, name: str | None, path: str) -> None:
    """Show the last lines of UNIT, of the gateway, or of all processes of a cluster."""
    source = files.read(path)
    specs = files.specs(source, (name,) if name else (), need_secrets=False, strict=False)
    spec = clusters.one(specs, name, "log", (unit,) if unit and unit != "gateway" else ())
    home = clusters.home_of(source, spec.name)
    # A unit that has gone from the file may still be leaving, and its log is wanted then above all.
    units = {*(one for some in clusters.units_of(spec).values() for one in some), *home.known_units()}
    if unit is not None and unit not in {*units, "gateway"}:
        raise errors.refuse(
            errors.BAD_INPUT,
            "unknown-unit",
            f'cannot show the log of "{unit}": {spec.name} has no such unit',
            f"the units are {', '.join(sorted(units))}, and gateway",
        )
    for line in logs.lines(home.log, unit or "", last=last):
        click.echo(line)
    if follow:
        with clusters.told():
            for line in logs.follow(home.log, unit or ""):
                if line:
                    click.echo(line)
                else:
                    time.sleep(_PAUSE_S)
