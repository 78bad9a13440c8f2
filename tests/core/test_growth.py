"""How the work of a decision grows: counted, not timed, so that a busy machine changes nothing."""

from __future__ import annotations

import sys
from collections import Counter
from types import FrameType

import pytest
from msgspec.structs import replace

from rolecall.core import coordinator
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.testing import a_group, observed


def steps(product: Product, workers: int) -> int:
    """Count the calls of one decision in the middle of a rollout: every unit has to restart."""
    groups = [a_group(name, roles, workers // len(product.minimal)) for name, roles, _ in product.minimal]
    seen = observed(product, groups)
    candidate = coordinator.decide(product, seen).desired.candidate
    seen = replace(seen, verified={coordinator.identity.digest_of(candidate): ""} if candidate else {})
    seen = replace(seen, published=coordinator.decide(product, seen).desired.document)
    counts: Counter[str] = Counter()

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        counts[event] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        decision = coordinator.decide(product, seen)
    finally:
        sys.setprofile(before)
    assert len(decision.rollout.remaining) >= workers * 0.9
    return counts.total()


@pytest.mark.parametrize("product", PRODUCTS)
def test_deciding_grows_in_line_with_the_workers(product: str):
    """Ten times the workers are at most ten times the work, and a little for their names."""
    few, many = steps(PRODUCTS[product], 40), steps(PRODUCTS[product], 400)

    assert many < 11 * few
