"""Fixtures for tests on real binaries, of any product.

`clusters` makes clusters for one test, `shared_clusters` for all tests of a module. What isn't at hand is
skipped by name.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from real_clusters import Clusters


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
