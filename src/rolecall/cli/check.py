"""`rolecall check`: a real write through the gateway, and its read back."""

from __future__ import annotations

import click

from rolecall.cli import clusters, errors, files, options
from rolecall.local import operations
from rolecall.local.file.topology import ClusterSpec


@click.command(
    epilog="""\b
Examples:
  rolecall check
  rolecall check logs --timeout 1m --json
"""
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--timeout",
    type=options.duration,
    default="30s",
    show_default=True,
    help="How long to wait for the read.",
)
@options.file
@options.as_json
def command(names: tuple[str, ...], timeout: float, path: str, as_json: bool) -> None:
    """Write through the gateway of each cluster, or those that are named, and read it back.

    Exit code 1 says that it failed.
    """
    source = files.read(path)
    results = [
        (spec, _check(source, spec, timeout))
        for spec in files.specs(source, names, need_secrets=False, strict=False)
    ]
    if as_json:
        errors.show_json(
            {
                "checks": [
                    {
                        "cluster": spec.name,
                        "ok": result.ok,
                        "text": result.text,
                        "write_ms": round(result.write_ms, 1),
                        "read_ms": round(result.read_ms, 1),
                    }
                    for spec, result in results
                ]
            }
        )
    else:
        for spec, result in results:
            times = f"; write {result.write_ms:.0f} ms, read {result.read_ms:.0f} ms" if result.ok else ""
            click.echo(f"{spec.name}: {result.text}{times}")
    if not all(result.ok for _, result in results):
        click.get_current_context().exit(errors.INCOHERENT)


def _check(source: files.Source, spec: ClusterSpec, timeout_s: float) -> operations.Checked:
    home = clusters.home_of(source, spec.name)
    with clusters.told(), clusters.opened(spec, home, clusters.at_hand(spec)) as cluster:
        return operations.check(cluster, timeout_s=timeout_s)
