"""Settings: the operator's choices, parsed and checked, all errors at once.

The table of common settings is here, a product adds its own. A value that is refused keeps its
default (or what the caller gives as the last good one), and the problem says where and what to write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from msgspec import Struct

from rolecall.core.model import Problem
from rolecall.core.product import Kind, Product, Setting, Settings

COMMON: tuple[Setting, ...] = (
    Setting(
        name="line", kind=Kind.TEXT, summary="version line of the product; empty: the default one", default=""
    ),
    Setting(
        name="replication-factor",
        kind=Kind.FACTOR,
        summary="copies of new data: auto, or a number; auto is 3 as soon as three writers are ready",
        default=0,
    ),
    Setting(
        name="retention",
        kind=Kind.DURATION,
        summary="how long data is kept, such as 15d; 0 keeps it for ever",
        default=15 * 86400,
    ),
    Setting(
        name="log-level",
        kind=Kind.CHOICE,
        summary="what the processes log",
        default="info",
        choices=("debug", "info", "warn", "error"),
    ),
    Setting(
        name="admin",
        kind=Kind.FLAG,
        summary="open internal and destructive routes at the gateway, with credentials",
        default=False,
    ),
    Setting(
        name="multi-tenant",
        kind=Kind.FLAG,
        summary="keep the client's X-Scope-OrgID instead of setting one tenant for all",
        default=False,
    ),
    Setting(
        name="limits",
        kind=Kind.TREE,
        summary="limits by the product's own names; live within seconds, nothing restarts",
    ),
    Setting(
        name="tenant-limits",
        kind=Kind.TREE,
        summary="with multi-tenant: tenant to limits",
    ),
    Setting(
        name="config-overrides",
        kind=Kind.TREE,
        summary="any part of the product's config, merged last",
    ),
)

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DURATION = re.compile(r"(\d+)([smhdwy])")


def table(product: Product) -> tuple[Setting, ...]:
    """List every setting of a product, the common ones first."""
    return (*COMMON, *product.settings)


class Parsed(Struct, frozen=True, kw_only=True):
    """Settings that can be used, and what was wrong with the rest."""

    settings: Settings
    problems: tuple[Problem, ...] = ()


def parse(
    product: Product,
    raw: Mapping[str, object],
    *,
    where: str = "settings",
    places: Mapping[str, str] = MappingProxyType({}),
) -> Parsed:
    """Parse the settings of one cluster.

    `where` names the place for messages, `places` that of a setting that is written somewhere else.
    """
    specs = {spec.name: spec for spec in table(product)}
    values: dict[str, object] = {name: spec.default for name, spec in specs.items()}
    problems: list[Problem] = []

    def place(name: str) -> str:
        return places.get(name, f"{where}.{name}")

    for name in sorted(raw):
        spec = specs.get(name)
        if spec is None:
            problems.append(_unknown(where, name, tuple(specs)))
            continue
        try:
            values[name] = _PARSERS[spec.kind](raw[name], spec)
        except ValueError as error:
            problems.append(refused(place(name), raw[name], str(error)))
    known = tuple(line.name for line in product.lines)
    if values["line"] not in ("", *known):
        fact = f"{product.name} is known on line {', '.join(known)}; use one"
        problems.append(refused(place("line"), values["line"], fact))
        values["line"] = specs["line"].default
    settings = Settings(values=values)
    problems.extend(_trespasses(product, settings, place("config-overrides")))
    return Parsed(settings=settings, problems=tuple(problems))


def _trespasses(product: Product, settings: Settings, place: str) -> tuple[Problem, ...]:
    """List the overrides of keys that are protected."""
    problems: list[Problem] = []
    for path in dotted(settings.tree("config-overrides")):
        for key, reason in product.protected.items():
            if path == key or path.startswith(f"{key}."):
                problems.append(refused(f"{place}.{path}", None, f"{reason}; take the key out"))
    return tuple(problems)


def dotted(tree: Mapping[str, object], prefix: str = "") -> tuple[str, ...]:
    """List the dotted paths of every leaf of a tree, sorted."""
    paths: list[str] = []
    for key in sorted(tree):
        value = tree[key]
        if isinstance(value, Mapping) and value:
            paths.extend(dotted(cast("Mapping[str, object]", value), f"{prefix}{key}."))
        else:
            paths.append(f"{prefix}{key}")
    return tuple(paths)


def _unknown(where: str, name: str, names: tuple[str, ...]) -> Problem:
    # Hooks import this module, and hardly ever get here.
    from difflib import get_close_matches

    close = get_close_matches(name, names, n=1)
    hint = f'did you mean "{close[0]}"? ' if close else ""
    return Problem(
        code="unknown-setting",
        text=f'cannot use {where}.{name}: there is no setting "{name}"',
        remedy=f"{hint}the settings are {', '.join(sorted(names))}",
        facts=(("setting", name),),
    )


def refused(place: str, value: object, reason: str) -> Problem:
    """Say that the value at a place can't be used; `reason` is "fact; remedy"."""
    fact, _, remedy = reason.partition("; ")
    shown = "" if value is None else f" {value!r}:"
    return Problem(
        code="bad-setting",
        text=f"cannot use {place}:{shown} {fact}",
        remedy=remedy,
        facts=(("setting", place),),
    )


def _choice(value: object, spec: Setting) -> object:
    if value not in spec.choices:
        raise ValueError(f"it is not among {', '.join(spec.choices)}; write one of them")
    return value


def _flag(value: object, _: Setting) -> object:
    if not isinstance(value, bool):
        raise ValueError("it is neither true nor false; write one of them")
    return value


def _duration(value: object, _: Setting) -> object:
    if value == 0:
        return 0
    text = value if isinstance(value, str) else ""
    parts = _DURATION.findall(text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise ValueError("it is not a duration; write a number and s, m, h, d, w or y, such as 15d")
    return sum(int(number) * _UNITS_S[unit] for number, unit in parts)


def _factor(value: object, _: Setting) -> object:
    if value == "auto":
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("it is neither auto nor a whole number from 1; write auto, 1 or 3")
    return value


def _text(value: object, _: Setting) -> object:
    # YAML reads an unquoted 3.7 as a number; a version line is text all the same.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("it is not text; write one word")
    return str(value)


def _url(value: object, _: Setting) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/]+(/\S*)?", value):
        raise ValueError("it is not a URL; write http://host:port/path or https://…")
    return value


def _tree(value: object, _: Setting) -> object:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError("it is not a mapping; write key: value lines below it")
    return cast("Mapping[str, object]", value)


def _list(value: object, spec: Setting) -> object:
    items = cast("list[object]", value) if isinstance(value, list) else None
    if items is None or not all(isinstance(item, str) for item in items):
        raise ValueError("it is not a list of words; write [one, two]")
    wrong = [str(item) for item in items if spec.choices and item not in spec.choices]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} is not among {', '.join(spec.choices)}; use those")
    return tuple(dict.fromkeys(str(item) for item in items))


_PARSERS: Mapping[Kind, Callable[[object, Setting], object]] = {
    Kind.CHOICE: _choice,
    Kind.FLAG: _flag,
    Kind.DURATION: _duration,
    Kind.FACTOR: _factor,
    Kind.TEXT: _text,
    Kind.URL: _url,
    Kind.TREE: _tree,
    Kind.LIST: _list,
}
