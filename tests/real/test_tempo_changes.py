"""Tempo while it changes: nothing that was acknowledged is lost, and no query is left waiting."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from patience import until
from real_clusters import Clusters, births, bring_up, kill, recommended, written
from s3_server import S3Server
from tempo_client import FOUND_S, RECEIVERS, Tempo, Trace, a_trace, serves_and_stores, tempo_of
from traffic import traffic

from rolecall.core.products.tempo import TEMPO
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

MINIMAL = {",".join(roles): units for _, roles, units in TEMPO.minimal}
WHOLE = recommended(TEMPO)
OPEN = {"receivers": list(RECEIVERS)}
# A query that is asked of a frontend without queriers would wait for five minutes.
ANSWERED_S = 10.0
LET_GO_S = 10.0


@dataclass(frozen=True)
class Whole:
    """The recommended set on S3."""

    cluster: LocalCluster
    store: dict[str, object]
    blocks: Path
    """Where the bucket is."""


@pytest.fixture(scope="module")
def whole(shared_clusters: Clusters, s3: S3Server) -> Whole:
    shared_clusters.environment = s3.environment
    bucket = s3.bucket()
    cluster = shared_clusters(written(TEMPO, WHOLE, settings=OPEN, store=s3.store(bucket)))
    bring_up(cluster)
    return Whole(cluster, s3.store(bucket), s3.folder / bucket)


def test_the_recommended_set_serves_and_stores(whole: Whole):
    """It keeps three copies, takes every protocol, is read by every API, and stores."""
    seen = operations.status(whole.cluster)

    assert (seen.verdict.wrong, {unit.ready for unit in seen.units}) == ((), {True})
    assert seen.replication_factor == 3
    assert seen.rings["/ingester/ring"] == {f"ingester-{number}": "ACTIVE" for number in range(3)}
    serves_and_stores(whole.cluster, whole.blocks)


def test_nothing_fails_in_a_rolling_change(whole: Whole, shared_clusters: Clusters):
    """With three copies every unit restarts while all is taken and answered, and all of it is found after."""
    before = births(whole.cluster)
    settings = {**OPEN, "log-level": "warn"}
    changed = shared_clusters.again(
        whole.cluster, written(TEMPO, WHOLE, settings=settings, store=whole.store)
    )
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


def test_traces_outlive_their_ingester(clusters: Clusters):
    """Without copies, what one of two ingesters took is read after it was killed, and after it has left."""
    cluster = clusters(written(TEMPO, {**MINIMAL, "ingester": 2}))
    bring_up(cluster)
    with tempo_of(cluster) as tempo:
        traces = tempo.written(60, "kept")
        ids = {trace.id for trace in traces}

        def found() -> bool:
            return ids <= tempo.search('{resource.service.name="kept"}')

        # What an ingester writes ahead is what has rested, see trace_idle_period.
        until(found, FOUND_S, "the traces to rest")
        kill(cluster, "ingester-1")
        bring_up(cluster)
        tempo.await_traces(traces)
        before = births(cluster)

        bring_up(clusters.again(cluster, written(TEMPO, MINIMAL)))

        tempo.await_traces(traces)
        until(found, FOUND_S, "the search to find them all")
    now = births(cluster)
    assert {unit for unit, birth in before.items() if now.get(unit) != birth} == {"ingester-1"}


def test_several_frontends_leave_no_query_waiting(clusters: Clusters):
    """Whoever dies or leaves, queries are answered; a frontend that no querier dials gets none."""
    two = {**MINIMAL, "querier": 2, "query-frontend": 2}
    cluster = clusters(written(TEMPO, two, settings=OPEN))
    bring_up(cluster)
    serves_and_stores(cluster, cluster.home.store)
    with tempo_of(cluster, timeout_s=ANSWERED_S) as tempo:
        traces = tempo.written(3)
        tempo.await_traces(traces)
        for unit in ("query-frontend-0", "query-frontend-1", "querier-0", "querier-1"):
            kill(cluster, unit)
            let_go(tempo, traces)
            asked(tempo, traces)
            bring_up(cluster)
        stayed = births(cluster)

        one_querier = clusters.again(cluster, written(TEMPO, {**two, "querier": 1}, settings=OPEN))
        outcome = bring_up(one_querier)

        asked(tempo, traces)
        (problem,) = outcome.verdict.wrong
        assert problem.code == "spare-unit"
        bring_up(clusters.again(cluster, written(TEMPO, two, settings=OPEN)))
        asked(tempo, traces)
        now = births(cluster)
        assert {unit for unit in stayed if now.get(unit) != stayed[unit]} == {"querier-1"}
        seen = operations.status(cluster)
        assert (seen.verdict.wrong, {unit.ready for unit in seen.units}) == ((), {True})


def let_go(tempo: Tempo, traces: list[Trace]) -> None:
    """Wait until no frontend gives a query to a connection that has just broken; none may wait meanwhile.

    A query that is put on the stream of a querier in the very moment of its kill ends with the stream's
    error, however often the frontend tries (modules/frontend/v1/frontend.go, reportResponseUpstream).
    """

    def answered() -> bool:
        asked_for = (tempo.get(f"/api/v2/traces/{trace.id}").status_code for trace in traces * 3)
        return all(status in (200, 404) for status in asked_for)

    until(answered, LET_GO_S, "every frontend to notice who is dead")


def asked(tempo: Tempo, traces: list[Trace]) -> None:
    """Ask more often than there are frontends, and wait for no answer longer than a client would."""
    for trace in traces * 3:
        assert tempo.has(trace)
