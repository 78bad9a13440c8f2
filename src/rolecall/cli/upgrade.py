"""`rolecall upgrade`: another version of a product's executable, or another line, unit after unit."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from rolecall.cli import clusters, errors, files, options, up
from rolecall.core import versions
from rolecall.local import home as disk
from rolecall.local import preflight
from rolecall.local.cluster import LocalCluster
from rolecall.local.file import topology
from rolecall.local.file.topology import ClusterSpec


@click.command(
    epilog="""\b
Examples:
  rolecall upgrade --check               what the executable that is here by now would mean
  rolecall upgrade                       roll it out
  rolecall upgrade logs --to 3.7.7       get that release, write it into the file, and roll it out
  rolecall upgrade --binary ./loki
  rolecall upgrade metrics --line 3.1 --check
"""
)
@click.argument("name", required=False, metavar="[CLUSTER]")
@click.option("--line", help="The version line to go to.")
@click.option("--to", "version", metavar="VERSION", help="The release to go to.")
@click.option("--binary", metavar="PATH", type=click.Path(resolve_path=True), help="The executable to go to.")
@click.option("--check", is_flag=True, help="Only say whether it can be done; change and restart nothing.")
@options.timeout
@options.file
@options.as_json
def command(
    name: str | None, path: str, timeout: float, *, check: bool, as_json: bool, **target: str | None
) -> None:
    """Bring the units of CLUSTER to another version, one after the other.

    Before the first one restarts: is there a way to that line, does every role still run, may the executable
    follow the one that ran, and does it accept the config? If not, nothing is changed. What is asked for is
    written into the file, so that up does the same from then on.
    """
    if target["version"] and target["binary"]:
        raise click.UsageError("--to gets a release and --binary names a file; use one of them")
    source = files.read(path)
    specs = files.specs(source, (name,) if name else ())
    spec = clusters.one(specs, name, "version", remedy="name it after rolecall upgrade")
    try:
        text = _edited(source.text, spec.name, target)
    except ValueError as error:
        said, _, remedy = str(error).rpartition("; ")
        raise errors.refuse(errors.BAD_INPUT, "cannot-upgrade", said, remedy) from error
    changed = replace(source, text=text)
    (wanted,) = files.specs(changed, (spec.name,))
    up.refuse_incoherent((wanted,))
    _examine(wanted, source, as_json=as_json and check)
    if check:
        return
    if text != source.text:
        with clusters.told():
            file = Path(path)
            disk.write(file, text, stat.S_IMODE(file.stat().st_mode))
    outcome = up.bring_up(wanted, changed, timeout_s=timeout)
    if as_json:
        errors.show_json(clusters.data_of(spec.name, outcome))
    else:
        errors.show(outcome.verdict.problems)
        click.echo(f"{spec.name}: {'upgraded' if outcome.done else 'not upgraded yet'}")
    click.get_current_context().exit(clusters.code_of(outcome))


_PLACES = {"line": ("settings", "line"), "version": ("version",), "binary": ("binary",)}
"""Where in a cluster of the file each target is written."""


def _edited(text: str, cluster: str, target: Mapping[str, str | None]) -> str:
    for name, place in _PLACES.items():
        if word := target[name]:
            text = topology.with_value(text, cluster, place, word)
    return text


def _examine(spec: ClusterSpec, source: files.Source, *, as_json: bool) -> None:
    """Say what the upgrade means.

    Raises:
        errors.Refused: it can't be done.
    """
    home = clusters.home_of(source, spec.name)
    with clusters.told(), clusters.opened(spec, home, clusters.gathered(spec, None)) as cluster:
        problems = preflight.examine_build(cluster)
        if problems:
            raise errors.Refused(problems, errors.WORLD)
        meaning = _meaning(cluster)
    if as_json:
        errors.show_json({"name": spec.name, "possible": True, "meaning": meaning})
        return
    for sentence in meaning:
        clusters.say(f"{spec.name}: {sentence}")


def _meaning(cluster: LocalCluster) -> list[str]:
    """Say in sentences what would become different."""
    product, document = cluster.spec.product, cluster.document()
    line = product.line(cluster.spec.settings.text("line"))
    had = versions.newest(report.release for report in cluster.told().values())
    release = cluster.build.release or "a version that it doesn't tell"
    told = [f"{cluster.tools.product} is {release}" + (f", after {had}" if had else "")]
    before = document.line if document else line.name
    if before != line.name and before in {one.name for one in product.lines}:
        told.append(f"from line {before} to line {line.name}")
        told.extend(versions.differences(product.line(before), line))
    late = cluster.outdated()
    told.append(f"to be restarted for it: {', '.join(late)}" if late else "no unit runs another executable")
    return told
