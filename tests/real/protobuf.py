"""The little of protobuf's wire format that the tests' messages need.

See https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct


def varint(value: int) -> bytes:
    """Encode a number that isn't negative."""
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def number(field: int, value: int) -> bytes:
    """Encode an integer field."""
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    """Encode a field of type double."""
    return varint(field << 3 | 1) + struct.pack("<d", value)


def fixed64(field: int, value: int) -> bytes:
    """Encode a field of type fixed64."""
    return varint(field << 3 | 1) + struct.pack("<Q", value)


def message(field: int, *parts: bytes) -> bytes:
    """Encode an embedded message from its encoded fields."""
    body = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def text(field: int, value: str) -> bytes:
    """Encode a string field."""
    return message(field, value.encode())
