"""`rolecall grafana`: Grafana over the clusters, where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import click

from rolecall.cli import clusters, errors, files, options
from rolecall.local import grafana, home
from rolecall.local.fetch import binaries
from rolecall.local.fetch.helpers import GRAFANA


@click.command(
    epilog="""\b
Examples:
  rolecall grafana
  rolecall grafana --port 3001
"""
)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Where it answers."
)
@options.file
def command(port: int, path: str) -> None:
    """Run the Grafana of PATH with the clusters of rolecall.yaml as its data sources, until interrupted.

    What it keeps is in .rolecall/grafana. Where there is none, `rolecall datasources` prints what a Grafana
    elsewhere needs.
    """
    source = files.read(path)
    specs = files.specs(source, need_secrets=False, strict=False)
    with clusters.told():
        found = binaries.present(GRAFANA)
        if found is None:
            raise errors.refuse(
                errors.WORLD,
                "no-grafana",
                "cannot start Grafana: there is none on PATH",
                f"install it, name its file in {GRAFANA.variable}, "
                "or give one elsewhere what rolecall datasources prints",
            )
        start = grafana.start(found.path, source.folder / ".rolecall" / "grafana", specs, port=port)
        for file in start.files:
            home.write(Path(file.path), file.content, file.mode)
        clusters.say(f"Grafana {found.version} answers at http://{grafana.ADDRESS}:{port}")
        os.execve(start.command[0], start.command, {**os.environ, **start.variables})  # noqa: S606 - no shell is wanted
