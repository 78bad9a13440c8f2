"""Tempo in every shape that its roles allow, on both object stores."""

from __future__ import annotations

import httpx2
import pytest
from patience import until
from protobuf import text
from real_clusters import Clusters, bring_up, recommended, written
from s3_server import S3Server
from tempo_client import FOUND_S, RECEIVERS, WRITERS, Tempo, Trace, a_trace, tempo_of

from rolecall.core.products.tempo import TEMPO
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

MINIMAL = {",".join(roles): units for _, roles, units in TEMPO.minimal}
SHAPES = {
    "minimal-on-s3": MINIMAL,
    "one-all": {"all": 1},
    "two-all-on-s3": {"all": 2},
    "recommended-on-s3": recommended(TEMPO),
    "two-frontends": {**MINIMAL, "querier": 2, "query-frontend": 2},
    "all-and-more": {"all": 1, "ingester": 1, "querier": 1, "query-frontend": 1},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_serves_and_stores(clusters: Clusters, s3: S3Server, shape: str):
    """It takes every protocol, is read by every API, and what was flushed comes from the store."""
    bucket = s3.bucket() if shape.endswith("s3") else ""
    clusters.environment = s3.environment
    cluster = clusters(
        written(
            TEMPO,
            SHAPES[shape],
            settings={"receivers": list(RECEIVERS)},
            store=s3.store(bucket) if bucket else None,
        )
    )

    bring_up(cluster)

    checked = operations.check(cluster, timeout_s=60)
    assert checked.ok, checked.text
    with tempo_of(cluster) as tempo:
        traces = {protocol: a_trace(f"by-{protocol}") for protocol in WRITERS}
        for protocol, trace in traces.items():
            tempo.write(trace, protocol)
        for trace in traces.values():
            await_readable(tempo, trace)
        seen = operations.status(cluster)
        assert (seen.verdict.problems, {unit.ready for unit in seen.units}) == ((), {True})
        assert seen.replication_factor == (3 if shape.startswith("recommended") else 1)
        for page, role in (("/ingester/ring", "ingester"), ("/compactor/ring", "compactor")):
            members = {unit.unit for unit in seen.units if {role, "all"} & set(unit.roles)}
            assert seen.rings[page] == dict.fromkeys(members, "ACTIVE")
        flush(cluster)
        until(lambda: stored(cluster, s3, bucket), FOUND_S, "blocks in the store")
        tempo.await_traces(traces.values(), mode="blocks")


def await_readable(tempo: Tempo, trace: Trace) -> None:
    """Wait until every API gives a trace back."""
    tempo.await_traces([trace])
    assert tempo.has(trace, version="")
    select = f'{{resource.service.name="{trace.service}"}}'
    # A search finds what has rested for two seconds, see trace_idle_period.
    until(lambda: trace.id in tempo.search(select), FOUND_S, f"the search for {trace.service}")
    assert trace.id in tempo.search("", tags=f"service.name={trace.service}")
    assert trace.id in tempo.stream_search(select)
    assert "service.name" in tempo.get("/api/search/tags").json()["tagNames"]
    assert "service.name" in tempo.get("/api/v2/search/tags", scope="resource").text
    assert trace.service in tempo.get("/api/search/tag/service.name/values").json()["tagValues"]
    assert trace.service in tempo.get("/api/v2/search/tag/resource.service.name/values").text
    assert "service.name" in tempo.stream_tags("SearchTags", b"")
    assert "service.name" in tempo.stream_tags("SearchTagsV2", b"")
    assert trace.service in tempo.stream_tags("SearchTagValues", text(1, "service.name"))
    assert trace.service in tempo.stream_tags("SearchTagValuesV2", text(1, "resource.service.name"))


def flush(cluster: LocalCluster) -> None:
    """Have every ingester write its blocks to the store."""
    for unit in operations.status(cluster).units:
        if set(unit.roles) & {"ingester", "all"}:
            answer = httpx2.post(f"http://{unit.address}:{TEMPO.port('http')}/flush", timeout=30)
            assert answer.status_code == 204


def stored(cluster: LocalCluster, s3: S3Server, bucket: str) -> list[str]:
    """List the complete blocks of the object store."""
    if bucket:
        return [key for key in s3.keys(bucket) if key.endswith("meta.json")]
    return [str(path) for path in cluster.home.store.rglob("meta.json")]
