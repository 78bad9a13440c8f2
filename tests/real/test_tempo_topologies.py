"""Tempo in the shapes that its roles allow, on both object stores; the larger ones are where they change."""

from __future__ import annotations

import pytest
from real_clusters import Clusters, bring_up, written
from s3_server import S3Server
from tempo_client import RECEIVERS, serves_and_stores

from rolecall.core.products.tempo import TEMPO
from rolecall.local import operations

pytestmark = pytest.mark.real

MINIMAL = {",".join(roles): units for _, roles, units in TEMPO.minimal}
ON_S3 = {"minimal": [MINIMAL], "two-all": [{"all": 2}]}
IN_A_DIRECTORY = {"all-then-more": [{"all": 1}, {"all": 1, "ingester": 1, "querier": 1, "query-frontend": 1}]}


@pytest.mark.parametrize("shapes", {**ON_S3, **IN_A_DIRECTORY})
def test_a_shape_serves_and_stores(clusters: Clusters, s3: S3Server, shapes: str):
    """It takes every protocol, is read by every API, and what was flushed comes from the store."""
    bucket = s3.bucket() if shapes in ON_S3 else ""
    clusters.environment = s3.environment
    store = s3.store(bucket) if bucket else None
    settings = {"receivers": list(RECEIVERS)}
    first, *others = {**ON_S3, **IN_A_DIRECTORY}[shapes]
    cluster = clusters(written(TEMPO, first, settings=settings, store=store))

    for shape in (first, *others):
        cluster = clusters.again(cluster, written(TEMPO, shape, settings=settings, store=store))
        bring_up(cluster)

        seen = operations.status(cluster)
        assert ([*seen.verdict.wrong], {unit.ready for unit in seen.units}) == ([], {True})
        assert seen.replication_factor == 1
        for page, role in (("/ingester/ring", "ingester"), ("/compactor/ring", "compactor")):
            members = {unit.unit for unit in seen.units if {role, "all"} & set(unit.roles)}
            assert seen.rings[page] == dict.fromkeys(members, "ACTIVE")
        serves_and_stores(cluster, s3.folder / bucket if bucket else cluster.home.store)
