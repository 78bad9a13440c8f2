"""What would keep Loki from working is said before anything starts."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import pytest
from real_clusters import Clusters, leftovers, written
from s3_server import S3Server, free_address

from rolecall.core.model import Problem
from rolecall.core.products.loki import LOKI
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

WORKERS = {"write": 1, "read": 1, "backend": 1}


def refusal(cluster: LocalCluster, *, least_free_bytes: int = 0) -> Problem:
    """Bring a cluster up in vain; return the one problem."""
    outcome = operations.up(cluster, say=print, timeout_s=60, least_free_bytes=least_free_bytes)

    assert not outcome.done
    assert len(outcome.verdict.problems) == 1, outcome.verdict
    return outcome.verdict.problems[0]


def test_a_taken_gateway_port_is_named_with_its_holder(clusters: Clusters):
    """The port and the process that has it are said."""
    cluster = clusters(written(LOKI, WORKERS))
    main = LOKI.listeners[0].name
    place = (cluster.spec.gateway_address, cluster.spec.gateway_ports[main])

    with socket.create_server(place):
        problem = refusal(cluster)

        assert problem.code == "port-taken"
        assert f"{place[0]}:{place[1]}" in problem.text
        assert f"process {os.getpid()}" in problem.text


def test_a_taken_unit_port_is_named_with_its_holder(clusters: Clusters):
    """So it is for a unit; who has the same port of another address is not meant."""
    cluster = clusters(written(LOKI, WORKERS))
    place = next(place for place in cluster.places() if place.unit == "read-0")
    port = LOKI.port("grpc")

    with socket.create_server((place.address, port)), socket.create_server(("127.99.99.99", port)):
        problem = refusal(cluster)

        assert problem.code == "port-taken"
        assert "read-0" in problem.text
        assert f"{place.address}:{port}" in problem.text
        assert f"process {os.getpid()}" in problem.text


def test_too_little_disk_is_said(clusters: Clusters):
    """How much is free and how much is needed."""
    problem = refusal(clusters(written(LOKI, WORKERS)), least_free_bytes=2**60)

    assert problem.code == "disk-full"
    assert f"{2**40} MiB are needed" in problem.text


def test_a_store_that_does_not_answer_is_said(clusters: Clusters, s3: S3Server):
    """A dead endpoint is named."""
    host, port = free_address()
    store = s3.store("nowhere")
    dead = f"http://{host}:{port}"
    clusters.environment = s3.environment

    problem = refusal(clusters(written(LOKI, WORKERS, store=_with(store, {"endpoint": dead}))))

    assert problem.code == "object-store"
    assert dead in problem.text


def test_wrong_keys_are_said_and_not_shown(clusters: Clusters, s3: S3Server):
    """The store's refusal is told, and no key is in it."""
    clusters.environment = {**s3.environment, "REAL_SECRET_KEY": "not-the-planted-one"}

    problem = refusal(clusters(written(LOKI, WORKERS, store=s3.store(s3.bucket()))))

    assert problem.code == "object-store"
    assert "not-the-planted-one" not in repr(problem)
    assert s3.access_key not in repr(problem)


def test_a_missing_bucket_is_said_and_not_made(clusters: Clusters, s3: S3Server):
    """Without `create-bucket` nothing is made."""
    clusters.environment = s3.environment
    before = sorted(s3.folder.iterdir())

    problem = refusal(clusters(written(LOKI, WORKERS, store=s3.store("not-there"))))

    assert problem.code == "object-store"
    assert "not-there" in problem.text
    assert sorted(s3.folder.iterdir()) == before


@pytest.fixture(autouse=True)
def _nothing_started(clusters: Clusters) -> object:
    """Whatever was refused, no process was started for it."""
    yield
    assert [one for cluster in clusters.made.values() for one in leftovers(cluster)] == []


def _with(store: Mapping[str, object], change: Mapping[str, object]) -> dict[str, object]:
    s3 = store["s3"]
    assert isinstance(s3, dict)
    return {"s3": {**s3, **change}}
