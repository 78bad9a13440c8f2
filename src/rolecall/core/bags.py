"""The texts of a relation's two bags, apart from the payloads, of which a worker needs none."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class Bags(Struct, frozen=True):
    """What this side of one relation says: key to text."""

    app: Mapping[str, str] = field(default_factory=dict[str, str])
    """Written by the leader only."""
    unit: Mapping[str, str] = field(default_factory=dict[str, str])
