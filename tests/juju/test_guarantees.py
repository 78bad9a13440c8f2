"""G1, G3, G4, G5, G7, G8, G9 and G10 in lives of whole clusters of real charms, and that these heal.

A failure names its seed; `ROLECALL_SEED=17 pytest tests/juju/test_guarantees.py` lives through that life
again, for every product.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from clusters import lean
from fates import Fate

from rolecall.core.products import PRODUCTS

_LIVES, _ACTS = 64, 8
"""Four products: 2,048 acts."""
_CHUNK = 16


def seeds() -> list[range]:
    """List the seeds to live through, in chunks that are each one test."""
    chosen = os.environ.get("ROLECALL_SEED")
    if chosen is not None:
        return [range(int(chosen), int(chosen) + 1)]
    return [range(first, first + _CHUNK) for first in range(0, _LIVES, _CHUNK)]


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Let nobody format what the framework says of each hook: it costs a quarter of the time."""
    logging.disable(logging.DEBUG)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("chunk", seeds(), ids=lambda chunk: f"{chunk.start}-{chunk.stop - 1}")
def test_no_life_breaks_a_guarantee(product: str, chunk: range):
    """Whatever happens, in whatever order, nothing ever happens that may not, and the cluster heals."""
    for seed in chunk:
        fate = Fate(seed, lean(PRODUCTS[product]))
        try:
            fate.run(_ACTS)
        except AssertionError as error:
            raise AssertionError(f"ROLECALL_SEED={seed}, {product}: {error}") from error
        finally:
            fate.deployed.juju.close()
