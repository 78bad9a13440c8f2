"""Tempo in every shape that its roles allow, on both object stores; the larger ones are where they change."""

from __future__ import annotations

import pytest
from real_clusters import Clusters, bring_up, written
from s3_server import S3Server
from tempo_client import RECEIVERS, serves_and_stores

from rolecall.core.products.tempo import TEMPO
from rolecall.local import operations

pytestmark = pytest.mark.real

MINIMAL = {",".join(roles): units for _, roles, units in TEMPO.minimal}
SHAPES = {
    "minimal-on-s3": MINIMAL,
    "one-all": {"all": 1},
    "two-all-on-s3": {"all": 2},
    "all-and-more": {"all": 1, "ingester": 1, "querier": 1, "query-frontend": 1},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_serves_and_stores(clusters: Clusters, s3: S3Server, shape: str):
    """It takes every protocol, is read by every API, and what was flushed comes from the store."""
    bucket = s3.bucket() if shape.endswith("s3") else ""
    clusters.environment = s3.environment
    store = s3.store(bucket) if bucket else None
    cluster = clusters(written(TEMPO, SHAPES[shape], settings={"receivers": list(RECEIVERS)}, store=store))

    bring_up(cluster)

    seen = operations.status(cluster)
    assert (seen.verdict.problems, {unit.ready for unit in seen.units}) == ((), {True})
    assert seen.replication_factor == 1
    for page, role in (("/ingester/ring", "ingester"), ("/compactor/ring", "compactor")):
        members = {unit.unit for unit in seen.units if {role, "all"} & set(unit.roles)}
        assert seen.rings[page] == dict.fromkeys(members, "ACTIVE")
    serves_and_stores(cluster, s3.folder / bucket if bucket else cluster.home.store)
