"""`rolecall judge`: the verdict on a file, with nothing started."""

from __future__ import annotations

import click

from rolecall.cli import errors, files, options
from rolecall.core.model import Verdict
from rolecall.local import rehearsal
from rolecall.local.file.topology import ClusterSpec


@click.command(
    epilog="""\b
Examples:
  rolecall judge
  rolecall judge clusters/logs.yaml --json
  cat rolecall.yaml | rolecall judge -
"""
)
@click.argument("file", type=click.Path(allow_dash=True), default=files.DEFAULT)
@options.as_json
def command(file: str, as_json: bool) -> None:
    """Say whether FILE describes coherent clusters, and everything that is wrong with it.

    Nothing is started or written, and no secret is needed. Exit code 0: coherent; 1: not; 2: the file
    can't be understood.
    """
    parsed = files.parse(files.read(file), need_secrets=False)
    verdicts = [(spec, rehearsal.judge(spec)) for spec in parsed.clusters]
    coherent = not parsed.problems and all(verdict.coherent for _, verdict in verdicts)
    if as_json:
        clusters = [_data(spec, verdict) for spec, verdict in verdicts]
        errors.show_json(
            {"coherent": coherent, "problems": errors.data_of(parsed.problems), "clusters": clusters}
        )
    else:
        errors.show(parsed.problems)
        for spec, verdict in verdicts:
            _show(spec, verdict)
    if not coherent:
        click.get_current_context().exit(errors.BAD_INPUT if parsed.problems else errors.INCOHERENT)


def _line(spec: ClusterSpec) -> str:
    return spec.product.line(spec.settings.text("line")).name


def _show(spec: ClusterSpec, verdict: Verdict) -> None:
    units = sum(group.units for group in spec.groups)
    said = "coherent" if verdict.coherent else "not coherent"
    click.echo(
        f"{spec.name}: {said}, {spec.product.name} {_line(spec)}, {units} unit{'s' if units != 1 else ''}"
    )
    for line in errors.lines_of(verdict.problems):
        click.echo(f"  {line}")


def _data(spec: ClusterSpec, verdict: Verdict) -> dict[str, object]:
    return {
        "name": spec.name,
        "product": spec.product.name,
        "line": _line(spec),
        "coherent": verdict.coherent,
        "units": sum(group.units for group in spec.groups),
        "problems": errors.data_of(verdict.problems),
    }
