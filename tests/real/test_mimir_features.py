"""What Mimir does beyond writes and reads: rules, alerts, limits, tenants, blocks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from mimir_client import PROM, Mimir, mimir_of
from patience import until
from real_clusters import Clusters, births, bring_up, written
from s3_server import free_address

from rolecall.core.products.mimir import MIMIR
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

MINIMAL = {",".join(roles): units for _, roles, units in MIMIR.minimal}
RULES_API = "/prometheus/config/v1/rules"
YAML = {"Content-Type": "application/yaml"}
RULES = """
name: group
interval: 1s
rules:
- record: recorded
  expr: sum(ruled) * 2
- alert: Always
  expr: vector(1)
"""
# Changes of rules reach a ruler in one to two rounds of ten seconds, see ruler.*_sync_queue_poll_interval;
# one it doesn't run yet is polled after at most ten minutes, but setting it tells every ruler.
RULED_S = 120.0
# dskit looks at the limits every ten seconds.
LIMITED_S = 30.0
# The compactor writes the bucket index every 15 s, the store-gateways read it every 10 s.
STORED_S = 90.0


@dataclass(frozen=True)
class Site:
    """One running cluster."""

    cluster: LocalCluster
    mimir: Mimir


def of_minimal(limits: Mapping[str, object] | None = None, **settings: object) -> str:
    """Write the minimal set, with rules that don't wait a minute for late samples first."""
    quick = {"ruler_evaluation_delay_duration": "0s", **(limits or {})}
    return written(MIMIR, MINIMAL, settings={"limits": quick, **settings})


@pytest.fixture(scope="module")
def minimal(shared_clusters: Clusters, tenants: Site) -> Iterator[Site]:
    """Run the minimal set: its backend has ruler and Alertmanager. What `tenants` waits for goes on."""
    assert tenants.mimir
    cluster = shared_clusters(of_minimal())
    bring_up(cluster)
    with mimir_of(cluster) as mimir:
        yield Site(cluster, mimir)


@dataclass
class Receiver:
    """An Alertmanager that isn't ours: it remembers what was sent to it."""

    url: str
    seen: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """(path, tenant, body) of each request."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@contextmanager
def receiving() -> Generator[Receiver]:
    address, port = free_address()
    one = Receiver(url=f"http://{address}:{port}/external")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            one.seen.append((self.path, self.headers.get("X-Scope-OrgID", ""), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay quiet."""

    server = ThreadingHTTPServer((address, port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield one
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def tenants(shared_clusters: Clusters, receiver: Receiver) -> Iterator[Site]:
    """Run everything in one process, with tenants and an Alertmanager elsewhere.

    What takes its time is begun here: a rule group of the tenant "alerted", and the upload of a block.
    """
    settings = {"multi-tenant": True, "alertmanager-url": receiver.url}
    cluster = shared_clusters(written(MIMIR, settings=settings))
    bring_up(cluster)
    with mimir_of(cluster) as mimir:
        ruled = mimir.http.post(
            f"{RULES_API}/outside", content=RULES, headers={**YAML, "X-Scope-OrgID": "alerted"}
        )
        assert ruled.status_code == 202, ruled.text
        upload(mimir, flushed_block(cluster, mimir), tenant="target")
        yield Site(cluster, mimir)


def test_a_rule_records_and_alerts(minimal: Site):
    """A rule group set by the API is evaluated: its series can be queried, its alert reaches Alertmanager.

    The tenant has no configuration, so it is the Alertmanager's fallback that takes the alert.
    """
    namespace = "team%2Fone"
    assert minimal.mimir.remote_write("ruled", {"a": "1"}).status_code == 200
    # Its first request makes the tenant's Alertmanager; one that comes meanwhile is refused, and the ruler
    # would try again after a minute.
    fallback = minimal.mimir.http.get("/alertmanager/api/v2/status")
    assert "empty-receiver" in fallback.text, fallback.text

    made = minimal.mimir.http.post(f"{RULES_API}/{namespace}", content=RULES, headers=YAML)

    assert made.status_code == 202, made.text
    until(lambda: minimal.mimir.query("recorded"), RULED_S, "the recorded series")
    assert minimal.mimir.query("recorded")[0]["value"][1] == "2"
    firing = minimal.mimir.http.get(f"{PROM}/alerts").json()["data"]["alerts"]
    assert [alert["labels"]["alertname"] for alert in firing] == ["Always"]
    until(lambda: "Always" in alerts(minimal.mimir), RULED_S, "the alert in the Alertmanager")


def alerts(mimir: Mimir) -> list[str]:
    answer = mimir.http.get("/alertmanager/api/v2/alerts")
    found: list[dict[str, Any]] = answer.json() if answer.status_code == 200 else []
    return [alert["labels"]["alertname"] for alert in found]


def test_rules_are_listed_and_deleted(minimal: Site):
    """A rule group is listed where it was put, whatever its namespace's name, and goes out again."""
    namespace = f"team%2F{uuid4().hex[:6]}"
    rules = RULES.replace("recorded", "other").replace("Always", "Other")

    minimal.mimir.http.post(f"{RULES_API}/{namespace}", content=rules, headers=YAML)
    listed = minimal.mimir.http.get(f"{RULES_API}/{namespace}/group")
    removed = minimal.mimir.http.delete(f"{RULES_API}/{namespace}/group")
    after = minimal.mimir.http.get(f"{RULES_API}/{namespace}/group")

    assert (listed.status_code, removed.status_code, after.status_code) == (200, 202, 404)
    assert "Other" in listed.text


def test_an_alertmanager_configuration_is_used(minimal: Site):
    """A configuration set by the API replaces the fallback, and a silence can be made."""
    config = "alertmanager_config: |\n  route: {receiver: mine}\n  receivers: [{name: mine}]\n"
    now = time.time()
    silence = {
        "matchers": [{"name": "alertname", "value": "Silent", "isRegex": False}],
        "startsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "endsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 3600)),
        "createdBy": "test",
        "comment": "quiet",
    }

    made = minimal.mimir.http.post("/api/v1/alerts", content=config)
    until(
        lambda: "mine" in minimal.mimir.http.get("/alertmanager/api/v2/status").text,
        60,
        "the Alertmanager to use the configuration",
    )
    silenced = minimal.mimir.http.post("/alertmanager/api/v2/silences", json=silence)

    assert (made.status_code, silenced.status_code) == (201, 200), (made.text, silenced.text)
    assert "Silent" in minimal.mimir.http.get("/alertmanager/api/v2/silences").text


def test_limits_are_live(minimal: Site, shared_clusters: Clusters):
    """A limit holds within seconds and goes again; no process restarts for it."""
    before = births(minimal.cluster)

    def refused() -> bool:
        return minimal.mimir.remote_write("limited", {"a": "1", "b": "2"}).status_code == 400

    assert not refused()
    bring_up(shared_clusters.again(minimal.cluster, of_minimal({"max_label_names_per_series": 1})))
    until(refused, LIMITED_S, "the limit to hold")
    bring_up(shared_clusters.again(minimal.cluster, of_minimal()))
    until(lambda: not refused(), LIMITED_S, "the limit to go")

    assert births(minimal.cluster) == before


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"limits": {"max_label_name_per_series": 1}}, "limits.max_label_name_per_series"),
        ({"config-overrides": {"querier": {"timeut": "1m"}}}, "config-overrides.querier.timeut"),
        ({"config-overrides": {"querier": {"timeout": "1h"}}}, "config-overrides.querier.timeout"),
    ],
)
def test_what_mimir_refuses_changes_nothing(
    minimal: Site, shared_clusters: Clusters, settings: dict[str, dict[str, object]], named: str
):
    """A value that the binary doesn't accept is named, and everything goes on as it was."""
    before = births(minimal.cluster)
    config = minimal.cluster.document()

    wrong = shared_clusters.again(minimal.cluster, of_minimal(**settings))
    outcome = operations.up(wrong, say=lambda _: None)
    checked = operations.check(wrong)
    shared_clusters.again(minimal.cluster, of_minimal())

    told = [problem for problem in outcome.verdict.problems if problem.code == "config-refused"]
    assert [named in problem.text for problem in told] == [True], outcome.verdict
    assert checked.ok, checked.text
    assert (births(minimal.cluster), minimal.cluster.document()) == (before, config)


def test_tenants_see_their_own(tenants: Site):
    """With tenancy the client's own tenant counts, and without one nothing is taken."""
    assert tenants.mimir.remote_write("owned", {}, tenant="one").status_code == 200

    tenants.mimir.await_series("owned", 1, tenant="one")
    assert tenants.mimir.query("owned", tenant="two") == []
    assert tenants.mimir.remote_write("owned", {}).status_code == 401


def test_limits_of_one_tenant_are_live(tenants: Site, shared_clusters: Clusters, receiver: Receiver):
    """`tenant-limits` hold for that tenant only, without a restart."""
    before = births(tenants.cluster)
    limits = {"strict": {"max_label_names_per_series": 1}}
    settings = {"multi-tenant": True, "alertmanager-url": receiver.url, "tenant-limits": limits}

    bring_up(shared_clusters.again(tenants.cluster, written(MIMIR, settings=settings)))

    def status(tenant: str) -> int:
        return tenants.mimir.remote_write("limited", {"a": "1", "b": "2"}, tenant=tenant).status_code

    until(lambda: status("strict") == 400, LIMITED_S, "the tenant's limit to hold")
    assert status("free") == 200
    assert births(tenants.cluster) == before


def test_alerts_go_to_an_alertmanager_elsewhere(tenants: Site, receiver: Receiver):
    """With `alertmanager-url` the rulers send there, each alert for its tenant."""
    assert tenants.cluster.spec.settings.text("alertmanager-url") == receiver.url

    until(lambda: receiver.seen, RULED_S, "the alert to arrive")

    path, tenant, body = receiver.seen[0]
    assert (path, tenant) == ("/external/api/v2/alerts", "alerted")
    assert '"alertname":"Always"' in body


def test_an_uploaded_block_can_be_read(tenants: Site):
    """A block that one tenant flushed, uploaded for another, is that one's history, read from the store."""
    (unit,) = tenants.cluster.places()
    loaded = tenants.cluster.home.unit(unit.unit) / "data" / "tsdb-sync" / "target"
    # A query before the block is known would be answered from an index that is kept for a minute.
    until(lambda: [*loaded.glob("01*")], STORED_S, "the store-gateway to have the block")

    tenants.mimir.await_series("moved", 1, tenant="target")

    assert tenants.mimir.query("moved", tenant="target")[0]["metric"]["a"] == "1"


def flushed_block(cluster: LocalCluster, mimir: Mimir) -> Path:
    """Write a sample, have the ingester make a block of it, and return where the block is in the store."""
    (unit,) = cluster.places()
    assert mimir.remote_write("moved", {"a": "1"}, tenant="source").status_code == 200
    flushed = httpx2.post(f"http://{unit.address}:8080/ingester/flush?wait=true&tenant=source", timeout=60)
    assert flushed.status_code == 204, flushed.text
    (block,) = (cluster.home.store / "blocks" / "source").glob("01*")
    return block


def upload(mimir: Mimir, block: Path, *, tenant: str) -> None:
    """Upload a block as `mimirtool backfill` does."""
    headers, api = {"X-Scope-OrgID": tenant}, f"/api/v1/upload/block/{block.name}"
    meta = json.loads((block / "meta.json").read_text())
    answers = [mimir.http.post(f"{api}/start", json=meta, headers=headers)]
    for path in ("index", "chunks/000001"):
        content = (block / path).read_bytes()
        answers.append(
            mimir.http.post(f"{api}/files", params={"path": path}, content=content, headers=headers)
        )
    answers.append(mimir.http.post(f"{api}/finish", headers=headers))
    assert [one.status_code for one in answers] == [200] * 4, [one.text for one in answers]
    until(
        lambda: mimir.http.get(f"{api}/check", headers=headers).json()["result"] == "complete",
        60,
        "the compactor to accept the block",
        seen=lambda: mimir.http.get(f"{api}/check", headers=headers).text,
    )
