"""Loopback addresses for units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolecall.local.addresses import MOST_UNITS, network_of, plan_addresses

UNITS = st.lists(st.text("abc", min_size=1, max_size=4), unique=True, max_size=20)


@given(st.text())
def test_network(uuid: str):
    """A cluster's network is always the same, and clear of what else a machine has on loopback."""
    first, second, third = (int(number) for number in network_of(uuid).split("."))

    assert network_of(uuid) == network_of(uuid)
    assert first == 127
    assert 16 <= second <= 250
    assert 0 <= third <= 255


@given(UNITS, UNITS)
def test_known_addresses_stay(before: list[str], after: list[str]):
    """A unit keeps its address whoever joins or leaves, and no two share one (G1)."""
    known = plan_addresses("demo", before, {})

    planned = plan_addresses("demo", after, known)

    assert list(planned) == after
    assert all(planned[unit] == known[unit] for unit in after if unit in known)
    assert len(set(planned.values()) | set(known.values())) == len(set(before) | set(after))


def test_lowest_free():
    """A new unit gets the lowest address that is free."""
    network = network_of("demo")

    planned = plan_addresses("demo", ["b", "c"], {"a": f"{network}.1", "b": f"{network}.3"})

    assert planned == {"b": f"{network}.3", "c": f"{network}.2"}


def test_full():
    """More units than a network has addresses are refused by name."""
    with pytest.raises(ValueError, match="cannot address u254"):
        plan_addresses("demo", [f"u{number}" for number in range(MOST_UNITS + 1)], {})
