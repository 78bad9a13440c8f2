"""`rolecall down`: stop clusters, and remove their data if asked to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import click

from rolecall.cli import clusters, errors, files, options
from rolecall.local import operations
from rolecall.local.file.topology import ClusterSpec


@click.command(
    epilog="""\b
Examples:
  rolecall down
  rolecall down logs
  rolecall down logs --purge --yes
"""
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--purge", is_flag=True, help="Remove everything the clusters keep on this machine, too.")
@click.option("--yes", is_flag=True, help="With --purge: don't ask.")
@options.file
@options.as_json
def command(names: tuple[str, ...], purge: bool, yes: bool, path: str, as_json: bool) -> None:
    """Stop the clusters of rolecall.yaml, or those that are named. Their data stays, unless --purge."""
    source = files.read(path)
    specs = files.specs(source, names, need_secrets=False, strict=False)
    if purge and not yes:
        listed = ", ".join(spec.name for spec in specs)
        click.confirm(f"Remove all data of {listed} on this machine?", abort=True, err=True)
    # Some processes take their time to end, and no cluster needs another one for that.
    with ThreadPoolExecutor(max_workers=len(specs)) as pool:
        counts = pool.map(partial(_down, source, purge=purge), specs)
        stopped = list(zip(specs, counts, strict=True))
    if as_json:
        errors.show_json(
            {"clusters": [{"name": spec.name, "stopped": count, "purged": purge} for spec, count in stopped]}
        )
        return
    for spec, count in stopped:
        said = f"stopped {count} units" if count else "was not running"
        click.echo(f"{spec.name}: {said}{', its data is gone' if purge else ''}")


def _down(source: files.Source, spec: ClusterSpec, *, purge: bool) -> int:
    home = clusters.home_of(source, spec.name)
    if not clusters.exists(home):
        return 0
    with clusters.told(), clusters.opened(spec, home, clusters.at_hand(spec)) as cluster:
        return operations.down(cluster, say=clusters.say, purge=purge)
