"""`rolecall check`: a real write through the gateway, and its read back; or many, for a while."""

from __future__ import annotations

import click

from rolecall.cli import clusters, errors, files, options
from rolecall.cli.shown import Shown
from rolecall.local import operations
from rolecall.local.file.topology import ClusterSpec

_RATE = 20.0


@click.command(
    epilog="""\b
Examples:
  rolecall check
  rolecall check logs --timeout 1m --json
  rolecall check --for 60s --rate 50
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
@click.option(
    "--for",
    "seconds",
    type=options.duration,
    metavar="DURATION",
    help="Write all the time for so long, read everything back once a second, and account for every write.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0.1, max=1000),
    metavar="N",
    help=f"With --for: writes a second.  [default: {_RATE:g}]",
)
@options.file
@options.as_json
def command(
    names: tuple[str, ...],
    timeout: float,
    seconds: float | None,
    rate: float | None,
    path: str,
    as_json: bool,
) -> None:
    """Write through the gateway of each cluster, or those that are named, and read it back.

    With --for it does so all the time, while you change the cluster or break it, and says of everything
    that was acknowledged whether it is there, and whether it was readable throughout.

    Exit code 1 says that it failed: nothing could be written, or what was acknowledged is lost or was
    unreadable for a while.
    """
    if rate is not None and seconds is None:
        raise click.UsageError("--rate says how fast to write with --for; add --for, such as --for 60s")
    source = files.read(path)
    specs = files.specs(source, names, need_secrets=False, strict=False)
    if seconds is None:
        checks = [_check(source, spec, timeout) for spec in specs]
    else:
        from rolecall.cli import load

        checks = load.checks(source, specs, seconds=seconds, rate=rate or _RATE, timeout_s=timeout)
    if as_json:
        errors.show_json({"checks": [one.data for one in checks]})
    else:
        click.echo("\n".join(one.text for one in checks))
    if not all(one.ok for one in checks):
        click.get_current_context().exit(errors.INCOHERENT)


def _check(source: files.Source, spec: ClusterSpec, timeout_s: float) -> Shown:
    home = clusters.home_of(source, spec.name)
    with clusters.told(), clusters.opened(spec, home, clusters.at_hand(spec)) as cluster:
        result = operations.check(cluster, timeout_s=timeout_s)
    times = f"; write {result.write_ms:.0f} ms, read {result.read_ms:.0f} ms" if result.ok else ""
    return Shown(
        ok=result.ok,
        text=f"{spec.name}: {result.text}{times}",
        data={
            "cluster": spec.name,
            "ok": result.ok,
            "text": result.text,
            "write_ms": round(result.write_ms, 1),
            "read_ms": round(result.read_ms, 1),
        },
    )
