"""Histories of a cluster, each from a seed.

A failure names its seed; `ROLECALL_SEED=17 pytest tests/core/simulation` lives through that history again,
for every product.
"""

from __future__ import annotations

import os

import pytest

from rolecall.core.products import PRODUCTS
from simulation.fate import Fate

_HISTORIES = 250
_CHUNK = 50


def seeds() -> list[range]:
    """List the seeds to live through, in chunks that are each one test."""
    chosen = os.environ.get("ROLECALL_SEED")
    if chosen:
        return [range(int(chosen), int(chosen) + 1)]
    return [range(first, first + _CHUNK) for first in range(0, _HISTORIES, _CHUNK)]


@pytest.mark.parametrize("chunk", seeds(), ids=lambda chunk: f"{chunk.start}-{chunk.stop - 1}")
@pytest.mark.parametrize("product", PRODUCTS)
def test_history(product: str, chunk: range):
    """Whatever happens, G3, G4 and G5 hold at every step, and the world comes to rest when it ends."""
    for seed in chunk:
        fate = Fate(seed, PRODUCTS[product])
        try:
            fate.run()
        except Exception as error:
            error.add_note(f"{product}, seed {seed}: ROLECALL_SEED={seed} lives through it again")
            error.add_note("\n".join(fate.history[-40:]))
            raise


@pytest.mark.parametrize("product", PRODUCTS)
def test_same_seed_same_history(product: str):
    """The same seed gives the same history, to the last byte of what was published."""
    first, second = Fate(3, PRODUCTS[product]), Fate(3, PRODUCTS[product])

    first.run()
    second.run()

    assert first.history == second.history
    assert first.world.document == second.world.document
