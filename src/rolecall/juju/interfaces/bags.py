"""Bags of a relation: read once, written only where they differ.

Whoever writes a key wakes every unit on the other side, even where the text is the one that was there.
"""

from __future__ import annotations

from collections.abc import Mapping

import ops
from msgspec import Struct

from rolecall.core.bags import Bags


class Theirs(Struct, frozen=True):
    """What the other side of one relation says."""

    app: Mapping[str, str]
    units: Mapping[str, Mapping[str, str]]
    """Unit to its bag, by the units' names."""


def read_app(relation: ops.Relation) -> Mapping[str, str]:
    """Read the other application's bag; empty while there is none."""
    return dict(relation.data[relation.app]) if relation.app and relation.active else {}


def read_units(relation: ops.Relation) -> Mapping[str, Mapping[str, str]]:
    """Read the bags of the other side's units."""
    if not relation.active:
        return {}
    return {unit.name: dict(relation.data[unit]) for unit in sorted(relation.units, key=lambda one: one.name)}


def read(relation: ops.Relation) -> Theirs:
    """Read everything that the other side says."""
    return Theirs(read_app(relation), read_units(relation))


def write(
    relation: ops.Relation,
    app: ops.Application | None,
    unit: ops.Unit,
    bags: Bags,
    *,
    keeps: frozenset[str] = frozenset(),
) -> tuple[str, ...]:
    """Make our side of a relation say `bags` and nothing else; return the keys that were written or removed.

    `app` is None on a unit that doesn't lead: only the leader may write, or read, its application's bag. A
    relation that is going away is left alone, as are the keys of the unit's bag that it `keeps`.
    """
    if not relation.active:
        return ()
    changed = _write(relation.data[unit], bags.unit, keeps)
    return changed if app is None else (*changed, *_write(relation.data[app], bags.app))


def write_app(relation: ops.Relation, app: ops.Application, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Make our application's bag say `wanted`, as `write` does; our unit has never said anything there."""
    return _write(relation.data[app], wanted) if relation.active else ()


def _write(
    bag: ops.RelationDataContent, wanted: Mapping[str, str], keeps: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Write one bag; an empty text is no text, because Juju takes it for a removal."""
    there = dict(bag)
    said = {key: text for key, text in wanted.items() if text}
    new = tuple(key for key in sorted(said) if there.get(key) != said[key])
    gone = tuple(key for key in sorted(there.keys() - said.keys()) if key not in _OF_JUJU | keeps)
    for key in new:
        bag[key] = said[key]
    for key in gone:
        del bag[key]
    return (*new, *gone)


_OF_JUJU = frozenset({"egress-subnets", "ingress-address", "private-address"})
"""What Juju itself puts into every unit's bag."""
