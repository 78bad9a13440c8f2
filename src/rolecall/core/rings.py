"""Read ring pages: who is a member, and whether the others have heard of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from rolecall.core.product import Product
from rolecall.core.routes import Answer, Ring

_ACTIVE = "ACTIVE"

SETTLING = "it is ready, and the other units are still finding it"
"""How it begins what a unit says whose process is ready, and that doesn't count as ready yet."""


class _Member(Struct):
    id: str
    state: str


class _RingPage(Struct):
    shards: list[_Member] | None = None


def members_of(page: str) -> dict[str, str]:
    """Read a ring page: member to state. An empty ring is `null` (dskit ring/http.go)."""
    try:
        members = msgspec.json.decode(page, type=_RingPage).shards or []
    except msgspec.DecodeError:
        return {}
    return {member.id: member.state for member in members}


def rings_of(product: Product, line: str, roles: Iterable[str]) -> tuple[Ring, ...]:
    """List the rings that units with these roles are members of."""
    own = frozenset(roles)
    return tuple(
        ring
        for ring in product.rings
        if (ring.members or ring.role) in own and (not ring.lines or line in ring.lines)
    )


def doors(
    product: Product, line: str, ready: Iterable[tuple[tuple[str, ...], str]]
) -> tuple[tuple[Ring, str], ...]:
    """Return each ring with the first of some ready units, by roles and address, that has a page of it."""
    units = tuple(ready)
    found = (
        (ring, next((address for roles, address in units if ring.role in roles), ""))
        for ring in product.rings
        if not ring.lines or line in ring.lines
    )
    return tuple((ring, address) for ring, address in found if address)


class Member(Struct, frozen=True, kw_only=True):
    """A unit and where its process and those of the others answer."""

    unit: str
    base: str
    """Its own address, such as `http://127.1.2.3:3100`."""
    others: tuple[str, ...]


def unheard(member: Member, rings: Iterable[Ring], ask: Callable[[str], Answer]) -> str:
    """Say which other process has a page of a ring and doesn't show the member as active; empty: all do.

    A ring that it isn't active in by its own page has nothing to wait for. Whoever has no such page itself is
    active in it, being ready (dskit ring/lifecycler.go, CheckReady).
    """
    for ring in rings:
        own = ask(member.base + ring.path)
        if own.status == 200 and members_of(own.text).get(member.unit) != _ACTIVE:
            continue
        for other in member.others:
            answer = ask(other + ring.path)
            if answer.status == 200 and members_of(answer.text).get(member.unit) != _ACTIVE:
                return f"{SETTLING}: {other.rpartition('/')[2]} doesn't show it in {ring.path} yet"
    return ""
