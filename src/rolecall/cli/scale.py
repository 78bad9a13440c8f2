"""`rolecall scale`: other numbers of units, in the file and in the cluster."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from pathlib import Path

import click

from rolecall.cli import clusters, errors, files, options, up
from rolecall.local import home as disk
from rolecall.local.file import topology


@click.command(
    epilog="""\b
Examples:
  rolecall scale write=5
  rolecall scale read=2 backend=2 --cluster logs
"""
)
@click.argument("wanted", nargs=-1, required=True, metavar="WORKER=N...")
@click.option("--cluster", "name", help="The cluster, when the file has several.")
@options.force
@options.timeout
@options.file
@options.as_json
def command(
    wanted: tuple[str, ...],
    name: str | None,
    force: bool,
    timeout: float,
    path: str,
    as_json: bool,
) -> None:
    """Change the units of each WORKER in rolecall.yaml to N, and in the cluster if it runs.

    A unit that goes hands over what it holds first, and stays until that can be read without it; --force
    doesn't wait for that. The file keeps its comments; it isn't changed when the cluster wouldn't be
    coherent.
    """
    asked = _parsed(wanted)
    source = files.read(path)
    specs = files.specs(source, (name,) if name else ())
    spec = clusters.one(specs, name, "worker", asked)
    try:
        text = topology.with_units(source.text, spec.name, asked)
    except ValueError as error:
        said, _, remedy = str(error).rpartition("; ")
        raise errors.refuse(errors.BAD_INPUT, "cannot-scale", said, remedy) from error
    changed = replace(source, text=text)
    scaled = files.specs(changed, (spec.name,))
    up.refuse_incoherent(scaled)
    if not clusters.runs(clusters.home_of(source, spec.name)):
        with clusters.told():
            _write(Path(path), text)
        clusters.say(f"changed {path}; {spec.name} isn't running, bring it up with: rolecall up")
        if as_json:
            errors.show_json({"name": spec.name, "done": True, "seconds": 0, "problems": []})
        return
    outcome = up.bring_up(
        scaled[0], changed, timeout_s=timeout, force=force, begin=lambda: _write(Path(path), text)
    )
    if as_json:
        errors.show_json(clusters.data_of(spec.name, outcome))
    else:
        errors.show(outcome.verdict.problems)
        click.echo(f"{spec.name}: {'scaled' if outcome.done else 'not scaled yet'}, {', '.join(wanted)}")
    click.get_current_context().exit(clusters.code_of(outcome))


def _write(file: Path, text: str) -> None:
    disk.write(file, text, stat.S_IMODE(file.stat().st_mode))


def _parsed(wanted: tuple[str, ...]) -> dict[str, int]:
    asked: dict[str, int] = {}
    for one in wanted:
        found = re.fullmatch(r"([^=]+)=(\d+)", one)
        if not found:
            raise click.UsageError(
                f"{one!r} is not WORKER=N; write the worker and a whole number, as in write=3"
            )
        asked[found[1]] = int(found[2])
    return asked
