"""Fixtures: a cluster for each product and set, shared by all rows that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from object_store import FickleStore, fickle_store
from real_clusters import Clusters
from seen import MEASURED

from rolecall.local.fetch import binaries
from rolecall.local.fetch.helpers import VERSITYGW


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured, a line for each cell."""
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.getreports(outcome)]
    lines = [str(text) for one in reports for name, text in one.user_properties if name == MEASURED]
    if lines:
        terminalreporter.section("what was measured")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FickleStore]:
    """Run an object store that only the clusters of a module use."""
    found = binaries.present(VERSITYGW)
    if found is None:
        pytest.skip(f"no {VERSITYGW.name} at hand: name one in {VERSITYGW.variable}, or let rolecall get it")
    with fickle_store(found.path, tmp_path_factory.mktemp("store")) as made:
        yield made


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory, store: FickleStore) -> Iterator[Clusters]:
    """Make clusters that end with the module."""
    made = Clusters(folder=tmp_path_factory.mktemp("clusters"), environment=store.server.environment)
    yield made
    made.close()
