"""What all tests share: the option that rewrites golden files."""

from __future__ import annotations

from functools import partial

import pytest

import cases


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
