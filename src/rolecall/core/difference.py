"""Name what a unit reads at its start by one document and not by another: names only, never a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from rolecall.core import identity
from rolecall.core.model import Document
from rolecall.core.product import Product

_NAMES: Mapping[str, str] = {
    "arguments": "its command line",
    "targets": "its command line",
    "secret": "the object store's keys",
    "authority": "the authority of the object store's certificate",
    "restarts": "a restart asked for by hand, or for more copies",
}
"""What is one thing to a person, by its name in `identity.read_at_start`."""
_MOST = 5


def between(
    product: Product, before: Document, after: Document, unit: str, roles: tuple[str, ...]
) -> tuple[str, ...]:
    """List what `unit`, with `roles` as written, has to restart for from one document to the other."""
    old, new = (
        identity.read_at_start(product, document, roles, document.restarts.get(unit, 0))
        for document in (before, after)
    )
    found: list[str] = []
    for key in sorted({*old, *new}):
        if old.get(key) == new.get(key):
            continue
        if key in _NAMES:
            found.append(_NAMES[key])
        else:
            kind = "variable" if key == "environment" else key
            found.extend(f"{kind} {path}" for path in _paths(old.get(key), new.get(key)))
    return tuple(dict.fromkeys(found))


def told(names: Iterable[str]) -> str:
    """Say in one line what differs, the first of it when that is much."""
    listed = tuple(names)
    more = f" and {len(listed) - _MOST} more" if len(listed) > _MOST else ""
    return ", ".join(listed[:_MOST]) + more


def _paths(old: object, new: object, prefix: str = "") -> tuple[str, ...]:
    """List the dotted paths below which two trees differ."""
    if old == new:
        return ()
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return (prefix.removesuffix("."),)
    before, after = cast("Mapping[str, object]", old), cast("Mapping[str, object]", new)
    return tuple(
        path
        for key in sorted({*before, *after}, key=str)
        for path in _paths(before.get(key, {}), after.get(key, {}), f"{prefix}{key}.")
    )
