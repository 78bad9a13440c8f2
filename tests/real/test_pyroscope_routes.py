"""Every route of Pyroscope, through the real gateway, reaches a real process with the right role.

Each unit runs one role, so a route that leads to a wrong one is answered with that process's own 404 or
with its redirect to its admin page.
"""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc
import httpx2
import pytest
from patience import until
from pyroscope_client import (
    CPU,
    OTLP_EXPORT,
    PUSHER,
    QUERIER,
    Pyroscope,
    exported,
    line,
    pprof,
    pushed,
    pyroscope_of,
    selector,
    span,
)
from real_clusters import Birth, Clusters, births, bring_up, written

from rolecall.core.products.pyroscope import PYROSCOPE
from rolecall.core.routes import Access, Match, Protocol, Route
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

SERVICE, FRAME = "routes", "work_of_routes"
WORKERS = {role.name: 1 for role in PYROSCOPE.lines[0].roles}
NEWER = line() == PYROSCOPE.lines[1].name
SETTINGS = "/settings.v1.SettingsService"
AD_HOC = "/adhocprofiles.v1.AdHocProfileService"
OPS = "/ops/object-store/tenants"
QUERY = {"query": f"{CPU}{selector(SERVICE)}", "from": "now-1h", "until": "now+1m"}
CHOSEN = {"profileTypeID": CPU, "labelSelector": selector(SERVICE)}
SIDES = {f"{side}{key.title()}": QUERY[key] for side in ("left", "right") for key in QUERY}
# Without the user interface in the binary the file server has nothing; that it was asked is what counts.
ASSET = (200, 404)


@dataclass(frozen=True)
class Site:
    """A cluster of nine separate roles, whose admin routes were closed first and are open now."""

    cluster: LocalCluster
    pyroscope: Pyroscope
    admin: Mapping[str, str]
    """Headers of the administrator."""
    closed: Mapping[str, httpx2.Response]
    """What the admin routes answered while they were closed."""
    before: Mapping[str, Birth]
    """The processes of that time."""


@pytest.fixture(scope="module")
def site(shared_clusters: Clusters) -> Iterator[Site]:
    cluster = shared_clusters(written(PYROSCOPE, WORKERS, settings={"line": line()}))
    bring_up(cluster)
    before = births(cluster)
    with pyroscope_of(cluster) as pyroscope:
        pyroscope.push(SERVICE, FRAME)
        pyroscope.await_frames(SERVICE, {FRAME})
        closed = {route.path: pyroscope.http.post(route.path) for route in ADMIN_ROUTES}
        settings = {"line": line(), "admin": True}
        opened = shared_clusters.again(cluster, written(PYROSCOPE, WORKERS, settings=settings))
        bring_up(opened)
        word = (opened.home.secrets / "admin").read_text().strip()
        admin = {"Authorization": "Basic " + base64.b64encode(word.encode()).decode()}
        yield Site(cluster=opened, pyroscope=pyroscope, admin=admin, closed=closed, before=before)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request and what a process that serves it answers."""

    method: str
    path: str
    status: tuple[int, ...] = (200,)
    holds: str = ""
    """Text that the answer holds."""
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    json: Mapping[str, object] | None = None
    content: bytes = b""
    kind: str = ""
    """Content type."""

    def __str__(self) -> str:
        """Return the request as a test's name."""
        return f"{self.method} {self.path}" + (f" {self.kind}" if self.kind else "")

    def ask(self, pyroscope: Pyroscope, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        """Send the request."""
        body: dict[str, Any] = {"content": self.content or None}
        if self.json is not None:
            body = {"json": {**span(), **self.json} if self.path.startswith(QUERIER) else dict(self.json)}
        kind = {"Content-Type": self.kind} if self.kind else {}
        return pyroscope.http.request(
            self.method, self.path, params=dict(self.params), headers={**kind, **(headers or {})}, **body
        )


def get(path: str, holds: str = "", *status: int, **params: str) -> Case:
    return Case(method="GET", path=path, holds=holds, status=status or (200,), params=params)


def post(path: str, body: Mapping[str, object], holds: str = "", *status: int) -> Case:
    return Case(method="POST", path=path, json=body, holds=holds, status=status or (200,))


def sent(path: str, content: bytes, kind: str = "", **params: str) -> Case:
    return Case(method="POST", path=path, content=content, kind=kind, params=params)


PROTOBUF = "application/x-protobuf"
HALF = {**CHOSEN, **span()}
OPEN = (
    sent("/ingest", b"main;work 1\n", name="folded"),
    sent("/pyroscope/ingest", b"main;work 1\n", name="folded"),
    sent("/v1development/profiles", exported("otlp", "work").SerializeToString(), PROTOBUF),
    sent(OTLP_EXPORT, exported("otlp", "work").SerializeToString(), PROTOBUF),
    post(PUSHER, pushed("pushed", "work"), "{}"),
    get("/pyroscope/render", FRAME, **QUERY),
    get("/pyroscope/render-diff", FRAME, **SIDES),
    get("/pyroscope/label-values", CPU, label="__name__"),
    post(f"{QUERIER}/ProfileTypes", {}, CPU),
    post(f"{QUERIER}/LabelNames", {}, "service_name"),
    post(f"{QUERIER}/LabelValues", {"name": "service_name"}, SERVICE),
    post(f"{QUERIER}/Series", {"labelNames": ["service_name"]}, SERVICE),
    post(f"{QUERIER}/SelectMergeStacktraces", CHOSEN, FRAME),
    post(f"{QUERIER}/SelectMergeProfile", CHOSEN, FRAME),
    post(f"{QUERIER}/SelectMergeSpanProfile", {**CHOSEN, "spanSelector": ["0" * 16]}, "flamegraph"),
    post(f"{QUERIER}/SelectSeries", {**CHOSEN, "step": 15}, "points"),
    post(f"{QUERIER}/Diff", {"left": HALF, "right": HALF}, FRAME),
    post(f"{QUERIER}/GetProfileStats", {}, "dataIngested"),
    post(f"{QUERIER}/AnalyzeQuery", {"query": QUERY["query"]}, "queryScopes"),
    post("/capabilities.v1.FeatureFlagsService/GetFeatureFlags", {}, "featureFlags"),
    post("/version.v1.Version/Version", {}),
    # Without the credentials of a GitHub application that is all there is.
    post("/vcs.v1.VCSService/GithubApp", {}, "GitHub integration is not configured", 501),
    post(f"{SETTINGS}/Get", {}),
    post(f"{SETTINGS}/Set", {"setting": {"name": "a", "value": "b", "modifiedAt": "1"}}, '"value":"b"'),
    post(f"{SETTINGS}/Delete", {"name": "a"}),
    # Served only where `tenant_settings.recording_rules` is switched on.
    post("/settings.v1.RecordingRulesService/ListRecordingRules", {}, "404 page not found", 404),
    post(f"{AD_HOC}/List", {}),
    get("/"),
    get("/explore"),
    get("/comparison"),
    get("/comparison-diff"),
    get("/ui", "", 302),
    get("/ui/anything", "", 302),
    get("/static/pyroscope-styles.css", "{"),
    get("/assets/", "", *ASSET),
    get("/icons/", "", *ASSET),
    get("/public/", "", *ASSET),
    get("/ready", "ready"),
    get("/api/swagger.json", '"swagger"'),
    get("/api/v1/status/buildinfo", '"version"'),
    # The handler is there, but that of /api before it takes the request (pkg/api/api.go).
    get("/api/v1/tenant_limits", "Not Found", 404),
)
ADMIN = (
    get("/metrics", "go_goroutines"),
    get("/admin", "Pyroscope"),
    get("/memberlist", "Memberlist"),
    get("/runtime_config", "overrides"),
    get("/api/v1/status/config", "target:"),
    get("/api/v1/status/config/diff", "reporting_enabled: false"),
    get("/api/v1/status/config/default", "target:"),
    get("/debug/fgprof", seconds="1"),
    get("/debug/pprof/", "goroutine"),
    get("/debug/pprof/goroutine", "goroutine profile", debug="1"),
    get("/ring", '"ingester-0"'),
    get("/distributor/ring", '"distributor-0"'),
    get("/compactor/ring", '"compactor-0"'),
    get("/overrides-exporter/ring", "", 200),
    get("/store-gateway/ring", *(('"store-gateway-0"', 200) if NEWER else ("404 page not found", 404))),
    get("/store-gateway/tenants", '"now"' if NEWER else '"store-gateway-0"'),
    get("/store-gateway/tenant/anonymous/blocks", "anonymous"),
    get(OPS, "html"),
    # Nothing has been stored so far.
    get(f"{OPS}/anonymous/blocks", "bucket index not found", 500),
)
ADMIN_ROUTES = [route for route in PYROSCOPE.routes if route.access is Access.ADMIN]
GRPC_ROUTES = [route for route in PYROSCOPE.routes if route.protocol is Protocol.GRPC]
GRPC = (OTLP_EXPORT, PUSHER, f"{QUERIER}/SelectMergeProfile")
INTERNAL = (
    "/ingester.v1.IngesterService/Flush",
    "/ingester.v1.IngesterService/Push",
    "/storegateway.v1.StoreGatewayService/Series",
    "/schedulerpb.SchedulerForQuerier/NotifyQuerierShutdown",
    "/frontendpb.FrontendForQuerier/QueryResult",
    "/grpc.health.v1.Health/Check",
)


def covers(path: str, route: Route) -> bool:
    return path.startswith(route.path) if route.match is Match.PREFIX else path == route.path


@pytest.mark.parametrize(
    "route", PYROSCOPE.routes, ids=lambda route: f"{route.path} {route.listener}".strip()
)
def test_every_route_has_a_case(route: Route):
    """No route of the product is without a request below."""
    paths = GRPC if route.listener else (case.path for case in (*OPEN, *ADMIN))

    assert any(covers(path, route) for path in paths)


@pytest.mark.parametrize("case", OPEN, ids=str)
def test_an_open_route_is_served(site: Site, case: Case):
    """The request reaches a process with the right role, and a read has the content."""
    answer = case.ask(site.pyroscope)

    assert answer.status_code in case.status, answer.text[:500]
    assert case.holds in answer.text
    assert not own(answer), answer.text


@pytest.mark.parametrize("case", ADMIN, ids=str)
def test_an_admin_route_is_served_with_credentials(site: Site, case: Case):
    """With `admin: true` the administrator reaches the process, and nobody else does."""
    stranger = case.ask(site.pyroscope)
    answer = case.ask(site.pyroscope, {**site.admin, "Accept": "application/json"})

    assert stranger.status_code == 401
    assert answer.status_code in case.status, answer.text[:500]
    assert case.holds in answer.text
    assert not own(answer), answer.text


@pytest.mark.parametrize("route", ADMIN_ROUTES, ids=lambda route: route.path)
def test_an_admin_route_is_closed_without_the_setting(site: Site, route: Route):
    """Without `admin: true` the gateway refuses the route and names the setting."""
    answer = site.closed[route.path]

    assert (answer.status_code, answer.json()["setting"]) == (403, "admin: true")


@pytest.mark.parametrize("path", INTERNAL)
def test_what_the_processes_ask_each_other_is_unknown(site: Site, path: str):
    """The services behind the roles are on neither listener."""
    answer = site.pyroscope.http.post(path, json={}, headers=dict(site.admin))
    with pytest.raises(grpc.RpcError) as refused:
        site.pyroscope.call(path, b"")

    assert (answer.status_code, answer.json()["code"]) == (404, "not-listed")
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("path", [*(case.path for case in ADMIN), "/ready"])
def test_the_grpc_listener_has_no_other_route(site: Site, path: str):
    """Nothing but the three services is on the second listener, not even for an administrator."""
    with pytest.raises(grpc.RpcError) as refused:
        site.pyroscope.call(path, b"", metadata={"authorization": site.admin["Authorization"]})

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_grpc_refusal_comes_from_the_process(site: Site):
    """A message that the distributor can't use is refused with its own words."""
    with pytest.raises(grpc.RpcError) as refused:
        site.pyroscope.call(OTLP_EXPORT, b"")

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "dictionary" in str(refused.value.details())


def test_a_large_export_passes(site: Site):
    """An OTLP export of more than gRPC's usual 4 MiB is taken, by gRPC as by HTTP."""
    large = exported("large", "work")
    large.dictionary.string_table.append("x" * 5 * 2**20)

    site.pyroscope.call(OTLP_EXPORT, large.SerializeToString())
    case = sent("/v1development/profiles", large.SerializeToString(), PROTOBUF)

    assert case.ask(site.pyroscope).status_code == 200


def test_opening_the_admin_routes_restarts_nothing(site: Site):
    """The setting is the gateway's alone: every process, nginx's master too, is the same as before."""
    assert births(site.cluster) == site.before


def test_the_settings_of_a_tenant_stay(site: Site):
    """A setting of the user interface is set, read and deleted."""
    name, now = f"setting-{uuid4().hex[:6]}", str(int(time.time() * 1000))

    made = post(f"{SETTINGS}/Set", {"setting": {"name": name, "value": "v", "modifiedAt": now}})
    assert made.ask(site.pyroscope).status_code == 200
    assert f'"name":"{name}"' in post(f"{SETTINGS}/Get", {}).ask(site.pyroscope).text.replace(" ", "")
    assert post(f"{SETTINGS}/Delete", {"name": name}).ask(site.pyroscope).status_code == 200
    assert name not in post(f"{SETTINGS}/Get", {}).ask(site.pyroscope).text


def test_an_ad_hoc_profile_is_uploaded_listed_and_read(site: Site):
    """A profile that was uploaded by hand is listed and shown as a flame graph."""
    name, frame = f"{uuid4().hex[:6]}.pprof", f"by_hand_{uuid4().hex}"
    body = {"name": name, "profile": base64.b64encode(gzip.compress(pprof(frame))).decode()}

    made = post(f"{AD_HOC}/Upload", body).ask(site.pyroscope)
    listed = post(f"{AD_HOC}/List", {}).ask(site.pyroscope)
    shown = post(f"{AD_HOC}/Get", {"id": made.json()["id"]}).ask(site.pyroscope)

    assert name in listed.text
    assert frame in shown.text


def test_a_body_that_is_too_large_is_refused(site: Site):
    """What Pyroscope itself wouldn't take, the gateway refuses with the limit."""
    answer = site.pyroscope.http.post("/ingest", content=b"x" * (256 * 2**20 + 1))

    assert answer.status_code == 413
    assert "256m" in answer.text


def test_z_a_role_that_is_away_is_named(site: Site):
    """When a role's only unit is stopped, its routes are 503 and name it; the others go on."""
    site.cluster.supervisor.stop("tenant-settings-0")
    until(lambda: "tenant-settings-0" not in births(site.cluster), 60, "tenant-settings-0 to stop")
    # One cycle sees it and starts it again, which takes longer than the requests below.
    site.cluster.cycle()

    away = post(f"{SETTINGS}/Get", {}).ask(site.pyroscope)
    ready = site.pyroscope.http.get("/readyz")
    site.pyroscope.push(SERVICE, "still here")

    assert (away.status_code, away.json()["role"]) == (503, "tenant-settings")
    assert (ready.status_code, ready.json()["roles"]) == (503, ["tenant-settings"])
    bring_up(site.cluster)
    assert post(f"{SETTINGS}/Get", {}).ask(site.pyroscope).status_code == 200


def own(answer: httpx2.Response) -> bool:
    """Say whether the gateway itself gave this answer, as JSON with a word for the reason."""
    return '"error"' in answer.text and '"code"' in answer.text and answer.headers.get("Server") == "nginx"
