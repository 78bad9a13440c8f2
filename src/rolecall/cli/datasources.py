"""`rolecall datasources`: the clusters as another program's configuration."""

from __future__ import annotations

import click

from rolecall.cli import files, options
from rolecall.local import grafana


@click.command(
    epilog="""\b
Examples:
  rolecall datasources > /etc/grafana/provisioning/datasources/rolecall.yaml
  rolecall datasources logs traces --format grafana
"""
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--format",
    "kind",
    type=click.Choice(("grafana",)),
    default="grafana",
    show_default=True,
    help="Whose configuration: Grafana's provisioning file.",
)
@options.file
def command(names: tuple[str, ...], kind: str, path: str) -> None:  # noqa: ARG001 - there is one kind so far
    """Print the clusters of rolecall.yaml, or those that are named, as data sources linked to each other."""
    specs = files.specs(files.read(path), names, need_secrets=False, strict=False)
    click.echo(grafana.datasources(specs), nl=False)
