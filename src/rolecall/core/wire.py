"""What coordinator and workers tell each other, version 1.

A document goes from the coordinator to a worker group, a report from a worker unit back. Both are
flat mappings of text, as databags are; the local host stores the same as files. Each side says which
version it speaks. Decoding never trusts: an unknown key is ignored, and a value that cannot be read
falls back to its empty value and is named, without voiding the rest.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import fields, replace

from rolecall.core.model import Document, Report

VERSION = 1

Bag = dict[str, str]
_T = TypeVar("_T", Document, Report)


class Decoded(Struct, Generic[_T], frozen=True, kw_only=True):
    """A value read from a bag, and the keys that could not be read."""

    value: _T
    refused: tuple[str, ...] = ()


class UnknownVersionError(ValueError):
    """The other side speaks a version that this one doesn't know."""


def encode(value: Document | Report) -> Bag:
    """Encode a document or a report as a flat mapping of JSON texts, the same bytes for the same value."""
    bag = {name: _json(getattr(value, name)) for name in value.__struct_fields__}
    return {"version": str(VERSION), **dict(sorted(bag.items()))}


def decode_document(bag: Mapping[str, str]) -> Decoded[Document]:
    """Decode a coordinator's document.

    Raises:
        UnknownVersionError: its version is newer than ours, or it has none.
    """
    return _decode(bag, Document(product="", line="", revision=0, config="", runtime=""))


def decode_report(bag: Mapping[str, str]) -> Decoded[Report]:
    """Decode a unit's report.

    Raises:
        UnknownVersionError: its version is newer than ours, or it has none.
    """
    return _decode(bag, Report(address="", name=""))


def document_in(bag: Mapping[str, str] | None) -> Document | None:
    """Return the document that a bag holds, or None when there is none that can be read."""
    try:
        return decode_document(bag).value if bag else None
    except UnknownVersionError:
        return None


def report_in(bag: Mapping[str, str] | None) -> Report | None:
    """Return the report that a bag holds, or None when there is none that can be read."""
    try:
        return decode_report(bag).value if bag else None
    except UnknownVersionError:
        return None


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _decode(bag: Mapping[str, str], empty: _T) -> Decoded[_T]:
    if bag.get("version") != str(VERSION):
        raise UnknownVersionError(
            f"cannot read what the other side says: it speaks version {bag.get('version', 'none')}, "
            f"this side speaks {VERSION}; refresh the older of the two"
        )
    values: dict[str, Any] = {}
    refused: list[str] = []
    for name, decoder in _decoders(type(empty)).items():
        text = bag.get(name)
        if text is None:
            continue
        try:
            value = decoder.decode(text)
            _CHECKS.get(name, _accept)(value)
        except ValueError:
            refused.append(name)
        else:
            values[name] = value
    return Decoded(value=replace(empty, **values), refused=tuple(refused))


@cache
def _decoders(kind: type[_T]) -> Mapping[str, msgspec.json.Decoder[Any]]:
    """Return what decodes each field of a value; a coordinator reads a thousand reports in one hook."""
    return {field.name: msgspec.json.Decoder(field.type) for field in fields(kind)}


def _accept(_: str) -> None:
    """Take any value of the right type."""


def _address(text: str) -> None:
    """Refuse what is no IP address: it would stand in every config and in the gateway."""
    if text:
        ipaddress.ip_address(text)


def _name(text: str) -> None:
    """Refuse what is no host name: it would stand in every config, where a `$` would be expanded."""
    if not _NAME.fullmatch(text):
        raise ValueError("it is no host name")


_NAME = re.compile(r"[A-Za-z0-9._:-]*")
_CHECKS: Mapping[str, Callable[[str], object]] = {"address": _address, "name": _name}
