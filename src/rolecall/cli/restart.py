"""`rolecall restart`: restart units one after the other."""

from __future__ import annotations

import click

from rolecall.cli import clusters, errors, files, options
from rolecall.local import operations
from rolecall.local.file.topology import ClusterSpec


@click.command(
    epilog="""\b
Examples:
  rolecall restart write-0
  rolecall restart read backend
  rolecall restart                 every unit
"""
)
@click.argument("names", nargs=-1, metavar="[UNIT|WORKER]...")
@click.option("--cluster", "name", help="The cluster, when the file has several.")
@options.timeout
@options.file
@options.as_json
def command(names: tuple[str, ...], name: str | None, timeout: float, path: str, as_json: bool) -> None:
    """Restart each UNIT, or all of each WORKER, one after the other and out of the gateway first."""
    source = files.read(path)
    spec = clusters.one(files.specs(source, (name,) if name else ()), name, "units", names)
    units = _units(spec, names)
    home = clusters.home_of(source, spec.name)
    clusters.refuse_unless_running(home, f"restart {spec.name}")
    with clusters.told(), clusters.opened(spec, home, clusters.at_hand(spec)) as cluster:
        outcome = operations.restart(cluster, units, say=clusters.say, timeout_s=timeout)
    if as_json:
        errors.show_json(clusters.data_of(spec.name, outcome))
    else:
        errors.show(outcome.verdict.problems)
        click.echo(f"{spec.name}: {'restarted' if outcome.done else 'not done with'} {', '.join(units)}")
    click.get_current_context().exit(clusters.code_of(outcome))


def _units(spec: ClusterSpec, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the units that are meant; without names, all."""
    workers = clusters.units_of(spec)
    chosen: list[str] = []
    for name in names or tuple(workers):
        if name not in clusters.names_of(spec):
            raise errors.refuse(
                errors.BAD_INPUT,
                "unknown-unit",
                f'cannot restart "{name}": {spec.name} has no such unit or worker',
                f"they are {', '.join(sorted(clusters.names_of(spec)))}",
            )
        chosen.extend(workers.get(name, (name,)))
    return tuple(dict.fromkeys(chosen))
