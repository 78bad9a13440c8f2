"""Every route of Loki, through the real gateway, reaches a real process that serves it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from loki_client import API, Loki, loki_of, pushed
from patience import until
from real_clusters import Birth, Clusters, births, bring_up, kill, written
from websockets.sync.client import connect

from rolecall.core.products.loki import LOKI
from rolecall.core.routes import Access, Match
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

JOB = "routes"
LINES = ("first line", "second line")
SELECT = {"query": f'{{job="{JOB}"}}'}
COUNT = {"query": f'count_over_time({{job="{JOB}"}}[10m])'}
RULES = """
name: group
rules:
- alert: Always
  expr: count_over_time({job="routes"}[1m]) > 0
"""
# The older API writes labels as a selector.
OLD_PUSH = {"streams": [{"labels": '{job="old"}', "entries": [{"ts": "NOW", "line": "an old client"}]}]}
OTLP = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "otlp"}}]},
            "scopeLogs": [{"logRecords": [{"timeUnixNano": "NOW", "body": {"stringValue": "by otlp"}}]}],
        }
    ]
}


@dataclass(frozen=True)
class Site:
    """A cluster of three separate roles, whose admin routes were closed first and are open now."""

    cluster: LocalCluster
    loki: Loki
    admin: Mapping[str, str]
    """Headers of the administrator."""
    closed: Mapping[str, httpx2.Response]
    """What the admin routes answered while they were closed."""
    before: Mapping[str, Birth]
    """The processes of that time."""


@pytest.fixture(scope="module")
def site(shared_clusters: Clusters) -> Iterator[Site]:
    workers = {"write": 1, "read": 1, "backend": 1}
    cluster = shared_clusters(written(LOKI, workers))
    bring_up(cluster)
    before = births(cluster)
    with loki_of(cluster) as loki:
        loki.push(LINES, job=JOB)
        loki.await_lines(LINES, job=JOB)
        closed = {path: loki.http.post(path) for path in (spelled(route) for route in admin_routes())}
        opened = shared_clusters.again(cluster, written(LOKI, workers, settings={"admin": True}))
        bring_up(opened)
        word = (opened.home.secrets / "admin").read_text().strip()
        admin = {"Authorization": "Basic " + base64.b64encode(word.encode()).decode()}
        yield Site(cluster=opened, loki=loki, admin=admin, closed=closed, before=before)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request and what a process that serves it answers."""

    method: str
    path: str
    status: int = 200
    holds: str = ""
    """Text that the answer holds."""
    lacks: str = ""
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    data: Mapping[str, str] = field(default_factory=dict[str, str])
    json: Mapping[str, object] = field(default_factory=dict[str, object])
    content: str = ""

    def __str__(self) -> str:
        """Return the request as a test's name."""
        return f"{self.method} {self.path}" + (" form" if self.data else "")

    def ask(self, loki: Loki, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        """Send the request."""
        body: dict[str, Any] = {}
        if self.json:
            now = time.time()
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)) if "prom" in self.path else None
            body = {"json": json.loads(json.dumps(self.json).replace("NOW", stamp or str(int(now * 1e9))))}
        elif self.content:
            body = {"content": self.content}
        elif self.data:
            body = {"data": dict(self.data)}
        return loki.http.request(
            self.method, self.path, params=dict(self.params), headers=dict(headers or {}), **body
        )


def get(path: str, holds: str = "", **others: Any) -> Case:
    return Case(method="GET", path=path, holds=holds, **others)


OPEN = (
    Case(method="POST", path=f"{API}/push", status=204, json=pushed(["NOW"], job="pushed")),
    Case(method="POST", path="/api/prom/push", status=204, json=OLD_PUSH),
    Case(method="POST", path="/otlp/v1/logs", status=204, json=OTLP),
    get(f"{API}/rules", status=404, holds="no rule groups"),
    get("/api/prom/rules", status=404, holds="no rule groups"),
    get(f"{API}/rules/none", status=404, holds="no rule groups"),
    get("/api/prom/rules/none", status=404, holds="no rule groups"),
    get("/prometheus/api/v1/rules", holds='"groups"'),
    get("/prometheus/api/v1/alerts", holds='"alerts"'),
    get("/ready", holds="ready"),
    get(f"{API}/status/buildinfo", holds='"version"'),
    get("/config/tenant/v1/limits", holds="retention_period"),
    get(f"{API}/query", params=COUNT, holds=f'"job":"{JOB}"'),
    Case(method="POST", path=f"{API}/query", data=COUNT, holds=f'"job":"{JOB}"'),
    get(f"{API}/query_range", params=SELECT, holds=LINES[0]),
    Case(method="POST", path=f"{API}/query_range", data=SELECT, holds=LINES[1]),
    get(f"{API}/labels", holds='"job"'),
    get(f"{API}/label", holds='"job"'),
    get(f"{API}/label/job/values", holds=f'"{JOB}"'),
    get(f"{API}/series", params={"match[]": SELECT["query"]}, holds=f'"job":"{JOB}"'),
    get(f"{API}/index/stats", params=SELECT, holds='"entries":2'),
    get(f"{API}/index/volume", params=SELECT, holds=f'"job":"{JOB}"'),
    # One bucket: Loki reads buckets by whole seconds and leaves a second out between two of them.
    get(f"{API}/index/volume_range", params={**SELECT, "step": "6h"}, holds=f'"job":"{JOB}"'),
    get(f"{API}/patterns", params=SELECT, holds='"status":"success"'),
    get(f"{API}/format_query", params={"query": '{ job= "a" }'}, holds='{job=\\"a\\"}'),
    get(f"{API}/detected_labels", holds='"job"'),
    get(f"{API}/detected_fields", params=SELECT, holds="detected_level"),
    get(f"{API}/detected_field/detected_level/values", params=SELECT, holds='"unknown"'),
    get(f"{API}/drilldown-limits", holds='"limits"'),
    get("/api/prom/query", params=SELECT, holds=LINES[0]),
    get("/api/prom/label", holds='"job"'),
    get("/api/prom/label/job/values", holds='"values"'),
    get("/api/prom/series", params={"match[]": SELECT["query"]}, holds=f'"job":"{JOB}"'),
    # Without a query the process itself refuses the upgrade; the tail has a test of its own.
    get(f"{API}/tail", status=400, holds="parse error"),
    get("/api/prom/tail", status=400, holds="parse error"),
)
ADMIN = (
    get("/distributor/ring", '"write-0"'),
    get("/ring", '"write-0"'),
    get("/compactor/ring", '"backend-0"'),
    get("/indexgateway/ring", '"backend-0"'),
    get("/scheduler/ring", '"backend-0"'),
    get("/ruler/ring", '"shards"'),
    Case(method="POST", path="/flush", status=204),
    get("/ingester/prepare_shutdown", "unset"),
    get(f"{API}/delete", "["),
    get(f"{API}/cache/generation_numbers"),
    get("/metrics", "go_goroutines"),
    get("/config", "target:"),
    get("/services", "server => Running"),
    get("/memberlist", "Memberlist"),
    get("/log_level", "log level is info"),
    Case(method="POST", path="/log_level", params={"log_level": "info"}, holds="info"),
)


def admin_routes() -> list[Any]:
    return [route for route in LOKI.routes if route.access is Access.ADMIN]


def spelled(route: Any) -> str:
    return f"{route.path}prepare_shutdown" if route.match is Match.PREFIX else route.path


def covers(case: Case, route: Any) -> bool:
    return case.path.startswith(route.path) if route.match is Match.PREFIX else case.path == route.path


@pytest.mark.parametrize("route", LOKI.routes, ids=lambda route: route.path)
def test_every_route_has_a_case(route: Any):
    """No route of the product is without a request below."""
    assert any(covers(case, route) for case in (*OPEN, *ADMIN))


@pytest.mark.parametrize("case", OPEN, ids=str)
def test_an_open_route_is_served(site: Site, case: Case):
    """The request reaches a process that serves it, and a read has the content."""

    def served() -> bool:
        # Statistics of what was just written can be empty for a moment.
        answers.append(case.ask(site.loki))
        return answers[-1].status_code == case.status and case.holds in answers[-1].text

    answers: list[httpx2.Response] = []

    until(served, 30, str(case), seen=lambda: (answers[-1].status_code, answers[-1].text[:500]))


@pytest.mark.parametrize("case", ADMIN, ids=str)
def test_an_admin_route_is_served_with_credentials(site: Site, case: Case):
    """With `admin: true` the administrator reaches the process, and nobody else does."""
    stranger = case.ask(site.loki)
    answer = case.ask(site.loki, {**site.admin, "Accept": "application/json"})

    assert stranger.status_code == 401
    assert answer.status_code == case.status, answer.text[:500]
    assert case.holds in answer.text


@pytest.mark.parametrize("route", admin_routes(), ids=lambda route: route.path)
def test_an_admin_route_is_closed_without_the_setting(site: Site, route: Any):
    """Without `admin: true` the gateway refuses the route and names the setting."""
    answer = site.closed[spelled(route)]

    assert (answer.status_code, answer.json()["setting"]) == (403, "admin: true")


def test_opening_the_admin_routes_restarts_nothing(site: Site):
    """The setting is the gateway's alone: every process, nginx's master too, is the same as before."""
    assert births(site.cluster) == site.before


def test_an_unlisted_path_is_unknown(site: Site):
    """A path that the product doesn't document is the gateway's own 404."""
    answer = site.loki.http.get("/debug/pprof/")

    assert (answer.status_code, answer.json()["code"]) == (404, "not-listed")


def test_the_tail_delivers(site: Site):
    """A line that is written while a tail is open comes through the WebSocket."""
    url = site.cluster.url.replace("http", "ws", 1) + f"{API}/tail?query=%7Bjob%3D%22tailed%22%7D"
    marker = uuid4().hex

    with connect(url, proxy=None, open_timeout=30) as tail:
        site.loki.push([marker], job="tailed")
        text = tail.recv(timeout=30)

    assert marker in str(text)


def test_otlp_json_is_read_back(site: Site):
    """Logs written by OTLP as JSON can be queried by their service."""
    now, marker = time.time_ns(), uuid4().hex
    record = {"timeUnixNano": str(now), "body": {"stringValue": marker}}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "json"}}]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}

    answer = site.loki.http.post("/otlp/v1/logs", json=body)

    assert answer.status_code == 204, answer.text
    until(lambda: marker in site.loki.stamped('{service_name="json"}'), 30, "the OTLP line")


def test_otlp_protobuf_is_read_back(site: Site):
    """Logs written by OTLP as protobuf can be queried by their service."""
    marker = uuid4().hex
    # opentelemetry/proto/logs/v1/logs.proto: resource_logs 1, resource 1, attributes 1, scope_logs 2,
    # log_records 2, time_unix_nano 1, body 5; common.proto: KeyValue key 1 value 2, AnyValue string 1.
    attribute = field_of(1, b"service.name") + field_of(2, field_of(1, b"protobuf"))
    record = b"\x09" + time.time_ns().to_bytes(8, "little") + field_of(5, field_of(1, marker.encode()))
    logs = field_of(1, field_of(1, attribute)) + field_of(2, field_of(2, record))

    answer = site.loki.http.post(
        "/otlp/v1/logs",
        content=field_of(1, logs),
        headers={"Content-Type": "application/x-protobuf"},
    )

    assert answer.status_code == 204, answer.text
    until(lambda: marker in site.loki.stamped('{service_name="protobuf"}'), 30, "the OTLP line")


def field_of(number: int, value: bytes) -> bytes:
    """Encode a length-delimited field of fewer than 16384 bytes."""
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + length + value


@pytest.mark.parametrize("api", [f"{API}/rules", "/api/prom/rules"])
def test_rules_are_set_listed_and_deleted(site: Site, api: str):
    """A rule group goes in by the API, is listed, and goes out again."""
    namespace = f"team {uuid4().hex[:6]}"

    made = site.loki.http.post(
        f"{api}/{namespace}", content=RULES, headers={"Content-Type": "application/yaml"}
    )
    listed = site.loki.http.get(f"{api}/{namespace}")
    removed = site.loki.http.delete(f"{api}/{namespace}/group")
    after = site.loki.http.get(f"{api}/{namespace}")

    assert (made.status_code, listed.status_code, removed.status_code) == (202, 200, 202), made.text
    assert namespace in listed.text
    assert "Always" in listed.text
    assert after.status_code == 404


def test_a_delete_request_is_accepted_and_listed(site: Site):
    """The compactor takes a delete request and lists it."""
    query = {"query": '{job="unwanted"}', "start": str(int(time.time()) - 600)}
    site.loki.push(["unwanted"], job="unwanted")

    made = site.loki.http.post(f"{API}/delete", params=query, headers=dict(site.admin))
    listed = site.loki.http.get(f"{API}/delete", headers=dict(site.admin))

    assert made.status_code == 204, made.text
    assert [one["query"] for one in listed.json()] == [query["query"]]


def test_a_body_that_is_too_large_is_refused(site: Site):
    """What Loki itself wouldn't take, the gateway refuses with the limit."""
    answer = site.loki.http.post(f"{API}/push", content=b"x" * (100 * 2**20 + 1))

    assert answer.status_code == 413
    assert "100m" in answer.text


def test_z_a_role_that_is_away_is_named(site: Site):
    """When a role's only unit is stopped, its routes are 503 and name it; the others go on."""
    kill(site.cluster, "backend-0")
    # One cycle sees it and starts it again, which takes longer than the requests below.
    site.cluster.cycle()

    away = site.loki.http.get("/prometheus/api/v1/rules")
    ready = site.loki.http.get("/readyz")
    site.loki.push(["still here"], job=JOB)

    assert (away.status_code, away.json()["role"]) == (503, "backend")
    assert (ready.status_code, ready.json()["roles"]) == (503, ["backend"])
    bring_up(site.cluster)
    assert site.loki.http.get("/prometheus/api/v1/rules").status_code == 200
