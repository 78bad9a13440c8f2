"""Read what a process says of the rings it knows."""

from __future__ import annotations

import msgspec


def members_of(page: str) -> dict[str, str]:
    """Read a ring page: member to state. An empty ring is `null` (dskit ring/http.go)."""
    try:
        members = msgspec.json.decode(page, type=_RingPage).shards or []
    except msgspec.DecodeError:
        return {}
    return {member.id: member.state for member in members}


class _Member(msgspec.Struct):
    id: str
    state: str


class _RingPage(msgspec.Struct):
    shards: list[_Member] | None = None
