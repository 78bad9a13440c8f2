"""Every route of Mimir against real processes behind the real nginx: right role, right status.

Each role has a process of its own, so that a request which went to another role would be its 404.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

import httpx2
import pytest
from mimir_client import PROM, SNAPPY, Ask, Mimir, mimir_of, reads
from mimir_client import written as sample
from patience import until
from real_clusters import Birth, Clusters, births, bring_up, written

from rolecall.core.products.mimir import MIMIR
from rolecall.core.routes import Access, Match, Route
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

LINE = MIMIR.lines[0]
REQUIRED = {role.name: 1 for role in LINE.roles if role.required}
EVERY = {role.name: 1 for role in LINE.roles}
NAME, VALUE = "routes", "here"
BLOCK = "/api/v1/upload/block/01ARZ3NDEKTSV4RRFFQ69G5FAV"
ALERTS = """
alertmanager_config: |
  route: {receiver: nobody}
  receivers: [{name: nobody}]
"""


@dataclass(frozen=True)
class Site:
    """A cluster that began with the required roles and closed admin routes, and now has all of both."""

    cluster: LocalCluster
    mimir: Mimir
    admin: Mapping[str, str]
    """Headers of the administrator."""
    closed: Mapping[str, httpx2.Response]
    """What the admin routes answered while they were closed."""
    absent: Mapping[str, httpx2.Response]
    """What the open routes of the optional roles answered while nobody ran those."""
    missing: Mapping[str, httpx2.Response]
    """The same of their admin routes, once those were open."""
    before: Mapping[str, Birth]
    """The processes of that time."""


@pytest.fixture(scope="module")
def site(shared_clusters: Clusters) -> Iterator[Site]:
    first = shared_clusters(written(MIMIR, REQUIRED))
    bring_up(first)
    with mimir_of(first) as mimir:
        closed = {spelled(route): mimir.http.get(spelled(route)) for route in routes(Access.ADMIN)}
        absent = {spelled(route): asked(mimir, route) for route in optional(Access.OPEN)}
        before = births(first)
        opened = shared_clusters.again(first, written(MIMIR, REQUIRED, settings={"admin": True}))
        bring_up(opened)
        word = (opened.home.secrets / "admin").read_text().strip()
        admin = {"Authorization": "Basic " + base64.b64encode(word.encode()).decode()}
        missing = {spelled(route): asked(mimir, route, **admin) for route in optional(Access.ADMIN)}
        whole = shared_clusters.again(opened, written(MIMIR, EVERY, settings={"admin": True}))
        bring_up(whole)
        assert mimir.remote_write(NAME, {"label": VALUE}).status_code == 200
        mimir.await_series(NAME, 1)
        yield Site(whole, mimir, admin, closed, absent, missing, before)


def routes(access: Access) -> list[Route]:
    """List the routes that are open to everybody, or to administrators."""
    return [route for route in MIMIR.routes if route.access is access]


def optional(access: Access) -> list[Route]:
    """List the routes of the roles that needn't be there."""
    return [route for route in routes(access) if route.roles and set(route.roles).isdisjoint(REQUIRED)]


def spelled(route: Route) -> str:
    """Return a path that the route matches."""
    return f"{route.path}x" if route.match is Match.PREFIX else route.path


def asked(mimir: Mimir, route: Route, **headers: str) -> httpx2.Response:
    method = "GET" if not route.methods or "GET" in route.methods else route.methods[0]
    return mimir.http.request(method, spelled(route), headers=headers)


def get(path: str, holds: str = "", **params: str) -> Ask:
    return Ask(method="GET", path=path, holds=holds, params=params)


def post(path: str, status: int = 200, holds: str = "", **others: bytes) -> Ask:
    return Ask(method="POST", path=path, status=status, holds=holds, content=others.get("content", b""))


OPEN = (
    replace(post("/api/v1/push", content=sample("pushed", {})), headers=SNAPPY),
    replace(post("/otlp/v1/metrics", content=b"{}"), headers={"Content-Type": "application/json"}),
    # Off by default: the distributor itself doesn't know the path.
    post("/api/v1/push/influx/write", 404, "404 page not found"),
    *reads(NAME, "label", VALUE),
    get(f"{PROM}/format_query", "sum", query="sum( up )"),
    get(f"{PROM}/status/buildinfo", '"version"'),
    get(f"{PROM}/rules", '"groups"'),
    get(f"{PROM}/alerts", '"alerts"'),
    get("/prometheus/config/v1/rules", "{}"),
    get("/prometheus/config/v1/rules/none", "{}"),
    replace(get("/prometheus/config/v1/rules/none/group", "does not exist"), status=404),
    post(f"{BLOCK}/start", 400, "malformed request body"),
    replace(get(f"{BLOCK}/check", "block doesn't exist"), status=404),
    get("/alertmanager/api/v2/status", '"cluster"'),
    get("/alertmanager/api/v2/alerts", "["),
    get("/alertmanager/api/v1/status/buildinfo", '"version"'),
    get("/alertmanager/", "Alertmanager"),
    replace(get("/alertmanager"), status=301),
    # After those: a configuration that was just set keeps the fallback from serving until it is loaded.
    post("/api/v1/alerts", 201, content=ALERTS.encode()),
    get("/api/v1/alerts", "receiver: nobody"),
    Ask(method="DELETE", path="/api/v1/alerts"),
    get("/ready", "ready"),
    get("/api/v1/status/buildinfo", '"version"'),
    get("/api/v1/user_limits", "max_global_series_per_user"),
)
ADMIN = (
    get("/distributor/ring", '"distributor-0"'),
    get("/distributor/all_user_stats", "anonymous"),
    # It isn't switched on: the distributor itself has no such page then.
    replace(get("/distributor/ha_tracker", "404 page not found"), status=404),
    get("/ingester/ring", '"ingester-0"'),
    get("/ingester/tenants", "anonymous"),
    get("/ingester/tsdb/anonymous", "anonymous"),
    get("/ingester/prepare-shutdown", "unset"),
    get("/ingester/prepare-instance-ring-downscale", "timestamp"),
    post("/ingester/flush?wait=true", 204),
    get("/ruler/ring", '"ruler-0"'),
    get("/ruler/rule_groups"),
    post("/ruler/delete_tenant_config"),
    get("/multitenant_alertmanager/ring", '"alertmanager-0"'),
    get("/multitenant_alertmanager/status", "Running"),
    get("/multitenant_alertmanager/configs"),
    post("/multitenant_alertmanager/delete_tenant_config"),
    get("/store-gateway/ring", '"store-gateway-0"'),
    get("/store-gateway/tenants", "now"),
    get("/store-gateway/tenant/anonymous/blocks", "anonymous"),
    get("/store-gateway/prepare-shutdown", "unset"),
    get("/compactor/ring", '"compactor-0"'),
    get("/compactor/tenants", "now"),
    get("/compactor/tenant/anonymous/planned_jobs", "bucket index"),
    get("/compactor/delete_tenant_status", "blocks_deleted"),
    get("/query-scheduler/ring", '"query-scheduler-0"'),
    get("/querier/ring", '"querier-0"'),
    get("/overrides-exporter/ring", '"overrides-exporter-0"'),
    get("/", "Mimir"),
    get("/static/mimir-styles.css"),
    get("/config", "target:"),
    get("/runtime_config", "anonymous"),
    get("/services", "Running"),
    get("/metrics", "go_goroutines"),
    get("/memberlist", "Memberlist"),
    get("/api/v1/status/config", "success"),
    get("/api/v1/status/flags", "success"),
    get("/debug/pprof/goroutine", "goroutine", debug="1"),
    get("/debug/fgprof", seconds="1"),
)


def covers(ask: Ask, route: Route) -> bool:
    return ask.path.startswith(route.path) if route.match is Match.PREFIX else ask.path == route.path


@pytest.mark.parametrize("route", MIMIR.routes, ids=lambda route: route.path)
def test_every_route_has_a_request(route: Route):
    """No route of the product is without a request below."""
    assert any(covers(ask, route) for ask in (*OPEN, *ADMIN))


@pytest.mark.parametrize("ask", OPEN, ids=str)
def test_an_open_route_is_served(site: Site, ask: Ask):
    """The request reaches a process that serves it, and a read has the content."""
    answer = ask.of(site.mimir)

    assert answer.status_code == ask.status, answer.text[:500]
    assert ask.holds in ask.text_of(answer)


@pytest.mark.parametrize("ask", ADMIN, ids=str)
def test_an_admin_route_is_served_with_credentials(site: Site, ask: Ask):
    """With `admin: true` the administrator reaches the process, and nobody else does."""
    stranger = ask.of(site.mimir)
    answer = ask.of(site.mimir, **site.admin, Accept="application/json")

    assert stranger.status_code == 401
    assert answer.status_code == ask.status, answer.text[:500]
    assert ask.holds in answer.text, answer.text[:1000]


@pytest.mark.parametrize("route", routes(Access.ADMIN), ids=lambda route: route.path)
def test_an_admin_route_is_closed_without_the_setting(site: Site, route: Route):
    """Without `admin: true` the gateway refuses the route and names the setting."""
    answer = site.closed[spelled(route)]

    assert (answer.status_code, answer.json()["setting"]) == (403, "admin: true")


@pytest.mark.parametrize(
    "route", optional(Access.OPEN) + optional(Access.ADMIN), ids=lambda route: route.path
)
def test_an_optional_role_that_is_absent_is_named(site: Site, route: Route):
    """Where no worker runs an optional role, its routes are 503 and say which one it is."""
    answer = {**site.absent, **site.missing}[spelled(route)]

    assert answer.status_code == 503
    assert (answer.json()["code"], answer.json()["role"]) == ("role-not-deployed", route.roles[0])


def test_an_alertmanager_that_joins_restarts_the_rulers_alone(site: Site):
    """Only the rulers have to learn where alerts go; every other process is the same as before."""
    now = births(site.cluster)

    assert {unit for unit, birth in site.before.items() if now.get(unit) != birth} == {"ruler-0"}


def test_an_unlisted_path_is_unknown(site: Site):
    """A path that the product doesn't document is the gateway's own 404."""
    answer = site.mimir.http.get("/api/v2/anything")

    assert (answer.status_code, answer.json()["code"]) == (404, "not-listed")


def test_a_body_that_is_too_large_is_refused(site: Site):
    """What Mimir itself wouldn't take, the gateway refuses with the limit."""
    answer = site.mimir.http.post("/api/v1/push", content=b"x" * (100 * 2**20 + 1))

    assert answer.status_code == 413
    assert "100m" in answer.text


def test_a_file_of_a_block_may_be_larger(site: Site):
    """The gateway passes a block's file on however large it is; the compactor says what is wrong with it."""
    answer = site.mimir.http.post(f"{BLOCK}/files?path=index", content=b"x" * (101 * 2**20))

    assert answer.status_code == 404, answer.text[:500]
    assert "block" in answer.text


def test_z_a_role_that_is_away_is_named(site: Site):
    """When a role's only unit is stopped, its routes are 503 and name it; the others go on."""
    site.cluster.supervisor.stop("ruler-0")
    until(lambda: "ruler-0" not in births(site.cluster), 60, "ruler-0 to stop")
    # One cycle sees it and starts it again, which takes longer than the requests below.
    site.cluster.cycle()

    away = site.mimir.http.get(f"{PROM}/rules")
    ready = site.mimir.http.get("/readyz")
    still = site.mimir.remote_write("still", {"marker": uuid4().hex})

    assert (away.status_code, away.json()["role"]) == (503, "ruler")
    assert (ready.status_code, ready.json()["roles"]) == (503, ["ruler"])
    assert still.status_code == 200
    bring_up(site.cluster)
    assert site.mimir.http.get(f"{PROM}/rules").status_code == 200
