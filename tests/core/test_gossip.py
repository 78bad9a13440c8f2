"""What is said of a member in its gossip."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
import pytest

from rolecall.core import gossip
from rolecall.core.gossip import Entry


def shown(**members: Mapping[str, object]) -> str:
    return msgspec.json.encode({"ingesters": members}).decode()


OWN: dict[str, object] = {
    "addr": "127.1.2.3:9095",
    "timestamp": 1700000000,
    "tokens": [5, 70],
    "zone": "a",
    "registered_timestamp": 1600000000,
}
OTHER: dict[str, object] = {"addr": "127.1.2.4:9095", "tokens": [6, 4294967295]}


def test_an_entry_is_read_as_the_member_has_it():
    """Nothing of it is made up, and it can be said again."""
    expected = Entry(
        member="w/0", address="127.1.2.3:9095", zone="a", registered_s=1600000000, tokens=(5, 70)
    )
    assert gossip.entry_of(shown(**{"w/0": OWN, "w/1": OTHER}), "w/0") == expected


@pytest.mark.parametrize(
    "page",
    [
        "",
        "404 page not found",
        "{}",
        shown(**{"w/1": OTHER}),
        shown(**{"w/0": {"addr": "a"}, "w/1": OTHER}),
        shown(**{"w/0": OWN}),
        shown(**{"w/0": OWN, "w/1": {"addr": "127.1.2.4:9095"}}),
    ],
)
def test_no_entry_is_taken_where_nobody_else_could_have_the_writes(page: str):
    """Nor where nothing can be read."""
    assert gossip.entry_of(page, "w/0") is None


def test_the_spare_token_stands_right_behind_anothers():
    """So it owns a single hash; it is nobody's, and hashes go round."""
    assert gossip.spare(shown(**{"w/0": OWN, "w/1": {"tokens": [8]}}), "w/0") == 9
    assert gossip.spare(shown(**{"w/0": {"tokens": [9]}, "w/1": {"tokens": [8, 10]}}), "w/0") == 11
    assert gossip.spare(shown(**{"w/0": OWN, "w/1": {"tokens": [4294967295]}}), "w/0") == 0
    assert gossip.spare(shown(**{"w/0": OWN}), "w/0") is None


@pytest.mark.parametrize(
    ("config", "label"),
    [
        (
            "memberlist:\n  bind_port: 7946\n  cluster_label: loki-1234\n  node_name: x\n",
            "loki-1234",
        ),
        ("memberlist:\n  cluster_label: '123'\n", "123"),
        ("memberlist: {}\n", ""),
        ("", ""),
    ],
)
def test_the_label_is_the_configs(config: str, label: str):
    """Members of another cluster don't listen."""
    assert gossip.label_of(config) == label


def test_a_packet_is_what_members_send_each_other():
    """Byte by byte, as the protocols have it."""
    entry = Entry(member="m", address="a:1", zone="z", registered_s=3, tokens=(300,))

    packet = gossip.packet(entry, ring="r", label="c", at_s=1)

    instance = b"\x0a\x03a:1\x10\x01\x32\x02\xac\x02\x3a\x01z\x40\x03\x4a\x01m"
    ring = b"\x0a\x18\x0a\x01m\x12\x13" + instance
    pair = b"\x0a\x01r\x12\x1c\x1a\x64" + ring + b"\x1a\x08ringDesc"
    said = b"\xf4\x01c\x08" + pair
    assert packet == b"\x01\x03a:1" + said + hashlib.md5(said, usedforsecurity=False).digest()


def test_a_long_description_is_cut_into_pieces():
    """Snappy takes sixty bytes as they are at a time."""
    entry = Entry(member="m", address="a:1", tokens=tuple(range(2**31, 2**31 + 128)))

    packet = gossip.packet(entry, ring="r", label="c", at_s=1)

    pieces: list[bytes] = []
    rest = packet[packet.index(b"\x12", 10) :]
    _, rest = _number(rest[1:])
    length, rest = _number(rest)
    while sum(map(len, pieces)) < length:
        size = (rest[0] >> 2) + 1
        assert rest[0] & 3 == 0
        assert size <= 60
        pieces.append(rest[1 : 1 + size])
        rest = rest[1 + size :]
    assert b"".join(pieces).count(b"\x80\x80\x80\x08") == 128
    assert rest.startswith(b"\x1a\x08ringDesc")


def _number(data: bytes) -> tuple[int, bytes]:
    value, shift = 0, 0
    for at, byte in enumerate(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, data[at + 1 :]
    raise AssertionError("no number")


def test_the_page_is_asked_for_by_the_rings_name():
    """A ring's name has a slash in it."""
    assert gossip.page("collectors/ring") == "/memberlist?viewKey=collectors%2Fring&format=json"
