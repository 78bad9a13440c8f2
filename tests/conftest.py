"""What tests on real binaries share, on the local host and on the stage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
