"""`rolecall rollout`: how far a rolling change is; pause it, let it go on, or go back."""

from __future__ import annotations

import click

from rolecall.cli import clusters, errors, files, options
from rolecall.core import undo
from rolecall.local import rollout
from rolecall.local.cluster import LocalCluster
from rolecall.local.file.topology import ClusterSpec

_VERBS = ("show", *undo.VERBS)
_DONE = {"pause": "paused", "resume": "goes on", "undo": "gone back"}


@click.command(
    epilog="""\b
Examples:
  rolecall rollout
  rolecall rollout pause
  rolecall rollout undo logs
"""
)
@click.argument("verb", type=click.Choice(_VERBS), default="show", metavar="[show|pause|resume|undo]")
@click.argument("name", required=False, metavar="[CLUSTER]")
@options.timeout
@options.file
@options.as_json
def command(verb: str, name: str | None, timeout: float, path: str, as_json: bool) -> None:
    """Show how far a rolling change is; pause it, let it go on, or undo it.

    pause lets no further unit restart. undo goes back to the settings that all units last ran with, until the
    settings of the file change; resume ends both. A command that is at work on the cluster follows.
    """
    source = files.read(path)
    specs = files.specs(source, (name,) if name else ())
    spec = clusters.one(specs, name, "rollout", remedy="name it after what is to be done")
    home = clusters.home_of(source, spec.name)
    clusters.refuse_unless_running(home, f"{verb} the rollout of {spec.name}")
    with clusters.told(), clusters.opened(spec, home, clusters.at_hand(spec)) as cluster:
        done = _ask(cluster, verb, timeout)
        progress = rollout.look(cluster)
    if as_json:
        errors.show_json(_data(spec, progress, done=done))
    else:
        errors.show(progress.verdict.problems)
        click.echo(_text(spec, progress, verb, done=done))
    click.get_current_context().exit(0 if done else errors.WORLD)


def _ask(cluster: LocalCluster, verb: str, timeout_s: float) -> bool:
    """Do what is asked; say whether it is done."""
    if verb == "show":
        return True
    if refused := rollout.ask(cluster, verb):
        raise errors.Refused(refused, errors.BAD_INPUT)
    return verb == "pause" or rollout.follow(cluster, say=clusters.say, timeout_s=timeout_s)


def _text(spec: ClusterSpec, progress: rollout.Progress, verb: str, *, done: bool) -> str:
    planned = progress.rollout
    rows = (
        ("remaining", planned.remaining),
        ("out of the gateway", planned.held),
        ("waiting for", planned.waits_for),
    )
    said = _DONE.get(verb, "") if done else "not done yet"
    state = ", ".join(
        part for part in (said, progress.paused and "paused", progress.undone and "undone") if part
    )
    lines = [f"  {title}: {', '.join(units)}" for title, units in rows if units]
    return "\n".join((f"{spec.name}: {state or 'as the file says'}", *lines))


def _data(spec: ClusterSpec, progress: rollout.Progress, *, done: bool) -> dict[str, object]:
    planned = progress.rollout
    return {
        "cluster": spec.name,
        "done": done,
        "paused": progress.paused,
        "undone": progress.undone,
        "remaining": list(planned.remaining),
        "held": list(planned.held),
        "waits_for": list(planned.waits_for),
        "problems": errors.data_of(progress.verdict.problems),
    }
