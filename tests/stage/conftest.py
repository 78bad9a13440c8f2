"""Fixtures for charms on the stage, or on a real Juju; what isn't at hand is skipped by name.

`test_charmed_*.py` run on the stage unless variables say otherwise:

- `JUJU`: the command of a real Juju, logged in to a controller on Kubernetes whose pods this machine reaches;
- `ROLECALL_CHARMS`: a folder of packed charms, as `make charms` leaves them; a real Juju needs it;
- `ROLECALL_S3_ENDPOINT`, `_BUCKET`, `_REGION`, `_ACCESS_KEY`, `_SECRET_KEY`: an object store that pods reach.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from charmed import CHARMS, Charmed
from s3_server import S3Server
from stage_site import REAL, real_site, site

from rolecall.core.product import Product
from stage import namespaces, rocks
from stage.charm import read

PODS = "stage.pod:LoopbackPod"
Deployer = Callable[..., Charmed]


@pytest.fixture(scope="module")
def charmed(request: pytest.FixtureRequest) -> Iterator[Deployer]:
    """Deploy clusters of real charms, each on a stage of its own; one ends with the next, or the module."""
    with ExitStack() as stages:

        def deploy(
            product: Product,
            workers: tuple[tuple[str, tuple[str, ...], int], ...],
            *,
            coordinators: int = 1,
            solo: bool = False,
        ) -> Charmed:
            store = given_store() or store_options(request.getfixturevalue("s3"))
            if not REAL:
                skip_without(product)
            # The next one is to have the machine to itself.
            stages.close()
            running = stages.enter_context(real_site() if REAL else site(PODS))
            cluster = Charmed(site=running, product=product)
            cluster.deploy(workers, coordinators=coordinators, store=store, solo=solo)
            return cluster

        yield deploy


def given_store() -> dict[str, str]:
    """Return the options of the object store that the environment names; empty where it names none."""
    names = ("endpoint", "bucket", "region", "access-key", "secret-key")
    variables = {name: f"ROLECALL_S3_{name.upper().replace('-', '_')}" for name in names}
    if not os.environ.get(variables["endpoint"]):
        return {}
    return {name: os.environ[variable] for name, variable in variables.items()}


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
