"""The whole stack on this machine, as `rolecall init stack` writes it, at an address of its own."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from real_clusters import leftovers, tools_of

from rolecall.core.products import PRODUCTS
from rolecall.core.telemetry import AGENTS
from rolecall.local import operations, processes
from rolecall.local.cluster import LocalCluster
from rolecall.local.fetch import binaries
from rolecall.local.fetch.helpers import PROMETHEUS
from rolecall.local.file import topology
from rolecall.local.file.topology_stack import stack
from rolecall.local.home import Home
from rolecall.local.readiness import Asker
from rolecall.local.topology_telemetry import gateway_urls, wired

STANDARD = "http://127.0.0.1:"


@dataclass
class Site:
    """The stack's clusters by name, and how to ask them."""

    clusters: Mapping[str, LocalCluster]
    asker: Asker
    said: list[str] = field(default_factory=list[str])

    def up(self, *, timeout_s: float = 300.0) -> tuple[operations.Outcome, ...]:
        """Bring all up at once."""
        return operations.up_all(
            [(cluster, self.said.append) for cluster in self.clusters.values()], timeout_s=timeout_s
        )

    def processes(self) -> int:
        """Count the processes of all products."""
        return sum(
            len(set(processes.running(cluster.home.root)) - {"gateway", "supervisor", *AGENTS})
            for cluster in self.clusters.values()
        )

    def url(self, name: str) -> str:
        """Return a cluster's main address."""
        return self.clusters[name].url

    def ask(self, name: str, path: str, **query: str) -> str:
        """Ask a cluster's gateway; a failure is an empty answer."""
        words = "&".join(f"{key}={quote(value)}" for key, value in query.items())
        try:
            answer = httpx2.get(f"{self.url(name)}{path}?{words}", timeout=10.0, trust_env=False)
        except httpx2.HTTPError:
            return ""
        return answer.text if answer.status_code == 200 else ""

    def close(self) -> None:
        """Take everything down; nothing may be left."""
        for cluster in self.clusters.values():
            operations.down(cluster, say=self.said.append)
        left = {name: leftovers(cluster) for name, cluster in self.clusters.items() if leftovers(cluster)}
        self.asker.__exit__(None, None, None)
        assert not left, f"after down there is left: {left}"


def made(folder: Path) -> Site:
    """Make the stack of every product whose executable is at hand; don't start it."""
    present = {name: one for name, one in PRODUCTS.items() if binaries.present(one.binary) is not None}
    if len(present) < 3:
        missing = sorted(set(PRODUCTS) - set(present))
        pytest.skip(f"no {' and no '.join(missing)} at hand; let rolecall get them")
    prometheus = binaries.present(PROMETHEUS)
    if prometheus is None:
        pytest.skip(f"no prometheus at hand: name one in {PROMETHEUS.variable}, or let rolecall get it")
    address = f"127.12.{secrets.randbelow(200) + 1}.{secrets.randbelow(200) + 1}"
    text = stack(present.values(), "recommended").replace(STANDARD, f"http://{address}:")
    parsed = topology.parse(
        text, source="rolecall.yaml", products=PRODUCTS, environment={}, folder=folder, need_secrets=False
    )
    assert not parsed.problems, parsed.problems
    specs = wired([replace(spec, gateway_address=address) for spec in parsed.clusters])
    asker = Asker()
    clusters = {
        spec.name: LocalCluster(
            spec=spec,
            home=Home(folder / ".rolecall" / spec.name),
            tools=replace(tools_of(spec.product), prometheus=prometheus),
            asker=asker,
        )
        for spec in specs
    }
    assert all(address in url for spec in specs for url in gateway_urls(spec).values())
    return Site(clusters=clusters, asker=asker)
