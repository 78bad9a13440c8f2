"""Fixtures for charms on the stage; what isn't at hand is skipped by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from charmed import CHARMS, Charmed
from s3_server import S3Server
from stage_site import site

from rolecall.core.product import Product
from stage import namespaces, rocks
from stage.charm import read

PODS = "stage.pod:LoopbackPod"
Deployer = Callable[..., Charmed]


@pytest.fixture(scope="module")
def charmed(s3: S3Server) -> Iterator[Deployer]:
    """Deploy clusters of real charms that end with the module; each has a stage of its own."""
    with ExitStack() as stages:

        def deploy(
            product: Product, workers: tuple[tuple[str, tuple[str, ...], int], ...], *, coordinators: int = 1
        ) -> Charmed:
            skip_without(product)
            running = stages.enter_context(site(PODS))
            cluster = Charmed(site=running, product=product)
            cluster.deploy(workers, coordinators=coordinators, store=store_options(s3))
            return cluster

        yield deploy


def store_options(s3: S3Server) -> dict[str, str]:
    """Return the options of the stand-in that gives a new bucket of a server."""
    return {
        "endpoint": s3.endpoint,
        "bucket": s3.bucket(),
        "region": "us-east-1",
        "access-key": s3.access_key,
        "secret-key": s3.secret_key,
    }


def skip_without(product: Product) -> None:
    """Skip the test where this machine can't run the product's charms on the stage."""
    if reason := namespaces.unsupported():
        pytest.skip(f"no stage here: {reason}")
    folder: Path = CHARMS / product.name
    resources = {
        container.resource
        for kind in ("coordinator", "worker")
        for container in read(folder / kind).containers
    }
    if missing := rocks.lacking(sorted(resources)):
        pytest.skip("; ".join(missing))
