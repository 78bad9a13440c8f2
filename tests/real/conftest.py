"""Fixtures for tests on real binaries, of any product.

`clusters` makes clusters for one test, `shared_clusters` for all tests of a module; `s3` is a real S3
server. What isn't at hand is skipped by name.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from real_clusters import Clusters
from s3_server import S3Server, serving

from rolecall.local.fetch import binaries
from rolecall.local.fetch.helpers import VERSITYGW


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run a real S3 server on a free loopback port."""
    found = binaries.present(VERSITYGW)
    if found is None:
        pytest.skip(f"no {VERSITYGW.name} at hand: name one in {VERSITYGW.variable}, or let rolecall get it")
    with serving(found.path, tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """Make clusters that end with the test."""
    made = Clusters(folder=tmp_path_factory.mktemp("clusters"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """Make clusters that end with the module."""
    made = Clusters(folder=tmp_path_factory.mktemp("clusters"))
    yield made
    made.close()
