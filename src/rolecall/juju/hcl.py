"""The text of Terraform's language, laid out as `terraform fmt` does.

Source: https://developer.hashicorp.com/terraform/language/syntax/configuration and `…/style`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from msgspec import Struct, field


class Raw(Struct, frozen=True):
    """An expression that is written as it is."""

    text: str


class Call(Struct, frozen=True):
    """A function with what it is given."""

    name: str
    arguments: tuple[object, ...]


class Block(Struct, frozen=True, kw_only=True):
    """A block: its kind, its labels, and what is in it."""

    kind: str
    labels: tuple[str, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict[str, object])
    blocks: tuple[Block, ...] = ()


def document(blocks: Sequence[Block]) -> str:
    """Return the text of a file."""
    return "\n".join("\n".join(_block(block)) + "\n" for block in blocks)


def _block(block: Block) -> list[str]:
    inner = _attributes(block.attributes)
    for one in block.blocks:
        inner += ([""] if inner else []) + _block(one)
    head = " ".join((block.kind, *(_quoted(label) for label in block.labels)))
    return [f"{head} {{", *(f"  {line}" if line else "" for line in inner), "}"]


def _attributes(attributes: Mapping[str, object]) -> list[str]:
    """Return the lines of some attributes; the signs of those in one line each are below one another."""
    lines: list[str] = []
    group: list[tuple[str, str]] = []
    for name, value in attributes.items():
        first, *rest = _value(value)
        if not rest:
            group.append((name, first))
            continue
        lines += [*_aligned(group), f"{name} = {first}", *rest]
        group = []
    return lines + _aligned(group)


def _aligned(group: Sequence[tuple[str, str]]) -> list[str]:
    width = max((len(name) for name, _ in group), default=0)
    return [f"{name:<{width}} = {value}" for name, value in group]


def _value(value: object) -> list[str]:
    """Return the lines of a value."""
    if isinstance(value, Raw):
        return [value.text]
    if isinstance(value, Call):
        return _joined(value.name, [_value(one) for one in value.arguments])
    if isinstance(value, Mapping):
        inner = _attributes(cast("Mapping[str, object]", value))
        return ["{", *(f"  {line}" for line in inner), "}"] if inner else ["{}"]
    if isinstance(value, list):
        return [f"[{', '.join(_value(one)[0] for one in cast('list[object]', value))}]"]
    return [_quoted(value) if isinstance(value, str) else json.dumps(value)]


def _joined(name: str, arguments: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a call: each argument begins where the one before it ends."""
    lines = [f"{name}("]
    for number, (first, *rest) in enumerate(arguments):
        lines[-1] += (", " if number else "") + first
        lines += rest
    lines[-1] += ")"
    return lines


def _quoted(text: str) -> str:
    """Return a text in quotes; `${` and `%{` would begin a template."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
