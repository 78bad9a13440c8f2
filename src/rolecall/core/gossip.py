"""Say in the units' gossip how many writes a member of a ring is to get.

Writes go to a member by its tokens; it is read from as long as it is in the ring. Most products have no call
that tells the two apart, but what their processes gossip does: a member's entry with its tokens taken away is
kept up by the member itself, as it is, at each heartbeat (dskit ring/lifecycler.go, updateConsul).

Of two entries of a member the newer one counts (ring/model.go, mergeWithTime). So one that is dated ahead
stands until then, whatever the member says, even that it is gone. A member that is back by then never was
away: what is asked of it meanwhile fails and is asked again, instead of being answered without it.

Where the words aren't understood, nothing changes: writes go on to come, and readers miss what they miss.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

_PACKET, _LABEL, _USER = 1, 244, 8
"""What begins a packet (dskit kv/memberlist/tcp_transport.go), the label of a cluster and a message of the
application's (hashicorp/memberlist label.go, net.go)."""
_LITERAL = 60
"""The longest piece that snappy takes as it is, with one byte before it (google/snappy,
format_description.txt)."""
_ALL_HASHES = 2**32


class Entry(Struct, frozen=True, kw_only=True):
    """A member's entry in a ring."""

    member: str
    address: str
    zone: str = ""
    registered_s: int = 0
    tokens: tuple[int, ...] = ()


class _Instance(Struct):
    addr: str = ""
    zone: str = ""
    registered_timestamp: int = 0
    tokens: tuple[int, ...] = ()


class _Page(Struct):
    ingesters: dict[str, _Instance] = field(default_factory=dict[str, _Instance])


def page(ring: str) -> str:
    """Return where a process shows a ring as it is gossiped (dskit kv/memberlist/http_status_handler.go)."""
    return f"/memberlist?viewKey={quote(ring, safe='')}&format=json"


def entry_of(shown: str, member: str) -> Entry | None:
    """Return a member's entry; None if it has none, can't be read, or nobody else has tokens."""
    members = _members(shown)
    own = members.get(member)
    if own is None or not own.tokens or not any(_tokens(members, but=member)):
        return None
    return Entry(
        member=member,
        address=own.addr,
        zone=own.zone,
        registered_s=own.registered_timestamp,
        tokens=own.tokens,
    )


def spare(shown: str, member: str) -> int | None:
    """Return a token that gets no writes to speak of: it stands right behind another member's.

    With no token at all a process that starts again calls itself not ready (dskit ring/lifecycler.go).
    """
    members = _members(shown)
    taken = {token for one in members.values() for token in one.tokens}
    behind = ((token + 1) % _ALL_HASHES for token in sorted(_tokens(members, but=member)))
    return next((token for token in behind if token not in taken), None)


def label_of(config: str) -> str:
    """Return what a rendered config calls the cluster in its gossip."""
    found = re.search(r"^  cluster_label: '?([^'\n]+?)'?$", config, re.MULTILINE)
    return found[1] if found else ""


def packet(entry: Entry, *, ring: str, label: str, at_s: int) -> bytes:
    """Build the packet that tells a process of a member's entry, active and dated `at_s`."""
    pair = (
        *_text(1, ring.encode()),
        *_text(2, _snappy(_description(entry, at_s))),
        *_text(3, b"ringDesc"),
    )
    named = label.encode()
    said = bytes((_LABEL, len(named), *named, _USER, *pair))
    sender = entry.address.encode()
    digest = hashlib.md5(said, usedforsecurity=False).digest()
    return bytes((_PACKET, len(sender), *sender)) + said + digest


def _description(entry: Entry, at_s: int) -> bytes:
    """Build the ring with that entry only (dskit ring/ring.proto); ACTIVE is 0, and left out."""
    tokens = b"".join(_number(token) for token in entry.tokens)
    instance = (
        *_text(1, entry.address.encode()),
        *_value(2, at_s),
        *_text(6, tokens),
        *_text(7, entry.zone.encode()),
        *_value(8, entry.registered_s),
        *_text(9, entry.member.encode()),
    )
    return _text(1, _text(1, entry.member.encode()) + _text(2, bytes(instance)))


def _members(shown: str) -> Mapping[str, _Instance]:
    try:
        return msgspec.json.decode(shown, type=_Page).ingesters
    except msgspec.DecodeError:
        return {}


def _tokens(members: Mapping[str, _Instance], *, but: str) -> Iterable[int]:
    return (token for name, one in members.items() if name != but for token in one.tokens)


def _number(number: int) -> bytes:
    """Encode a number as protobuf does (protobuf.dev/programming-guides/encoding)."""
    parts: list[int] = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))


def _value(place: int, number: int) -> bytes:
    return _number(place << 3) + _number(number) if number else b""


def _text(place: int, content: bytes) -> bytes:
    return _number(place << 3 | 2) + _number(len(content)) + content if content else b""


def _snappy(content: bytes) -> bytes:
    """Wrap bytes as snappy does what it can't make shorter."""
    pieces = (content[at : at + _LITERAL] for at in range(0, len(content), _LITERAL))
    return _number(len(content)) + b"".join(bytes(((len(one) - 1) << 2,)) + one for one in pieces)
