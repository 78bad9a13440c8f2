"""What may and what may not happen to a running Loki when something about it changes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from loki_client import API, Loki, loki_of
from patience import until
from real_clusters import (
    Clusters,
    births,
    bring_up,
    kill,
    nginx_workers,
    recommended,
    written,
    written_files,
)

from rolecall.core.products.loki import LOKI
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster
from rolecall.local.front import GatewayError
from rolecall.local.home import read_list

pytestmark = pytest.mark.real

LIVE_S = 15
ROLECALL = Path(sys.executable).with_name("rolecall")
WORKERS = recommended(LOKI)


@pytest.fixture(scope="module")
def running(shared_clusters: Clusters) -> LocalCluster:
    cluster = shared_clusters(written(LOKI, WORKERS))
    bring_up(cluster)
    return cluster


@pytest.fixture
def cluster(running: LocalCluster, shared_clusters: Clusters) -> LocalCluster:
    """The recommended cluster with nothing special about it, whatever an earlier test did."""
    plain = shared_clusters.again(running, written(LOKI, WORKERS))
    bring_up(plain)
    return plain


@pytest.fixture
def loki(cluster: LocalCluster) -> Iterator[Loki]:
    with loki_of(cluster) as client:
        yield client


def changed(clusters: Clusters, cluster: LocalCluster, settings: Mapping[str, object]) -> LocalCluster:
    return clusters.again(cluster, written(LOKI, WORKERS, settings=settings))


def test_a_second_up_does_nothing(cluster: LocalCluster):
    """G11: no file is written, nothing is reloaded, nothing is restarted."""
    before = written_files(cluster), births(cluster), nginx_workers(cluster)

    outcome = bring_up(cluster)

    assert (written_files(cluster), births(cluster), nginx_workers(cluster)) == before
    assert outcome.verdict.wrong == ()


def test_the_same_file_renders_to_the_same_bytes(cluster: LocalCluster, tmp_path: Path):
    """G2: two renders with different hash seeds agree in every byte."""
    file = Clusters.file(cluster)
    trees = [rendered(file, tmp_path / seed, seed) for seed in ("1", "2")]

    assert trees[0] == trees[1]
    assert any(name.endswith("config.yaml") for name in trees[0])


def rendered(file: Path, to: Path, seed: str) -> dict[str, bytes]:
    subprocess.run(
        [ROLECALL, "render", str(file), "--to", str(to)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
        timeout=60,
    )
    return {str(path.relative_to(to)): path.read_bytes() for path in to.rglob("*") if path.is_file()}


def test_a_limit_is_live_without_a_restart(cluster: LocalCluster, loki: Loki, shared_clusters: Clusters):
    """A changed limit is what the writers refuse by within seconds, and every process is the same."""
    before, longest = births(cluster), "x" * 300
    loki.push([longest])

    changed_cluster = changed(shared_clusters, cluster, {"limits": {"max_line_size": "200B"}})
    bring_up(changed_cluster)

    body = {"streams": [{"stream": {"job": "long"}, "values": [["{}", longest]]}]}
    until(lambda: refused(loki, body), LIVE_S, "the new limit to refuse a push")
    assert births(cluster) == before


def refused(loki: Loki, body: Mapping[str, object]) -> bool:
    import time

    stamped = yaml.safe_load(yaml.safe_dump(body).replace("{}", str(time.time_ns())))
    return loki.http.post(f"{API}/push", json=stamped).status_code == 400


_MOVED = {
    "from": "2024-08-06",
    "store": "tsdb",
    "object_store": "filesystem",
    "schema": "v13",
    "index": {"prefix": "moved_", "period": "24h"},
}
"""A schema that the binary has nothing against, and by which nothing that was written would be found."""


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"config-overrides": {"querier": {"no_such_key": 1}}}, "config-overrides.querier.no_such_key"),
        ({"limits": {"retention_perod": "1d"}}, "limits.retention_perod"),
        ({"limits": {"max_line_size": "many"}}, "limits.max_line_size"),
        ({"config-overrides": {"schema_config": {"configs": [_MOVED]}}}, "schema_config.configs"),
    ],
    ids=["override", "limit", "value", "schema"],
)
def test_a_bad_key_reaches_no_unit(
    cluster: LocalCluster, shared_clusters: Clusters, settings: Mapping[str, object], key: str
):
    """G9: the binary refuses it first; the files and processes stay, and up and status name the key."""
    before, files = births(cluster), written_files(cluster)
    bad = changed(shared_clusters, cluster, settings)

    outcome = operations.up(bad, say=print, timeout_s=60)

    named = [problem for problem in outcome.verdict.problems if problem.code == "config-refused"]
    assert not outcome.done
    assert [value for problem in named for name, value in problem.facts if name == "key"] == [key]
    assert key in str(operations.status(bad).verdict.problems)
    assert births(bad) == before
    after = written_files(bad)
    assert {name for name in files if after[name] != files[name]} <= {"verified.json"}
    assert operations.check(bad).ok


def test_a_bad_setting_is_refused_whole(cluster: LocalCluster):
    """G9: a file with a setting that makes no sense changes nothing, and the command says where."""
    file = Clusters.file(cluster)
    good, before = file.read_text(), births(cluster)
    file.write_text(yaml.safe_dump(_with(yaml.safe_load(good), "settings", {"retention": "soon"})))

    said = subprocess.run(
        [ROLECALL, "up", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    file.write_text(good)
    assert said.returncode == 2
    assert "settings.retention" in said.stdout + said.stderr
    assert births(cluster) == before


def test_whoever_says_no_to_a_forced_scale_in_finds_the_file_as_it_was(cluster: LocalCluster):
    """G6: nothing is changed before the question is answered, neither the cluster nor what it shall be."""
    file = Clusters.file(cluster)
    good, before = file.read_text(), births(cluster)

    said = subprocess.run(
        [ROLECALL, "scale", "write=2", "--force", "--file", str(file)],
        input="n\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert said.returncode == 130
    assert "write-2 will go without waiting" in said.stderr
    assert file.read_text() == good
    assert births(cluster) == before


def _with(tree: dict[str, dict[str, dict[str, object]]], key: str, value: object) -> object:
    for cluster in tree["clusters"].values():
        cluster[key] = value
    return tree


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "1", "config": "}{", "revision": "nan"}'])
def test_a_broken_document_changes_nothing(cluster: LocalCluster, text: str):
    """G9: whatever stands in the published document, what runs goes on, and the document heals."""
    before = births(cluster)
    cluster.home.document.write_text(text)

    bring_up(cluster)

    assert births(cluster) == before
    assert cluster.document() is not None
    assert operations.check(cluster).ok


@pytest.mark.parametrize("text", ["", "{", '{"version": "1", "roles": "7", "address": "x"}'])
def test_a_broken_report_changes_nothing(cluster: LocalCluster, text: str):
    """G9: a unit's report that can't be read is written anew; nothing restarts."""
    before = births(cluster)
    cluster.home.report("write-0").write_text(text)
    cluster.home.report("read-1").write_text(text)

    bring_up(cluster)

    assert births(cluster) == before


def test_a_gateway_text_that_nginx_refuses_is_not_loaded(cluster: LocalCluster):
    """G9: the gateway goes on with the last good text."""
    good, workers = cluster.gateway.loaded, nginx_workers(cluster)

    with pytest.raises(GatewayError, match="nonsense"):
        cluster.gateway.load("nonsense;", frozenset(), admin=False)

    assert (cluster.gateway.loaded, nginx_workers(cluster)) == (good, workers)
    assert operations.check(cluster).ok


def test_a_taken_gateway_port_is_said_and_the_old_one_stays(cluster: LocalCluster, shared_clusters: Clusters):
    """G9: a running gateway that is to move to a port that someone holds stays where it is."""
    workers = nginx_workers(cluster)
    with socket.create_server((cluster.spec.gateway_address, 0)) as holder:
        port = holder.getsockname()[1]
        tree = yaml.safe_load(written(LOKI, WORKERS))
        _with(tree, "gateway", {"address": cluster.spec.gateway_address, "port": port})
        moved = shared_clusters.again(cluster, yaml.safe_dump(tree))

        outcome = operations.up(moved, say=print, timeout_s=60)

    assert not outcome.done
    assert [problem.code for problem in outcome.verdict.problems] == ["port-taken"]
    assert f":{port} " in outcome.verdict.problems[0].text
    assert nginx_workers(cluster) == workers
    assert operations.check(cluster).ok


def test_an_interrupted_load_is_finished(cluster: LocalCluster, shared_clusters: Clusters):
    """A text that was written and not yet loaded when we were ended is loaded by the next up."""
    workers = nginx_workers(cluster)
    opened = changed(shared_clusters, cluster, {"admin": True})
    bring_up(opened)
    with_admin = (cluster.home.gateway / "nginx.conf").read_text()
    bring_up(changed(shared_clusters, cluster, {}))
    (cluster.home.gateway / "nginx.conf").write_text(with_admin)

    bring_up(changed(shared_clusters, cluster, {"admin": True}))

    with loki_of(opened) as loki:
        assert loki.http.post("/flush").status_code == 401
    assert not nginx_workers(cluster) & workers


def test_what_needs_no_backend_goes_on_without(cluster: LocalCluster, shared_clusters: Clusters):
    """G8: with a role gone, limits, gateway and status follow at once, and it heals by itself."""
    others = {unit: birth for unit, birth in births(cluster).items() if not unit.startswith("backend")}
    kill(cluster, "backend-0")
    kill(cluster, "backend-1")
    limited = changed(shared_clusters, cluster, {"limits": {"max_line_size": "100KB"}})

    limited.cycle()

    with loki_of(limited) as loki:
        answer = loki.http.get("/readyz")
        loki.push(["without a backend"])
    assert (answer.status_code, answer.json()["roles"]) == (503, ["backend"])
    assert not {unit for unit in read_list(limited.home.serving) if unit.startswith("backend")}
    for unit in others.keys() - {"gateway", "supervisor"}:
        assert "100KB" in (limited.home.unit(unit) / "data" / "runtime.yaml").read_text()
    codes = {problem.code for problem in operations.status(limited).verdict.problems}
    assert "role-not-ready" in codes
    bring_up(limited)
    assert {unit: birth for unit, birth in births(limited).items() if unit in others} == others


def test_z_a_unit_that_joins_restarts_nobody(cluster: LocalCluster, shared_clusters: Clusters):
    """G1: a fourth writer comes, every old one sees it active, and no other process is touched."""
    before = births(cluster)
    four = shared_clusters.again(cluster, written(LOKI, {**WORKERS, "write": 4}))

    bring_up(four)

    after = births(four)
    assert set(after) - set(before) == {"write-3"}
    assert {unit: after[unit] for unit in before} == before
    ring = next(ring for ring in LOKI.rings if ring.role == "write")
    old = [unit for unit in operations.status(four).units if unit.unit != "write-3"]
    for unit in old:
        until(
            lambda address=unit.address: four.rings.members(ring, address).get("write-3") == "ACTIVE",
            60,
            f"{unit.unit} to see write-3 active",
        )
    assert operations.check(four).ok
