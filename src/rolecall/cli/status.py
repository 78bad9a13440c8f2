"""`rolecall status`: the verdict, the units and the gateway."""

from __future__ import annotations

import dataclasses
import time

import click

from rolecall.cli import clusters, errors, files, options, table
from rolecall.local import operations
from rolecall.local.file.topology import ClusterSpec

_PAUSE_S = 2.0


@click.command(
    epilog="""\b
Examples:
  rolecall status
  rolecall status logs --watch
  rolecall status --json
"""
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until interrupted.")
@options.file
@options.as_json
def command(names: tuple[str, ...], watch: bool, path: str, as_json: bool) -> None:
    """Show the clusters of rolecall.yaml, or those that are named. Nothing is changed.

    Exit code 1 says that a verdict isn't coherent.
    """
    while True:
        source = files.read(path)
        seen = [
            (spec, _look(source, spec))
            for spec in files.specs(source, names, need_secrets=False, strict=False)
        ]
        if watch and not as_json:
            click.clear()
        if as_json:
            errors.show_json({"clusters": [_data(spec, status) for spec, status in seen]})
        else:
            click.echo("\n\n".join(_text(spec, status) for spec, status in seen))
        if not watch:
            break
        time.sleep(_PAUSE_S)
    if not all(status is None or status.verdict.coherent for _, status in seen):
        click.get_current_context().exit(errors.INCOHERENT)


def _look(source: files.Source, spec: ClusterSpec) -> operations.Status | None:
    """Look at a cluster; None when it was never brought up."""
    home = clusters.home_of(source, spec.name)
    if not clusters.exists(home):
        return None
    with clusters.told(), clusters.opened(spec, home, clusters.at_hand(spec)) as cluster:
        return operations.status(cluster)


def _text(spec: ClusterSpec, status: operations.Status | None) -> str:
    if status is None:
        return f"{spec.name}: not up; bring it up with: rolecall up"
    said = "coherent" if status.verdict.coherent else "not coherent"
    state = "running" if status.running else "stopped"
    gateway = "serves" if status.gateway_running else "is stopped"
    rows = [
        (
            unit.unit,
            "+".join(unit.roles),
            unit.address,
            unit.phase,
            "ready" if unit.ready else "not ready",
            "yes" if unit.in_gateway else "no",
            unit.problem,
        )
        for unit in status.units
    ]
    rings = [
        f"  ring {page}: {', '.join(f'{member} {state}' for member, state in sorted(members.items()))}"
        for page, members in sorted(status.rings.items())
    ]
    rollout = (f"  rollout: {len(status.remaining)} units remain",) if status.remaining else ()
    return "\n".join(
        (
            f"{status.cluster}: {said}, {state}, {status.product} {status.line}",
            f"  gateway {gateway} at {status.url}",
            f"  data in {status.store}, {status.replication_factor or 'no'} copies of what is new",
            *rollout,
            *(f"  {line}" for line in errors.lines_of(status.verdict.problems)),
            "",
            *(
                f"  {line}"
                for line in table.columns(
                    ("UNIT", "ROLES", "ADDRESS", "PHASE", "READY", "GATEWAY", "PROBLEM"), rows
                )
            ),
            *rings,
        )
    )


def _data(spec: ClusterSpec, status: operations.Status | None) -> dict[str, object]:
    if status is None:
        return {"cluster": spec.name, "product": spec.product.name, "running": False, "units": []}
    return {
        "cluster": status.cluster,
        "product": status.product,
        "line": status.line,
        "coherent": status.verdict.coherent,
        "running": status.running,
        "url": status.url,
        "gateway_running": status.gateway_running,
        "replication_factor": status.replication_factor,
        "store": status.store,
        "remaining": list(status.remaining),
        "units": [dataclasses.asdict(unit) for unit in status.units],
        "rings": status.rings,
        "problems": errors.data_of(status.verdict.problems),
    }
