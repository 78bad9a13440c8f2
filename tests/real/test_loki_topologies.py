"""Loki in every shape that its roles allow, on both object stores."""

from __future__ import annotations

import shutil

import httpx2
import pytest
from loki_client import QUICK, loki_of
from patience import until
from real_clusters import Clusters, bring_up, recommended, take_down, written
from s3_server import S3Server

from rolecall.core.products.loki import LOKI
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

FLUSHED_S = 60
SHAPES = {
    "one-all": {"all": 1},
    "two-all": {"all": 2},
    "three-roles": {"write": 1, "read": 1, "backend": 1},
    "read-write": {"read,write": 1, "backend": 1},
    "recommended": recommended(LOKI),
    "read-backend": {"read,backend": 1, "write": 1},
    "write-backend": {"write,backend": 1, "read": 1},
}
ODD = ("read-backend", "write-backend")
CASES = [
    pytest.param(shape, kind, id=f"{shape}-{kind}")
    for kind in ("directory", "s3")
    for shape in SHAPES
    if kind == "directory" or shape not in ODD
]


@pytest.mark.parametrize(("shape", "kind"), CASES)
def test_a_shape_serves_and_stores(clusters: Clusters, s3: S3Server, shape: str, kind: str):
    """It comes up whole and gives back what it is given; what was flushed is read from the store alone."""
    bucket = s3.bucket() if kind == "s3" else ""
    clusters.environment = s3.environment
    store = s3.store(bucket) if bucket else None
    cluster = clusters(written(LOKI, SHAPES[shape], settings=QUICK, store=store))

    bring_up(cluster)

    checked = operations.check(cluster, timeout_s=60)
    assert checked.ok, checked.text
    with loki_of(cluster) as loki:
        loki.push([f"line {number}" for number in range(20)])
        loki.await_lines(f"line {number}" for number in range(20))
    seen = operations.status(cluster)
    assert (seen.verdict.wrong, {unit.ready for unit in seen.units}) == ((), {True})
    assert seen.replication_factor == (3 if shape == "recommended" else 1)
    writers = {unit.unit for unit in seen.units if {"write", "all"} & set(unit.roles)}
    assert seen.rings["/ring"] == dict.fromkeys(writers, "ACTIVE")
    flush(cluster)
    until(
        lambda: [key for key in stored(cluster, s3, bucket) if "fake/" in key],
        FLUSHED_S,
        "the chunks to be in the store",
        seen=lambda: stored(cluster, s3, bucket),
    )
    if kind == "directory":
        # Whether each process reads what is in the store depends on how its roles are wired together.
        take_down(cluster)
        shutil.rmtree(cluster.home.root / "units")
        bring_up(cluster)
        with loki_of(cluster) as loki:
            loki.await_lines(f"line {number}" for number in range(20))


def flush(cluster: LocalCluster) -> None:
    """Have every writer write its chunks to the store."""
    for unit in operations.status(cluster).units:
        if set(unit.roles) & {"write", "all"}:
            answer = httpx2.post(f"http://{unit.address}:{LOKI.port('http')}/flush", timeout=30)
            assert answer.status_code == 204


def stored(cluster: LocalCluster, s3: S3Server, bucket: str) -> list[str]:
    """List what the object store holds."""
    if bucket:
        return s3.keys(bucket)
    root = cluster.home.store
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
