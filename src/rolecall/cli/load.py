"""`rolecall check --for`: writes for a while, reads of all of it, and what became of each write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rolecall.cli import clusters, errors, files
from rolecall.cli.shown import Shown
from rolecall.local import load

if TYPE_CHECKING:
    from rolecall.local.file.topology import ClusterSpec
    from rolecall.testing.ledger import Ledger
    from rolecall.testing.report import Report, Tally

_SAY_S = 2.0


def checks(
    source: files.Source,
    specs: Sequence[ClusterSpec],
    *,
    seconds: float,
    rate: float,
    timeout_s: float,
) -> list[Shown]:
    """Put a load on every cluster at once, and tell of it every two seconds.

    Args:
        source: The file that the clusters are in.
        specs: The clusters.
        seconds: How long to write.
        rate: Entries a second, for each cluster.
        timeout_s: How long to wait afterwards until everything is read back.

    Raises:
        errors.Refused: a cluster's product has no entries, or something in the world failed.
    """
    with clusters.told(), ExitStack() as open_ones:
        ledgers = [(spec, _open(source, spec, rate, open_ones)) for spec in specs]
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            time.sleep(min(_SAY_S, seconds - passed))
            for spec, ledger in ledgers:
                clusters.say(f"{spec.name}: {_so_far(time.monotonic() - began, ledger.so_far())}")
        return [_shown(spec.name, ledger.finish(limit_s=timeout_s)) for spec, ledger in ledgers]


def _shown(name: str, report: Report) -> Shown:
    text = said(report)
    table = "\n".join(f"  {line}" for line in report.table().splitlines())
    data = {"cluster": name, "ok": report.kept, "text": text, "report": report.json()}
    return Shown(ok=report.kept, text=f"{name}: {text}\n{table}", data=data)


def _open(source: files.Source, spec: ClusterSpec, rate: float, open_ones: ExitStack) -> Ledger:
    home = clusters.home_of(source, spec.name)
    cluster = open_ones.enter_context(clusters.opened(spec, home, clusters.at_hand(spec)))
    try:
        return open_ones.enter_context(load.ledger(cluster, rate=rate))
    except load.NoEntriesError as error:
        text, _, remedy = str(error).rpartition("; ")
        raise errors.refuse(errors.BAD_INPUT, "no-entries", text, remedy) from error


def _so_far(seconds: float, tally: Tally) -> str:
    not_kept = tally.failed + tally.unknown
    return (
        f"{seconds:.0f} s: {tally.acknowledged} of {tally.sent} writes acknowledged, {not_kept} failed, "
        f"{tally.unreadable} unreadable for a while, {tally.failed_reads} of {tally.reads} reads failed"
    )


def said(report: Report) -> str:
    """Return what a report comes to, as one line."""
    total = report.total
    if not total.acknowledged:
        why = next(iter(report.failures), "nothing was sent")
        return f"cannot write: of {total.sent} writes none was acknowledged ({why})"
    if report.kept:
        return f"all {total.acknowledged} acknowledged writes were read back"
    return (
        f"cannot read everything back: of {total.acknowledged} acknowledged writes {total.lost} are lost, "
        f"{total.unreadable} were unreadable for a while, for up to {total.longest_unreadable_s:.1f} s"
    )
