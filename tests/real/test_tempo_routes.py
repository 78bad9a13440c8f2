"""Every route of Tempo, through the real gateway, reaches a real process that serves it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest
from patience import until
from protobuf import text
from real_clusters import Birth, Clusters, births, bring_up, kill, written
from tempo_client import (
    FOUND_S,
    RECEIVERS,
    WRITERS,
    Tempo,
    Trace,
    a_trace,
    otlp_json,
    otlp_protobuf,
    tempo_of,
)

from rolecall.core.products.tempo import TEMPO
from rolecall.core.routes import Access, Match, Protocol, Route
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

MINIMAL = {",".join(roles): units for _, roles, units in TEMPO.minimal}
GENERATOR = {"metrics-generator": 1}
TRACE = a_trace("routes")
SELECT = '{resource.service.name="routes"}'
STREAMING = "/tempopb.StreamingQuerier"


@dataclass(frozen=True)
class Site:
    """A cluster whose admin routes and receivers were closed first and are open now."""

    cluster: LocalCluster
    tempo: Tempo
    admin: Mapping[str, str]
    """Headers of the administrator."""
    closed: Mapping[str, httpx2.Response]
    """What the admin routes answered while they were closed."""
    absent: Mapping[str, httpx2.Response]
    """What the routes answered that need a metrics-generator, while there was none."""
    unopened: tuple[str, ...]
    """The listeners that nobody answered on before the receivers were asked for."""
    before: Mapping[str, Birth]
    """The processes of that time."""


@pytest.fixture(scope="module")
def site(shared_clusters: Clusters) -> Iterator[Site]:
    # A distributor sends to generators once it has read that they have something to do.
    settings: dict[str, object] = {"metrics-processors": ["local-blocks"]}
    cluster = shared_clusters(written(TEMPO, MINIMAL, settings=settings))
    bring_up(cluster)
    before = births(cluster)
    with tempo_of(cluster) as tempo:
        # The table was built when the tests were collected; a search asks the ingesters for what is new only.
        tempo.write(replace(TRACE, start_ns=a_trace().start_ns))
        closed = {spelled(route): tempo.http.post(spelled(route)) for route in admin_routes()}
        unopened = tuple(one.name for one in TEMPO.listeners if not answers(tempo, one.name))
        settings |= {"admin": True, "receivers": list(RECEIVERS)}
        opened = shared_clusters.again(cluster, written(TEMPO, MINIMAL, settings=settings))
        bring_up(opened)
        word = (opened.home.secrets / "admin").read_text().strip()
        admin = {"Authorization": "Basic " + base64.b64encode(word.encode()).decode()}
        absent = {
            route.path: tempo.http.get(spelled(route), headers=admin)
            for route in TEMPO.routes
            if "metrics-generator" in (route.needs, *route.roles)
        }
        whole = shared_clusters.again(opened, written(TEMPO, {**MINIMAL, **GENERATOR}, settings=settings))
        bring_up(whole)
        until(lambda: TRACE.id in tempo.search(SELECT), FOUND_S, "the trace to be found")
        until(lambda: measured(tempo), FOUND_S, "a metric of the traces")
        yield Site(whole, tempo, admin, closed, absent, unopened, before)


def measured(tempo: Tempo) -> bool:
    """Write, and see whether the generator knows of it."""
    tempo.write(a_trace("routes"))
    asked = (
        tempo.get("/api/metrics/query", **METRICS),
        tempo.get("/api/metrics/summary", q="{}", groupBy="name"),
    )
    return "series" in asked[0].text and "spanCount" in asked[1].text


def answers(tempo: Tempo, listener: str) -> bool:
    """Whether the gateway listens there."""
    try:
        tempo.http.get(f"http://{tempo.address(listener)}/")
    except httpx2.ConnectError:
        return False
    except httpx2.HTTPError:
        pass  # it speaks gRPC
    return True


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request and what a process that serves it answers."""

    path: str
    method: str = "GET"
    status: int = 200
    holds: str = ""
    """Text that the answer holds."""
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes = b""
    listener: str = "http"

    def __str__(self) -> str:
        """Return the request as a test's name."""
        return f"{self.listener} {self.method} {self.path}"

    def ask(self, tempo: Tempo, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        """Send the request."""
        return tempo.http.request(
            self.method,
            f"http://{tempo.address(self.listener)}{self.path}",
            params=dict(self.params),
            headers={"Content-Type": "application/json", **(headers or {})},
            content=self.content or None,
        )


def get(path: str, holds: str = "", **others: Any) -> Case:
    return Case(path=path, holds=holds, **others)


def push(path: str, listener: str = "http") -> Case:
    return Case(method="POST", path=path, listener=listener, content=otlp_json(a_trace()))


SPANS = b'[{"traceId":"%s","id":"00f067aa0ba902b7","name":"a"}]'
METRICS = {"q": "{} | count_over_time()", "since": "10m"}
OPEN = (
    push("/v1/traces", "otlp-http"),
    push("/v1/traces"),
    push("/otlp/v1/traces"),
    *(
        Case(
            method="POST",
            path=path,
            listener="zipkin",
            status=202,
            content=SPANS % a_trace().id.encode(),
        )
        for path in ("/api/v2/spans", "/api/v1/spans", "/spans")
    ),
    # An empty batch is refused by the receiver; the protocol itself is written and read elsewhere.
    Case(method="POST", path="/api/traces", listener="jaeger-thrift-http", status=400, content=b"x"),
    get(f"/api/traces/{TRACE.id}", TRACE.name),
    get(f"/api/v2/traces/{TRACE.id}", TRACE.name),
    get("/api/search", TRACE.id, params={"q": SELECT}),
    get("/api/search/tags", "service.name"),
    get("/api/v2/search/tags", "service.name"),
    get("/api/search/tag/service.name/values", "routes"),
    get("/api/v2/search/tag/resource.service.name/values", "routes"),
    get("/api/metrics/query", "series", params=METRICS),
    get("/api/metrics/query_range", "series", params={**METRICS, "step": "1m"}),
    get("/api/metrics/summary", "spanCount", params={"q": "{}", "groupBy": "name"}),
    get("/api/echo", "echo"),
    get("/api/status/buildinfo", "goVersion"),
    get("/ready", "ready"),
)
ADMIN = (
    # The two that Tempo itself has switched off answer with a 404 of its own.
    get("/api/overrides", "404 page not found", status=404),
    get("/usage_metrics", "404 page not found", status=404),
    get("/status/usage-stats", "usage-stats is not enabled"),
    Case(method="POST", path="/flush", status=204),
    get("/distributor/ring", '"distributor-0"'),
    get("/ingester/ring", '"ingester-0"'),
    get("/compactor/ring", '"compactor-0"'),
    get("/metrics-generator/ring", '"metrics-generator-0"'),
    get("/querier/api/search/tags", "service.name"),
    get("/generator/api/metrics/query_range", "series", params={**METRICS, "step": "1m"}),
    get("/metrics", "go_goroutines"),
    get("/memberlist", "Memberlist"),
    get("/status", "GET /status/version"),
    get("/status/config", "target:"),
    get("/status/runtime_config", "block_retention"),
    get("/debug/pprof/", "goroutine"),
)
GRPC: Mapping[str, tuple[str, bytes, str]] = {
    f"{STREAMING}/Search": ("streaming", text(8, SELECT), TRACE.id),
    f"{STREAMING}/SearchTags": ("streaming", b"", "service.name"),
    f"{STREAMING}/SearchTagsV2": ("streaming", b"", "service.name"),
    f"{STREAMING}/SearchTagValues": ("streaming", text(1, "service.name"), "routes"),
    f"{STREAMING}/SearchTagValuesV2": ("streaming", text(1, "resource.service.name"), "routes"),
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": ("otlp-grpc", otlp_protobuf(TRACE), ""),
    "/jaeger.api_v2.CollectorService/PostSpans": ("jaeger-grpc", b"", ""),
}
UNTRIED = {"/shutdown": "it ends the ingester"}


def admin_routes() -> list[Route]:
    return [route for route in TEMPO.routes if route.access is Access.ADMIN]


def spelled(route: Route) -> str:
    ends = {"/generator/api/": "metrics/query_range", "/querier/api/": "search/tags", "/status/": "config"}
    return route.path + ends.get(route.path, "")


def covers(route: Route, listener: str, path: str) -> bool:
    if (route.listener or "http") != listener:
        return False
    return path.startswith(route.path) if route.match is Match.PREFIX else path == route.path


@pytest.mark.parametrize("route", TEMPO.routes, ids=lambda route: f"{route.listener}{route.path}")
def test_every_route_has_a_case(route: Route):
    """No route of the product is without a request here; nginx 1.22 has no gRPC on the main listener."""
    asked = [
        *((case.listener, case.path) for case in (*OPEN, *ADMIN)),
        *((listener, path) for path, (listener, _, _) in GRPC.items()),
    ]
    tried = any(covers(route, listener, path) for listener, path in asked)

    assert tried or route.path in UNTRIED or (route.protocol is Protocol.GRPC and route.listener == "http")


@pytest.mark.parametrize("case", OPEN, ids=str)
def test_an_open_route_is_served(site: Site, case: Case):
    """The request reaches a process that serves it, and a read has the content."""
    answer = case.ask(site.tempo)

    assert answer.status_code == case.status, answer.text[:500]
    assert case.holds in answer.text


@pytest.mark.parametrize("method", GRPC)
def test_a_grpc_route_is_served(site: Site, method: str):
    """A gRPC client's call goes through the gateway and is answered."""
    listener, body, holds = GRPC[method]

    answers = site.tempo.stream(listener, method, body)

    assert holds in b"\n".join(answers).decode(errors="replace")


@pytest.mark.parametrize("case", ADMIN, ids=str)
def test_an_admin_route_is_served_with_credentials(site: Site, case: Case):
    """With `admin: true` the administrator reaches the process, and nobody else does."""
    stranger = case.ask(site.tempo)
    answer = case.ask(site.tempo, {**site.admin, "Accept": "application/json"})

    assert stranger.status_code == 401
    assert answer.status_code == case.status, answer.text[:500]
    assert case.holds in answer.text


@pytest.mark.parametrize("route", admin_routes(), ids=lambda route: route.path)
def test_an_admin_route_is_closed_without_the_setting(site: Site, route: Route):
    """Without `admin: true` the gateway refuses the route and names the setting."""
    answer = site.closed[spelled(route)]

    assert (answer.status_code, answer.json()["setting"]) == (403, "admin: true")


def test_what_needs_an_absent_role_names_it(site: Site):
    """Without a metrics-generator, what only it can answer is 503 and says so."""
    seen = {path: (answer.status_code, answer.json()["role"]) for path, answer in site.absent.items()}

    assert set(seen) == {
        "/api/metrics/query",
        "/api/metrics/query_range",
        "/api/metrics/summary",
        "/metrics-generator/ring",
        "/generator/api/",
    }
    assert set(seen.values()) == {(503, "metrics-generator")}


def test_a_receiver_is_closed_until_it_is_asked_for(site: Site):
    """Only OTLP, queries and streaming are there by themselves; the setting opens the others."""
    assert site.unopened == RECEIVERS
    assert [name for name in RECEIVERS if not answers(site.tempo, name)] == []


def test_opening_routes_receivers_and_a_new_role_restarts_nothing(site: Site):
    """Every process, nginx's master too, is the same as before."""
    now = births(site.cluster)

    assert {unit: birth for unit, birth in now.items() if unit in site.before} == site.before


@pytest.mark.parametrize("protocol", WRITERS)
def test_every_protocol_is_read_back(site: Site, protocol: str):
    """What is written by a protocol can be read by id and found by its service."""
    trace: Trace = a_trace(f"routes-{protocol}")

    site.tempo.write(trace, protocol)

    site.tempo.await_traces([trace])
    select = f'{{resource.service.name="{trace.service}" && name="{trace.name}"}}'
    until(lambda: trace.id in site.tempo.search(select), FOUND_S, "the search to find it")


def test_an_unlisted_path_is_unknown(site: Site):
    """A path that the product doesn't document is the gateway's own 404, on every listener."""
    listeners = ("http", "otlp-http", "zipkin", "jaeger-thrift-http")
    seen = [site.tempo.http.get(f"http://{site.tempo.address(name)}/nothing") for name in listeners]

    assert {(answer.status_code, answer.json()["code"]) for answer in seen} == {(404, "not-listed")}


def test_a_body_that_is_too_large_is_refused(site: Site):
    """What Tempo itself wouldn't take, the gateway refuses with the limit."""
    answer = site.tempo.post("otlp-http", "/v1/traces", b"x" * (20 * 2**20 + 1), "application/json")

    assert answer.status_code == 413
    assert "20m" in answer.text


def test_z_a_role_that_is_away_is_named(site: Site):
    """When a role's only unit is gone, its routes are 503 and name it; the others go on."""
    kill(site.cluster, "query-frontend-0")
    # One cycle sees it; starting it again takes longer than the requests below.
    site.cluster.cycle()

    away = site.tempo.get("/api/search")
    ready = site.tempo.get("/readyz")
    site.tempo.write(a_trace())

    assert (away.status_code, away.json()["role"]) == (503, "query-frontend")
    assert (ready.status_code, ready.json()["roles"]) == (503, ["query-frontend"])
    bring_up(site.cluster)
    assert site.tempo.get("/api/echo").status_code == 200
