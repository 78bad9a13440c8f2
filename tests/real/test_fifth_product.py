"""A product that only its own file knows is judged, brought up, changed and taken down like any other."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx2
import pytest
from fifth_product import FIFTH, PROGRAM
from real_clusters import Clusters, births, bring_up

from rolecall.core import coherence
from rolecall.core.model import Group
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster
from rolecall.local.file import topology

_FILE = """\
clusters:
  lines:
    product: fifth
    workers:
      store: {{roles: [store], units: 2}}
      front: {{roles: [front], units: 1}}
    settings: {{log-level: {level}}}
"""


def _cluster(clusters: Clusters, tmp_path: Path, level: str = "info") -> LocalCluster:
    parsed = topology.parse(
        _FILE.format(level=level),
        source="rolecall.yaml",
        products={FIFTH.name: FIFTH},
        environment={},
        folder=tmp_path,
    )
    assert parsed.problems == ()
    return clusters(parsed.clusters[0])


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the product's executable where its variable names it."""
    path = tmp_path / "fifth"
    path.write_text(PROGRAM.format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv(FIFTH.binary.variable, str(path))


def test_it_is_judged():
    """A role that is missing is named, without a word of code about this product."""
    problems = coherence.judge_topology(FIFTH, FIFTH.lines[0], (Group(name="a", roles=("front",), units=1),))

    assert [problem.code for problem in problems] == ["missing-role"]
    assert "store" in problems[0].text


@pytest.mark.real
@pytest.mark.usefixtures("program")
def test_it_comes_up_serves_and_changes(clusters: Clusters, tmp_path: Path):
    """It comes up behind nginx, is checked, refuses what is closed or absent, and rolls one by one."""
    cluster = _cluster(clusters, tmp_path)
    bring_up(cluster)

    assert operations.check(cluster).ok
    with httpx2.Client(base_url=cluster.url, trust_env=False) as client:
        absent, closed = client.get("/count"), client.get("/internal/x")
    assert (absent.status_code, absent.json()["role"]) == (503, "extra")
    assert closed.status_code == 403

    before = births(cluster)
    changed = LocalCluster(
        spec=_with_level(cluster, tmp_path), home=cluster.home, tools=cluster.tools, asker=cluster.asker
    )
    bring_up(changed)
    after = births(changed)
    assert all(after[unit] != before[unit] for unit in ("store-0", "store-1", "front-0"))
    assert after["gateway"] == before["gateway"]
    assert operations.check(changed).ok


def _with_level(cluster: LocalCluster, folder: Path) -> topology.ClusterSpec:
    address, port = cluster.spec.gateway_address, cluster.spec.gateway_ports["http"]
    text = _FILE.format(level="warn") + f"    gateway: {{address: {address}, port: {port}}}\n"
    parsed = topology.parse(
        text, source="rolecall.yaml", products={FIFTH.name: FIFTH}, environment={}, folder=folder
    )
    return parsed.clusters[0]
