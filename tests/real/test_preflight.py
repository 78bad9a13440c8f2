"""What stands in the way is said before anything is started."""

from __future__ import annotations

import socket

import pytest
from real_clusters import Clusters, births, written
from s3_server import S3Server

from rolecall.core.products.loki import LOKI
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

_ONE = {"write": 1, "read": 1, "backend": 1}


def _refused(cluster: LocalCluster, code: str, **options: int) -> str:
    """Try to bring a cluster up, which must be refused for that reason with nothing started."""
    outcome = operations.up(cluster, say=lambda _: None, timeout_s=60, **options)
    texts = [str(problem) for problem in outcome.verdict.problems if problem.code == code]
    assert not outcome.done
    assert births(cluster) == {}
    assert texts, outcome.verdict.problems
    return texts[0]


@pytest.mark.real
def test_a_taken_gateway_port_names_its_holder(clusters: Clusters):
    """A gateway port that somebody holds is named, with who holds it."""
    cluster = clusters(written(LOKI, _ONE))
    port = cluster.spec.gateway_ports["http"]
    with socket.create_server((cluster.spec.gateway_address, port)):
        text = _refused(cluster, "port-taken")

    assert f"{cluster.spec.gateway_address}:{port}" in text
    assert "pytest" in text or "python" in text


@pytest.mark.real
def test_a_taken_unit_port_is_named(clusters: Clusters):
    """A unit's port that somebody holds is named with its unit."""
    cluster = clusters(written(LOKI, _ONE))
    place = cluster.places()[0]
    with socket.create_server((place.address, LOKI.port("http"))):
        text = _refused(cluster, "port-taken")

    assert f"unit {place.unit}" in text


@pytest.mark.real
def test_too_little_disk_is_said(clusters: Clusters):
    """A disk with less than is needed is refused with both numbers."""
    cluster = clusters(written(LOKI, _ONE))

    text = _refused(cluster, "disk-full", least_free_bytes=2**60)

    assert "MiB are free" in text


@pytest.mark.real
def test_a_dead_store_is_named(clusters: Clusters):
    """A store that nobody answers at is named with verb, bucket, endpoint and cause."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{bound.getsockname()[1]}"
        cluster = clusters_with_store(clusters, endpoint, "lost", "some-secret-key")

        text = _refused(cluster, "object-store")

    assert 'put into bucket "lost"' in text
    assert endpoint in text
    assert "refused" in text


@pytest.mark.real
def test_a_wrong_key_is_named(clusters: Clusters, s3: S3Server):
    """A wrong secret key is named as such, and the key itself is not shown."""
    cluster = clusters_with_store(clusters, s3.endpoint, s3.bucket(), "not-the-secret-key", s3.access_key)

    text = _refused(cluster, "object-store")

    assert "wrong secret key" in text
    assert "not-the-secret-key" not in text


def clusters_with_store(
    clusters: Clusters, endpoint: str, bucket: str, secret: str, access: str = "an-access-key"
) -> LocalCluster:
    """Make a cluster on an S3 store with keys from variables."""
    clusters.environment = {"PREFLIGHT_ACCESS": access, "PREFLIGHT_SECRET": secret}
    store = {
        "s3": {
            "endpoint": endpoint,
            "bucket": bucket,
            "access-key": {"env": "PREFLIGHT_ACCESS"},
            "secret-key": {"env": "PREFLIGHT_SECRET"},
        }
    }
    return clusters(written(LOKI, _ONE, store=store))
