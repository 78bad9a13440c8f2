"""What Tempo does beyond writes and reads: metrics of spans, limits, tenants, refusals."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cramjam
import pytest
from patience import until
from real_clusters import Clusters, births, bring_up, written
from s3_server import free_address
from tempo_client import FOUND_S, Tempo, a_trace, otlp_json, tempo_of

from rolecall.core.model import Severity
from rolecall.core.products.tempo import TEMPO
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

MINIMAL = {",".join(roles): units for _, roles, units in TEMPO.minimal}
MEASURED = {**MINIMAL, "metrics-generator": 1}
# Tempo looks at the limits every ten seconds (overrides.per_tenant_override_period).
LIMITED_S = 30.0


@dataclass(frozen=True)
class Site:
    """One running cluster."""

    cluster: LocalCluster
    tempo: Tempo


@pytest.fixture(scope="module")
def minimal(shared_clusters: Clusters) -> Iterator[Site]:
    cluster = shared_clusters(written(TEMPO, MINIMAL))
    bring_up(cluster)
    with tempo_of(cluster) as tempo:
        yield Site(cluster, tempo)


@dataclass
class Receiver:
    """A Prometheus that isn't one: it remembers what was written to it."""

    url: str
    seen: list[bytes] = field(default_factory=list[bytes])


@contextmanager
def receiving() -> Generator[Receiver]:
    address, port = free_address()
    one = Receiver(url=f"http://{address}:{port}/api/v1/write")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one.seen.append(bytes(cramjam.snappy.decompress_raw(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay quiet."""

    server = ThreadingHTTPServer((address, port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield one
    server.shutdown()
    server.server_close()


def test_a_generator_without_an_address_is_named(minimal: Site, shared_clusters: Clusters):
    """A metrics-generator with nowhere to write is a problem that says so, while everything serves."""
    before = births(minimal.cluster)

    more = shared_clusters.again(minimal.cluster, written(TEMPO, MEASURED))
    outcome = bring_up(more)

    (problem,) = outcome.verdict.wrong
    assert (problem.code, problem.severity) == ("nowhere-to-write", Severity.WARNING)
    assert "remote-write-url" in problem.remedy
    assert operations.check(more).ok
    assert before.items() <= births(more).items()


def test_metrics_of_spans_are_written(minimal: Site, shared_clusters: Clusters):
    """With an address to write to, it alone restarts, and it sends what it made of the spans."""
    bring_up(shared_clusters.again(minimal.cluster, written(TEMPO, MEASURED)))
    before = births(minimal.cluster)
    with receiving() as prometheus:
        settings = {
            "remote-write-url": prometheus.url,
            # Collected every second instead of every 15, which is upstream's default.
            "limits": {"metrics_generator": {"collection_interval": "1s"}},
        }

        outcome = bring_up(
            shared_clusters.again(minimal.cluster, written(TEMPO, MEASURED, settings=settings))
        )

        assert outcome.verdict.wrong == ()
        now = births(minimal.cluster)
        assert {unit for unit in before if now[unit] != before[unit]} == {"metrics-generator-0"}
        wanted = (b"traces_spanmetrics_calls_total", b"measured")

        def measured() -> bool:
            # A generator takes its spans from the moment on at which it has read its limits.
            minimal.tempo.write(a_trace("measured"))
            return any(all(word in one for word in wanted) for one in prometheus.seen)

        until(measured, FOUND_S, "the spans' metrics", seen=lambda: [one[:200] for one in prometheus.seen])
        # It ends at once only while what it has left can be written.
        bring_up(shared_clusters.again(minimal.cluster, written(TEMPO, MINIMAL)))


def test_a_second_role_is_refused(minimal: Site, shared_clusters: Clusters):
    """Two roles for one process are refused by name, and what ran goes on."""
    before = births(minimal.cluster)
    workers = {**MINIMAL, "ingester,querier": 1}

    outcome = operations.up(shared_clusters.again(minimal.cluster, written(TEMPO, workers)), say=print)

    (problem,) = (one for one in outcome.verdict.problems if one.code == "too-many-roles")
    assert not outcome.done
    assert '"ingester", "querier"' in problem.text
    assert before.items() <= births(minimal.cluster).items()
    assert operations.check(minimal.cluster).ok


def test_limits_are_live(minimal: Site, shared_clusters: Clusters):
    """A limit holds within seconds and goes again; no process restarts for it."""

    def refused() -> bool:
        body = otlp_json(a_trace("limited"))
        answer = minimal.tempo.post("otlp-http", "/v1/traces", body, "application/json")
        return answer.status_code == 429

    def limited(**limits: object) -> None:
        settings = {"limits": {"ingestion": limits}} if limits else {}
        bring_up(shared_clusters.again(minimal.cluster, written(TEMPO, MINIMAL, settings=settings)))

    limited()
    before = births(minimal.cluster)
    assert not refused()
    limited(rate_limit_bytes=10, burst_size_bytes=10)
    until(refused, LIMITED_S, "the limit to hold")
    limited()
    until(lambda: not refused(), LIMITED_S, "the limit to go")

    assert births(minimal.cluster) == before


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"limits": {"ingestion": {"rate_limit_bites": 1}}}, "limits.ingestion.rate_limit_bites"),
        ({"config-overrides": {"ingester": {"max_blocks": 1}}}, "config-overrides.ingester.max_blocks"),
    ],
    ids=["limit", "override"],
)
def test_what_tempo_refuses_is_named(
    minimal: Site, shared_clusters: Clusters, settings: dict[str, object], named: str
):
    """A key that the binary doesn't know is named, and every process goes on with what it has."""
    before = births(minimal.cluster)
    changed = shared_clusters.again(minimal.cluster, written(TEMPO, MINIMAL, settings=settings))

    outcome = operations.up(changed, say=print)

    (problem,) = (one for one in outcome.verdict.problems if one.code == "config-refused")
    assert not outcome.done
    assert named in problem.text
    assert births(changed).items() >= {unit: births(minimal.cluster)[unit] for unit in before}.items()


def test_tenants_are_apart(clusters: Clusters):
    """With tenants each sees its own traces, over HTTP and gRPC, and each has limits of its own.

    The binary warns of a value in this config, and its verification fails for that; it is no refusal.
    """
    settings = {
        "multi-tenant": True,
        "log-level": "error",
        "config-overrides": {"distributor": {"log_received_spans": {"enabled": True}}},
        "tenant-limits": {"small": {"ingestion": {"rate_limit_bytes": 10, "burst_size_bytes": 10}}},
    }
    cluster = clusters(written(TEMPO, settings=settings))
    assert bring_up(cluster).verdict.wrong == ()
    with tempo_of(cluster) as tempo:

        def write(tenant: str) -> int:
            headers = {"X-Scope-OrgID": tenant} if tenant else {}
            body = otlp_json(trace)
            return tempo.post("otlp-http", "/v1/traces", body, "application/json", headers).status_code

        def found(tenant: str) -> bool:
            path = f"/api/v2/traces/{trace.id}"
            return trace.name in tempo.http.get(path, headers={"X-Scope-OrgID": tenant}).text

        trace = a_trace("mine")
        assert write("one") == 200
        assert write("small") == 429
        assert write("") >= 400
        until(lambda: found("one"), FOUND_S, "the tenant's trace")
        assert not found("two")
        select = '{resource.service.name="mine"}'
        until(lambda: trace.id in tempo.stream_search(select, tenant="one"), FOUND_S, "the tenant's search")
        assert trace.id not in tempo.stream_search(select, tenant="two")
    checked = operations.check(cluster)
    assert checked.ok, checked.text
