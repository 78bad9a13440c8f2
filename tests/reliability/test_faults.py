"""Each row of the table, on real clusters with a load on them: nothing acknowledged is ever lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
import seen
from click.testing import CliRunner
from faults import ROWS, Fault
from goings import store_gone_at_the_end
from happenings import SINGLE, have_writers, kill_everything, quiet
from judging import broken
from object_store import FickleStore
from patience import until
from real_clusters import Clusters, bring_up, recommended, take_down
from rows import AROUND, DEEDS, FIRST
from sites import STEADY, STEADY_S, Site, await_writes, brought_up, loaded, upload

from rolecall.cli.group import rolecall
from rolecall.core.products import PRODUCTS
from rolecall.local import load, operations

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

_READ_S = 90.0
"""How long to wait until everything is readable: Mimir's queriers look for new blocks once a minute."""
_READ_WHAT_IS_LEFT_S = 10.0
"""The same where something may be lost, so that it is waited for in vain."""
_AWAY_S = 15.0
"""How long `up` waits for units that can't begin without the store."""


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, clusters: Clusters, store: FickleStore) -> Iterator[Site]:
    """Bring up a product's cluster: the recommended one, or the least one where copies are single."""
    name, copies = request.param
    product = PRODUCTS[name]
    workers = recommended(product)
    if copies == 1:
        workers = {",".join(roles): units for _, roles, units in product.minimal}
    made = brought_up(clusters, product, store, workers)
    yield made
    take_down(made.cluster)


def _row(product: str, fault: Fault) -> object:
    marks = () if product in fault.quick else (pytest.mark.full,)
    return pytest.param((product, fault.copies), fault, id=f"{product}-{fault.name}", marks=marks)


@pytest.mark.parametrize(
    ("site", "fault"),
    [_row(*row) for row in sorted(ROWS, key=lambda row: (row[0], -row[1].copies))],
    indirect=["site"],
    # Else the narrowest, which is a test's own.
    scope="module",
)
def test_nothing_acknowledged_is_lost(
    site: Site, fault: Fault, record_property: Callable[[str, object], None]
):
    """With a load on it, something breaks; what is promised for that holds, by the ledger."""
    cell = fault.of(site.product.name)
    FIRST.get(fault.name, lambda _: None)(site)
    with AROUND.get(fault.name, nullcontext)(site), loaded(site) as ledger:
        DEEDS[fault.name](site, ledger)
        await_writes(ledger)
        if cell.gaps_after:
            ledger.stop_writing()
            upload(site)
        report = ledger.finish(limit_s=_READ_S if not cell.loses_s else _READ_WHAT_IS_LEFT_S)

    wrong = broken(cell, report)
    measured = seen.cell(report, kept=not wrong)
    seen.keep(site.product.name, fault.name, measured)
    record_property(seen.MEASURED, seen.line(site.product.name, fault.name, measured))
    assert wrong == [], report.table()


@pytest.mark.parametrize("site", [pytest.param(("loki", 1), id="loki")], indirect=True)
def test_a_person_can_ask_for_the_same(site: Site):
    """`rolecall check --for` finds a cluster that nothing happens to in order."""
    site.await_whole()
    file = str(Clusters.file(site.cluster))

    result = CliRunner().invoke(rolecall, ["check", "--for", "3s", "--rate", "30", "--file", file])

    assert result.exit_code == 0, result.output
    assert re.match(r"real: all \d+ acknowledged writes were read back\n", result.stdout)
    assert "acknowledged, 0 failed" in result.stderr


@pytest.mark.full
@pytest.mark.parametrize("site", [pytest.param(("pyroscope", 1), id="pyroscope")], indirect=True)
def test_a_leaver_uploads_what_nobody_asks_for(site: Site):
    """What it couldn't upload at its end it does when it is back, though no request comes for it."""
    have_writers(site, 3, SINGLE)
    site.await_whole()
    with load.ledger(site.cluster, watch=False) as ledger:
        until(lambda: ledger.so_far().acknowledged >= STEADY, STEADY_S, "some writes to be acknowledged")
        ledger.stop_writing()
        store_gone_at_the_end(site, site.writers()[-1])
        report = ledger.finish(limit_s=_READ_S)

    assert report.total.lost == 0, report.table()


@pytest.mark.parametrize("site", [pytest.param(("loki", 1), id="loki")], indirect=True)
def test_what_is_gone_is_started_while_the_store_is_away(site: Site):
    """After a reboot writes are taken, whether the store answers yet or not; `up` says that it doesn't.

    Some units end again and again until it does: not all that `up` waits for can come.
    """
    with loaded(site) as ledger:
        site.store.stop()
        kill_everything(site)
        try:
            outcome = operations.up(site.cluster, say=quiet, timeout_s=_AWAY_S)
            await_writes(ledger)
        finally:
            site.store.start()
        bring_up(site.cluster)
        report = ledger.finish(limit_s=_READ_S)

    assert not outcome.done
    assert "object-store" in {problem.code for problem in outcome.verdict.problems}
    assert report.total.lost == 0, report.table()
