"""What all tests share: the option that rewrites golden files, and a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from s3_server import S3Server, serving

import cases
from rolecall.local.fetch import binaries
from rolecall.local.fetch.helpers import VERSITYGW


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--rewrite`."""
    parser.addoption(
        "--rewrite", action="store_true", help="write what the code renders now as the new golden files"
    )


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written instead of compared."""
    return bool(request.config.getoption("--rewrite"))


@pytest.fixture
def golden(rewrite: bool) -> cases.Golden:
    """Run the cases of a file; see `cases.py`."""
    return partial(cases.run, rewrite=rewrite)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run a real S3 server on a free loopback port."""
    found = binaries.present(VERSITYGW)
    if found is None:
        pytest.skip(f"no {VERSITYGW.name} at hand: name one in {VERSITYGW.variable}, or let rolecall get it")
    with serving(found.path, tmp_path_factory.mktemp("s3")) as server:
        yield server
