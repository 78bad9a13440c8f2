"""Tempo while it changes: nothing that was acknowledged is lost, and no query is left waiting."""

from __future__ import annotations

import time

import pytest
from patience import until
from real_clusters import Clusters, births, bring_up, kill, recommended, written
from s3_server import S3Server
from tempo_client import FOUND_S, Tempo, Trace, a_trace, tempo_of
from traffic import traffic

from rolecall.core.products.tempo import TEMPO
from rolecall.local import operations

pytestmark = pytest.mark.real

MINIMAL = {",".join(roles): units for _, roles, units in TEMPO.minimal}
# A query that is asked of a frontend without queriers would wait for five minutes.
ANSWERED_S = 10.0


def test_nothing_fails_in_a_rolling_change(clusters: Clusters, s3: S3Server):
    """With three copies every unit restarts while all is taken and answered, and all of it is found after."""
    workers = recommended(TEMPO)
    clusters.environment = s3.environment
    store = s3.store(s3.bucket())
    cluster = clusters(written(TEMPO, workers, store=store))
    bring_up(cluster)
    before = births(cluster)
    changed = clusters.again(cluster, written(TEMPO, workers, settings={"log-level": "warn"}, store=store))
    acknowledged: set[str] = set()

    with tempo_of(changed, keep=False) as tempo:

        def write(_: int) -> None:
            trace = a_trace("rolling")
            tempo.write(trace)
            acknowledged.add(trace.id)

        def search(_: int) -> None:
            began = time.monotonic()
            tempo.search("{}", limit="1")
            took = time.monotonic() - began
            assert took < ANSWERED_S, f"it took {took:.1f} s"

        with traffic({"write": write, "search": search}) as tally:
            bring_up(changed)

        now = births(changed)
        assert {unit for unit, birth in before.items() if now[unit] == birth} == {"gateway", "supervisor"}
        assert tally.failed == []
        assert min(tally.served.values()) > 50, tally.served
        found: set[str] = set()

        def complete() -> bool:
            found.update(tempo.search('{resource.service.name="rolling"}', limit="10000"))
            return acknowledged <= found

        until(complete, FOUND_S, "every trace to be found", seen=lambda: len(acknowledged - found))


def test_a_unit_that_goes_leaves_its_traces_behind(clusters: Clusters):
    """When one of two ingesters without copies is scaled away, every trace is read by id and by search."""
    cluster = clusters(written(TEMPO, {**MINIMAL, "ingester": 2}))
    bring_up(cluster)
    before = births(cluster)
    with tempo_of(cluster) as tempo:
        traces = tempo.written(60, "kept")

        bring_up(clusters.again(cluster, written(TEMPO, MINIMAL)))

        tempo.await_traces(traces)
        ids = {trace.id for trace in traces}
        until(
            lambda: ids <= tempo.search('{resource.service.name="kept"}'),
            FOUND_S,
            "the search to find them all",
            seen=lambda: len(ids - tempo.search('{resource.service.name="kept"}')),
        )
    now = births(cluster)
    assert {unit for unit, birth in before.items() if now.get(unit) != birth} == {"ingester-1"}


def test_traces_survive_a_killed_ingester(clusters: Clusters):
    """An ingester that is killed comes back with everything that it had acknowledged and rested."""
    cluster = clusters(written(TEMPO, MINIMAL))
    bring_up(cluster)
    with tempo_of(cluster) as tempo:
        traces = tempo.written(20, "killed")
        # What it writes ahead is what has rested, see trace_idle_period.
        until(
            lambda: len(tempo.search('{resource.service.name="killed"}')) == 20, FOUND_S, "the traces at rest"
        )

        kill(cluster, "ingester-0")
        bring_up(cluster)

        tempo.await_traces(traces)


def test_several_frontends_leave_no_query_waiting(clusters: Clusters):
    """Whoever dies or leaves, queries are answered; a frontend that no querier dials gets none."""
    two = {**MINIMAL, "querier": 2, "query-frontend": 2}
    cluster = clusters(written(TEMPO, two))
    bring_up(cluster)
    with tempo_of(cluster, timeout_s=ANSWERED_S) as tempo:
        traces = tempo.written(3)
        tempo.await_traces(traces)
        for unit in ("query-frontend-0", "query-frontend-1", "querier-0", "querier-1"):
            kill(cluster, unit)
            asked(tempo, traces)
            bring_up(cluster)
        stayed = births(cluster)

        one_querier = clusters.again(cluster, written(TEMPO, {**two, "querier": 1}))
        outcome = bring_up(one_querier)

        asked(tempo, traces)
        (problem,) = outcome.verdict.problems
        assert problem.code == "spare-unit"
        bring_up(clusters.again(cluster, written(TEMPO, two)))
        asked(tempo, traces)
        now = births(cluster)
        assert {unit for unit in stayed if now.get(unit) != stayed[unit]} == {"querier-1"}
        seen = operations.status(cluster)
        assert (seen.verdict.problems, {unit.ready for unit in seen.units}) == ((), {True})


def asked(tempo: Tempo, traces: list[Trace]) -> None:
    """Ask more often than there are frontends, and wait for no answer longer than a client would."""
    for trace in traces * 3:
        assert tempo.has(trace)
