"""What was written stays where it is looked for, whatever an administrator makes of the periods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from properties.test_guarantees import published
from rolecall.core import coordinator, identity, periods
from rolecall.core.model import Severity
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.testing import a_group, observed, settings_of

_DAY = "2026-11-22"
_STARTS = ("2024-08-06", "2026-01-01", _DAY, "2026-11-23", "2027-01-01")

having_periods = pytest.mark.parametrize(
    "product", [one for one in PRODUCTS.values() if one.periods], ids=lambda one: one.name
)


def _drawn_periods() -> st.SearchStrategy[list[dict[str, object]]]:
    """Draw periods in their order, as the binaries want them."""
    schemas = st.sampled_from(("v13", "v14"))
    return st.dictionaries(st.sampled_from(_STARTS), schemas, min_size=1).map(
        lambda drawn: [{"from": start, "schema": drawn[start]} for start in sorted(drawn)]
    )


def _config(product: Product, listed: object) -> dict[str, object]:
    tree = listed
    for key in reversed(product.periods.split(".")):
        tree = {key: tree}
    assert isinstance(tree, dict)
    return tree  # pyright: ignore[reportUnknownVariableType]


def _used(listed: list[dict[str, object]]) -> list[dict[str, object]]:
    return [one for one in listed if str(one["from"]) <= _DAY]


@having_periods
@given(old=_drawn_periods(), new=_drawn_periods())
def test_what_may_hold_data_is_found_as_it_was_written(
    product: Product, old: list[dict[str, object]], new: list[dict[str, object]]
):
    """A change is refused if, and only if, a period that may hold data wouldn't be the same afterwards."""
    was, will = (identity.dump(_config(product, one)) for one in (old, new))

    refused = periods.judge(product, was, will, _DAY)

    assert bool(refused) == (_used(old) != _used(new))


@having_periods
@given(old=_drawn_periods(), new=_drawn_periods())
def test_g9_a_refused_schema_leaves_the_document(
    product: Product, old: list[dict[str, object]], new: list[dict[str, object]]
):
    """A schema that is refused reaches nobody and no binary; a good one replaces the last."""
    groups = [a_group(*rest) for rest in product.minimal]
    raw = {"config-overrides": _config(product, old)}
    seen = replace(observed(product, groups, raw=raw), day=_DAY)
    before = published(product, seen)
    changed = settings_of(product, {"config-overrides": _config(product, new)})
    seen = replace(seen, published=before, settings=changed)

    decision = coordinator.decide(product, seen)

    told = [one for one in decision.verdict.problems if one.code == "config-refused"]
    if _used(old) == _used(new):
        assert told == []
        assert (published(product, seen).config == before.config) == (old == new)
    else:
        assert {one.severity for one in told} == {Severity.WARNING}
        assert decision.desired.candidate == ""
        assert decision.desired.document is not None
        assert decision.desired.document.config == before.config


@pytest.mark.parametrize(
    ("now_s", "day"),
    [
        pytest.param(1_795_305_600, "2026-11-22", id="midnight"),
        pytest.param(1_795_305_600 + 21 * 3600, "2026-11-22", id="evening"),
        pytest.param(1_795_305_600 + 22 * 3600, "2026-11-23", id="too late for a rollout"),
    ],
)
def test_the_day_leaves_room_for_a_rollout(now_s: int, day: str):
    """Two hours before midnight, tomorrow's data may be written before every unit knows of a change."""
    assert periods.day_of(now_s) == day
