"""Guard the periods of a schema: how data is laid out in the object store, and from which day on.

What was written in a period is found by that period alone. So one that may hold data is never changed,
dropped or moved, and none is added among them; those that begin later are the administrator's to change.
Days are dates in UTC as text, which sort as they follow each other.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import cast

from msgspec import Struct

from rolecall.core import identity
from rolecall.core.model import Problem, Severity
from rolecall.core.product import Product
from rolecall.core.settings import dotted
from rolecall.core.tree import Tree

_ROLLOUT_S = 2 * 3600
"""Room for a change to reach every unit, and for data that is dated a little ahead of its time."""


class _Period(Struct, frozen=True):
    """One period, with what it says by dotted key."""

    start: str
    keys: Mapping[str, str]


def day_of(now_s: float) -> str:
    """Return the last day that may hold data by the time that a change made now has reached every unit."""
    then = datetime.datetime.fromtimestamp(now_s + _ROLLOUT_S, datetime.UTC)
    return then.date().isoformat()


def judge(product: Product, old: str, new: str, day: str) -> tuple[Problem, ...]:
    """Say what a new config would do to periods that may hold data, one problem for each of them.

    Both configs are YAML; where the old one has no periods, nothing is known that could be harmed. Until the
    end of `day` there may be data; empty means that the day isn't known, and then any period may hold some.
    """
    if old == new:
        # Nearly always so, and then nothing has to be parsed.
        return ()
    before, after = _periods(product, old), _periods(product, new)
    if not before or before == after:
        return ()
    was, will = ([period for period in some if _used(period, day)] for some in (before, after))
    later = f", and let a new period begin after {day}" if day else ""
    return tuple(
        Problem(
            code="config-refused",
            text=f"cannot use {product.periods}: {fact}",
            remedy=f"write it as it was{later}; every unit keeps the last good config meanwhile",
            severity=Severity.WARNING,
            facts=(("key", product.periods), ("period", start)),
        )
        for start, fact in _harms(was, will)
    )


def _used(period: _Period, day: str) -> bool:
    return not day or period.start <= day


def _harms(before: list[_Period], after: list[_Period]) -> Iterator[tuple[str, str]]:
    """Compare periods that may hold data; yield the start of each that is harmed, and how."""
    new = {period.start: period for period in after}
    for period in before:
        holds = f"the period from {period.start} may hold data and"
        if period.start not in new:
            yield period.start, f"{holds} would be dropped"
        elif changes := _changes(period, new[period.start]):
            yield period.start, f"{holds} would change: {changes}"
    known = {period.start for period in before}
    for period in after:
        if period.start not in known:
            yield period.start, f"a period from {period.start} would be added where data may be already"
    kept = [period.start for period in after if period.start in known]
    if kept != [period.start for period in before if period.start in new]:
        yield kept[0], f"the periods would change places: {', '.join(kept)}"


def _changes(old: _Period, new: _Period) -> str:
    """Say key by key what differs; empty when nothing does."""
    keys = sorted({*old.keys, *new.keys})
    return ", ".join(
        f"{key} from {old.keys.get(key, 'nothing')} to {new.keys.get(key, 'nothing')}"
        for key in keys
        if old.keys.get(key) != new.keys.get(key)
    )


def _periods(product: Product, config: str) -> list[_Period]:
    """Read the periods of a config in their order; what is no period the binary will refuse."""
    found: object = identity.loaded(config) if product.periods and identity.readable(config) else None
    for key in product.periods.split("."):
        found = cast("Tree", found).get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, list):
        return []
    trees = [cast("Tree", one) for one in cast("list[object]", found) if isinstance(one, Mapping)]
    return [
        _Period(start=str(tree.get("from", "")), keys={key: str(_at(tree, key)) for key in dotted(tree)})
        for tree in trees
    ]


def _at(tree: Tree, path: str) -> object:
    """Return what is at a dotted path that is there."""
    *folders, last = path.split(".")
    for key in folders:
        tree = cast("Tree", tree[key])
    return tree[last]
