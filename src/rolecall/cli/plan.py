"""`rolecall plan`: the actions that `up` would take now."""

from __future__ import annotations

import re

import click

from rolecall.cli import clusters, errors, files, options, up
from rolecall.core import changes


@click.command(
    epilog="""\b
Examples:
  rolecall plan
  rolecall plan clusters/logs.yaml --json
"""
)
@click.argument("file", type=click.Path(), default=files.DEFAULT)
@options.as_json
def command(file: str, as_json: bool) -> None:
    """Show the actions that up would take now for FILE. Nothing is started, stopped or fetched.

    Later ones follow from what the units report after these, so a rollout is planned step by step.
    """
    source = files.read(file)
    specs = files.specs(source)
    up.refuse_incoherent(specs)
    plans: list[tuple[str, tuple[changes.Action, ...]]] = []
    for spec in specs:
        home = clusters.home_of(source, spec.name)
        with clusters.told(), clusters.opened(spec, home, clusters.at_hand(spec)) as cluster:
            plans.append((spec.name, cluster.pending()))
    if as_json:
        errors.show_json({"clusters": [{"name": name, "actions": _data(actions)} for name, actions in plans]})
        return
    for name, actions in plans:
        click.echo(f"{name}: {f'{len(actions)} actions' if actions else 'nothing to do'}")
        for action in actions:
            click.echo(f"  {changes.describe(action)}")


def _data(actions: tuple[changes.Action, ...]) -> list[dict[str, str]]:
    return [{"action": _kind(action), "text": changes.describe(action)} for action in actions]


def _kind(action: changes.Action) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(action).__name__).lower()
