"""Loki as its clients use it, through the gateway."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from patience import until

from rolecall.local.cluster import LocalCluster

API = "/loki/api/v1"
READ_S = 30.0
QUICK = {"config-overrides": {"ingester": {"lifecycler": {"min_ready_duration": "0s"}}}}
"""Settings of a cluster whose writers are ready at once: how long they wait otherwise is tried elsewhere."""


@dataclass(frozen=True)
class Loki:
    """A client of one cluster."""

    http: httpx2.Client
    resent: list[str] = field(default_factory=list[str])
    """Requests that were sent again, since the connection they were sent on was being closed."""

    def send(self, method: str, path: str, **parts: Any) -> httpx2.Response:
        """Send a request, once more if a kept connection was closed before any of the answer came.

        RFC 9112, section 9.5: either side may close an idle connection at any time, and a client must be
        ready for it; Go's and Java's clients send again by themselves, this one doesn't.
        """
        try:
            return self.http.request(method, path, **parts)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError) as error:
            if isinstance(error, httpx2.RemoteProtocolError) and "without sending a response" not in str(
                error
            ):
                raise
            self.resent.append(f"{method} {path}: {error}")
        return self.http.request(method, path, **parts)

    def push(self, lines: Iterable[str], *, job: str = "real", tenant: str = "") -> None:
        """Write lines; each must be acknowledged."""
        answer = self.send("POST", f"{API}/push", json=pushed(lines, job=job), headers=_tenant(tenant))
        assert answer.status_code == 204, (answer.status_code, answer.text)

    def read(self, *, job: str = "real", tenant: str = "") -> set[str]:
        """Read every line of a job of the last hour."""
        return set(self.stamped(f'{{job="{job}"}}', tenant=tenant))

    def stamped(self, query: str, *, tenant: str = "") -> list[str]:
        """Read the lines of a selector."""
        now = time.time_ns()
        answer = self.send(
            "GET",
            f"{API}/query_range",
            params={"query": query, "start": now - 3600 * 10**9, "end": now + 600 * 10**9, "limit": 5000},
            headers=_tenant(tenant),
        )
        assert answer.status_code == 200, (answer.status_code, answer.text)
        streams: list[dict[str, Any]] = answer.json()["data"]["result"]
        return [value[1] for stream in streams for value in stream["values"]]

    def await_lines(self, lines: Iterable[str], *, job: str = "real", limit_s: float = 60.0) -> None:
        """Wait until all these lines are read."""
        wanted = set(lines)
        until(
            lambda: wanted <= self.read(job=job),
            limit_s,
            f"{len(wanted)} lines of {job}",
            seen=lambda: f"all but {sorted(wanted - self.read(job=job))[:5]}",
        )


def pushed(lines: Iterable[str], *, job: str) -> dict[str, object]:
    """Build the body of a push."""
    now = time.time_ns()
    values = [[str(now + number), line] for number, line in enumerate(lines)]
    return {"streams": [{"stream": {"job": job}, "values": values}]}


def _tenant(tenant: str) -> dict[str, str]:
    return {"X-Scope-OrgID": tenant} if tenant else {}


@contextmanager
def loki_of(cluster: LocalCluster, *, keep: bool = True) -> Generator[Loki]:
    """Open a client of a cluster's gateway; without `keep` each request has a connection of its own."""
    headers = {} if keep else {"Connection": "close"}
    with httpx2.Client(base_url=cluster.url, trust_env=False, timeout=READ_S, headers=headers) as http:
        loki = Loki(http)
        yield loki
        assert keep or loki.resent == []
