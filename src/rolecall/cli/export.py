"""`rolecall export`: the clusters of a file for another host."""

from __future__ import annotations

from pathlib import Path

import click

from rolecall.cli import errors, files, options
from rolecall.core.model import S3, File, Problem, Severity
from rolecall.juju import bundle, export, terraform
from rolecall.local import rehearsal, topology_telemetry
from rolecall.local.file.topology import ClusterSpec

_LOOPBACK = "127.0.0.1"


@click.group(
    epilog="""\b
Examples:
  rolecall export juju > bundle.yaml
"""
)
def command() -> None:
    """Write the clusters of a file for another host."""


@command.command(
    epilog="""\b
Examples:
  rolecall export juju > bundle.yaml
  rolecall export juju clusters/logs.yaml --format terraform --to deploy
"""
)
@click.argument("file", type=click.Path(allow_dash=True), default=files.DEFAULT)
@click.option(
    "--format",
    "wanted",
    type=click.Choice(["bundle", "terraform"]),
    default="bundle",
    show_default=True,
    help="What to write.",
)
@click.option("--to", "folder", metavar="DIR", help="Folder that gets the files; else they are printed.")
@click.option("--channel", default=export.CHANNEL, show_default=True, help="Where the charms are taken from.")
@options.as_json
def juju(file: str, wanted: str, folder: str | None, channel: str, as_json: bool) -> None:
    """Write the clusters of FILE as applications of Juju on Kubernetes, integrated with each other.

    Each cluster becomes a coordinator, an application for each worker, and an s3-integrator for its bucket.
    What can't be carried over is said, all at once; an error means that nothing was written. No key is read
    or written.
    """
    specs = files.specs(files.read(file), need_secrets=False)
    incoherent = [problem for spec in specs for problem in rehearsal.judge(spec).problems]
    if any(problem.severity is Severity.BLOCKED for problem in incoherent):
        raise errors.Refused(incoherent, errors.INCOHERENT)
    exported = export.export([_source(spec) for spec in specs], channel)
    problems = (*exported.problems, *(problem for spec in specs for problem in _left_here(spec)))
    if any(problem.severity is Severity.BLOCKED for problem in problems):
        raise errors.Refused(problems, errors.BAD_INPUT)
    texts = terraform.files(exported) if wanted == "terraform" else {"bundle.yaml": bundle.text(exported)}
    if folder is not None:
        files.write(Path(folder), (File(path=name, content=text) for name, text in texts.items()))
    if as_json:
        errors.show_json({"files": texts, "problems": errors.data_of(problems)})
        return
    errors.show(problems)
    if folder is None:
        click.echo("\n".join(texts.values()), nl=False)
    else:
        click.echo("\n".join(str(Path(folder) / name) for name in texts))


def _source(spec: ClusterSpec) -> export.Source:
    return export.Source(
        name=spec.name,
        product=spec.product,
        groups=spec.groups,
        settings=spec.settings,
        store=spec.store if isinstance(spec.store, S3) else None,
        urls=topology_telemetry.gateway_urls(spec),
    )


def _left_here(spec: ClusterSpec) -> list[Problem]:
    """Say what of a cluster has a meaning on this machine only."""
    found: list[Problem] = []
    standard = {listener.name: listener.number for listener in spec.product.listeners}
    if spec.gateway_address != _LOOPBACK or dict(spec.gateway_ports) != standard:
        fact = "there it listens on the product's own ports, on the address of its pod"
        found.append(_warning(spec, "gateway", fact, "for an address outside, integrate ingress"))
    if spec.telemetry.cluster:
        fact = "there a cluster is watched by what it is integrated with"
        found.append(_warning(spec, "telemetry", fact, "integrate it with a Prometheus"))
    if spec.create_bucket:
        fact = "nothing makes a bucket there"
        found.append(_warning(spec, "object-store.s3.create-bucket", fact, "make it before you deploy"))
    return found


def _warning(spec: ClusterSpec, place: str, fact: str, remedy: str) -> Problem:
    where = f"clusters.{spec.name}.{place}"
    return Problem(
        code="cannot-carry",
        text=f"cannot carry over {where}: {fact}",
        remedy=remedy,
        severity=Severity.WARNING,
        facts=(("place", where),),
    )
