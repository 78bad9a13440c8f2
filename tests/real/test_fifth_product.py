"""A product that only its own file knows is judged, brought up, changed and taken down like any other."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from fifth_product import FIFTH, PROGRAM
from patience import until
from real_clusters import Clusters, births, bring_up
from traffic import watching

from rolecall.core import coherence
from rolecall.core.model import Group
from rolecall.core.routes import Answer
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster
from rolecall.local.file import topology
from rolecall.local.readiness import Asker
from rolecall.local.supervisor import Supervisor

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
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the product's executable where its variable names it."""
    path = tmp_path / "fifth"
    path.write_text(PROGRAM.format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv(FIFTH.binary.variable, str(path))
    return path


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
    changed = replace(cluster, spec=_with_level(cluster, tmp_path))
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


class Slow(Asker):
    """Answers only once everything that the supervisor was asked for has come about."""

    def __init__(self, supervisor: Supervisor) -> None:
        """Have the answers wait for `supervisor`."""
        super().__init__()
        self._supervisor = supervisor

    def ready(self, urls: Iterable[str]) -> Mapping[str, Answer]:
        """Ask as ever, late."""
        until(lambda: not self._supervisor.busy(), 10, "the supervisor to be done")
        return super().ready(urls)


_ENDS_LATE = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), os._exit(0)))
"""


@pytest.mark.real
def test_a_slow_look_restarts_nobody_twice(clusters: Clusters, tmp_path: Path, program: Path):
    """A process that is replaced while it is looked at isn't taken for the one before."""
    before, serves, after = program.read_text().partition("http.server.ThreadingHTTPServer")
    program.write_text(before + _ENDS_LATE + serves + after)
    cluster = _cluster(clusters, tmp_path)
    bring_up(cluster)

    with Slow(cluster.supervisor) as slow, watching(cluster) as seen:
        bring_up(replace(cluster, spec=_with_level(cluster, tmp_path), asker=slow))

    assert sorted(seen.restarted) == ["front-0", "store-0", "store-1"]
