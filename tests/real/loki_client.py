"""Loki as its clients use it, through the gateway."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from patience import until

from rolecall.local.cluster import LocalCluster

API = "/loki/api/v1"
READ_S = 30.0


@dataclass(frozen=True)
class Loki:
    """A client of one cluster."""

    http: httpx2.Client

    def push(self, lines: Iterable[str], *, job: str = "real", tenant: str = "") -> None:
        """Write lines; each must be acknowledged."""
        answer = self.http.post(f"{API}/push", json=pushed(lines, job=job), headers=_tenant(tenant))
        assert answer.status_code == 204, (answer.status_code, answer.text)

    def read(self, *, job: str = "real", tenant: str = "") -> set[str]:
        """Read every line of a job of the last hour."""
        return set(self.stamped(f'{{job="{job}"}}', tenant=tenant))

    def stamped(self, query: str, *, tenant: str = "") -> list[str]:
        """Read the lines of a selector."""
        now = time.time_ns()
        answer = self.http.get(
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
def loki_of(cluster: LocalCluster) -> Iterator[Loki]:
    """Open a client of a cluster's gateway."""
    with httpx2.Client(base_url=cluster.url, trust_env=False, timeout=READ_S) as http:
        yield Loki(http)
