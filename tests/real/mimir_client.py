"""Mimir as its clients use it, through the gateway."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cramjam
import httpx2
from patience import until
from protobuf import double, fixed64, message, number, text

from rolecall.local.cluster import LocalCluster

PROM = "/prometheus/api/v1"
READ_S = 30.0
SNAPPY = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}


@dataclass(frozen=True)
class Mimir:
    """A client of one cluster."""

    http: httpx2.Client

    def remote_write(self, name: str, labels: Mapping[str, str], *, tenant: str = "") -> httpx2.Response:
        """Write one sample by Prometheus remote write."""
        headers = {**SNAPPY, "X-Prometheus-Remote-Write-Version": "0.1.0", **_tenant(tenant)}
        return self.http.post("/api/v1/push", content=written(name, labels), headers=headers)

    def otlp_json(self, name: str, labels: Mapping[str, str]) -> httpx2.Response:
        """Write one sample by OTLP as JSON."""
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in labels.items()]
        point = {"timeUnixNano": str(time.time_ns()), "asDouble": 1, "attributes": attributes}
        metric = {"name": name, "gauge": {"dataPoints": [point]}}
        body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
        return self.http.post("/otlp/v1/metrics", json=body)

    def otlp_protobuf(self, name: str, labels: Mapping[str, str]) -> httpx2.Response:
        """Write one sample by OTLP as protobuf: opentelemetry/proto/metrics/v1/metrics.proto."""
        attributes = (message(7, text(1, key), message(2, text(1, value))) for key, value in labels.items())
        point = message(1, fixed64(3, time.time_ns()), double(4, 1), *attributes)
        metric = message(2, text(1, name), message(5, point))
        body = message(1, message(2, metric))
        return self.http.post(
            "/otlp/v1/metrics", content=body, headers={"Content-Type": "application/x-protobuf"}
        )

    def query(self, expression: str, *, tenant: str = "") -> list[dict[str, Any]]:
        """Ask for the newest samples of an expression."""
        answer = self.http.get(
            f"{PROM}/query",
            params={"query": expression},
            headers={**_tenant(tenant), "Cache-Control": "no-store"},
        )
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()["data"]["result"]

    def await_series(self, expression: str, count: int, *, tenant: str = "", limit_s: float = READ_S) -> None:
        """Wait until an expression gives this many series."""
        until(
            lambda: len(self.query(expression, tenant=tenant)) == count,
            limit_s,
            f"{count} series of {expression}",
            seen=lambda: len(self.query(expression, tenant=tenant)),
        )


WRITERS: Mapping[str, Callable[[Mimir, str, Mapping[str, str]], httpx2.Response]] = {
    "remote-write": Mimir.remote_write,
    "otlp-json": Mimir.otlp_json,
    "otlp-protobuf": Mimir.otlp_protobuf,
}
"""Every protocol by which Mimir takes samples."""


def written(name: str, labels: Mapping[str, str]) -> bytes:
    """Build the body of a remote write: one sample, its exemplar and its metadata (prompb/remote.proto)."""
    now = time.time_ns() // 10**6
    pairs = sorted({"__name__": name, **labels}.items())
    exemplar = message(
        3, message(1, text(1, "trace_id"), text(2, f"trace-{name}")), double(2, 1), number(3, now)
    )
    series = message(
        1,
        *(message(1, text(1, key), text(2, value)) for key, value in pairs),
        message(2, double(1, 1), number(2, now)),
        exemplar,
    )
    metadata = message(3, number(1, 2), text(2, name), text(4, f"help of {name}"))
    return bytes(cramjam.snappy.compress_raw(series + metadata))


def asked(name: str) -> bytes:
    """Build the body of a remote read: everything of one name, from ten minutes ago on."""
    now = time.time_ns() // 10**6
    matcher = message(3, number(1, 0), text(2, "__name__"), text(3, name))
    query = message(1, number(1, now - 600_000), number(2, now + 3_600_000), matcher)
    return bytes(cramjam.snappy.compress_raw(query))


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request and what the process that serves it answers."""

    method: str
    path: str
    status: int = 200
    holds: str = ""
    """Text that the answer holds."""
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    data: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        """Return the request as a test's name."""
        return f"{self.method} {self.path}"

    def of(self, mimir: Mimir, **headers: str) -> httpx2.Response:
        """Send the request."""
        body: dict[str, Any] = {"data": dict(self.data)} if self.data else {"content": self.content or None}
        return mimir.http.request(
            self.method, self.path, params=dict(self.params), headers={**self.headers, **headers}, **body
        )

    def text_of(self, answer: httpx2.Response) -> str:
        """Return an answer's text, of a remote read what is inside."""
        if answer.headers.get("Content-Encoding") == "snappy":
            return bytes(cramjam.snappy.decompress_raw(answer.content)).decode(errors="replace")
        return answer.text


def reads(name: str, label: str, value: str) -> tuple[Ask, ...]:
    """List a request for every read API, each of which must give back a sample of the next hour."""
    now = int(time.time())
    selector = f'{name}{{{label}="{value}"}}'
    window = {"start": str(now - 600), "end": str(now + 3600)}
    over = {"query": selector, "step": "15", **window}
    matched = {"match[]": selector, **window}
    counted = {"selector": selector}
    return (
        Ask(method="GET", path=f"{PROM}/query", params={"query": selector}, holds=value),
        Ask(method="POST", path=f"{PROM}/query", data={"query": selector}, holds=value),
        Ask(method="GET", path=f"{PROM}/query_range", params=over, holds=value),
        Ask(method="POST", path=f"{PROM}/query_range", data=over, holds=value),
        Ask(method="GET", path=f"{PROM}/query_exemplars", params=over, holds=f"trace-{name}"),
        Ask(method="POST", path=f"{PROM}/query_exemplars", data=over, holds=f"trace-{name}"),
        Ask(method="GET", path=f"{PROM}/series", params=matched, holds=value),
        Ask(method="POST", path=f"{PROM}/series", data=matched, holds=value),
        Ask(method="GET", path=f"{PROM}/labels", params=matched, holds=f'"{label}"'),
        Ask(method="POST", path=f"{PROM}/labels", data=matched, holds=f'"{label}"'),
        Ask(method="GET", path=f"{PROM}/label/{label}/values", params=matched, holds=value),
        Ask(method="GET", path=f"{PROM}/metadata", params={"metric": name}, holds=f"help of {name}"),
        Ask(
            method="POST",
            path=f"{PROM}/read",
            content=asked(name),
            headers={**SNAPPY, "X-Prometheus-Remote-Read-Version": "0.1.0"},
            holds=value,
        ),
        Ask(method="GET", path=f"{PROM}/cardinality/label_names", params=counted, holds=label),
        Ask(
            method="GET",
            path=f"{PROM}/cardinality/label_values",
            params={"label_names[]": label, **counted},
            holds=value,
        ),
        Ask(method="GET", path=f"{PROM}/cardinality/active_series", params=counted, holds=value),
        Ask(method="POST", path=f"{PROM}/cardinality/active_series", data=counted, holds=value),
        Ask(method="GET", path="/api/v1/user_stats", holds='"numSeries"'),
    )


def _tenant(tenant: str) -> dict[str, str]:
    return {"X-Scope-OrgID": tenant} if tenant else {}


@contextmanager
def mimir_of(cluster: LocalCluster) -> Generator[Mimir]:
    """Open a client of a cluster's gateway."""
    with httpx2.Client(base_url=cluster.url, trust_env=False, timeout=READ_S) as http:
        yield Mimir(http)
