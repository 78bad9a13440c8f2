"""From the value of a charm's option to that of a setting, and back.

Each pair is pure. A ValueError reads "fact; what to write", as in `settings`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import cast

import yaml

Convert = Callable[[object], object]
"""Either way."""

_DAY_S, _HOUR_S = 86400, 3600
_SPAN = re.compile(r"(\d+[smhdwy])+")
_FINER = re.compile(r"(\d+)(ms|[smhdwy])")
_FINER_MS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_PARTS = (("d", _DAY_S), ("h", _HOUR_S), ("m", 60), ("s", 1))


def days(value: object) -> object:
    """Return a number of days as a duration; 0 stays 0: for ever."""
    return _whole(value, "d", "days")


def in_days(seconds: object) -> object:
    """Return seconds as a whole number of days."""
    return _divided(seconds, _DAY_S, "days")


def hours(value: object) -> object:
    """Return a number of hours as a duration; 0 stays 0: for ever."""
    return _whole(value, "h", "hours")


def in_hours(seconds: object) -> object:
    """Return seconds as a whole number of hours."""
    return _divided(seconds, _HOUR_S, "hours")


def _whole(value: object, unit: str, units: str) -> object:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"it is no number of {units}; write a whole one, or 0 to keep everything for ever")
    return f"{value}{unit}" if value else 0


def _divided(seconds: object, unit_s: int, units: str) -> object:
    if not isinstance(seconds, int) or seconds % unit_s:
        raise ValueError(f"the charm's option counts whole {units}")
    return seconds // unit_s


def span(value: object) -> object:
    """Return a duration such as `15d`; the text `0` is 0: for ever, or at once."""
    if value == "0":
        return 0
    if not isinstance(value, str) or not _SPAN.fullmatch(value):
        raise ValueError("it is not a duration; write a number and s, m, h, d, w or y, such as 15d, or 0")
    return value


def as_span(seconds: object) -> object:
    """Return seconds as the shortest duration in one unit."""
    number = cast("int", seconds)
    name, unit_s = next((name, size) for name, size in _PARTS if number % size == 0)
    return f"{number // unit_s}{name}" if number else "0"


def go_span(value: object) -> object:
    """Return a duration in the units that Go's own knows: it has no days."""
    text = str(value)
    if text != "0" and not re.fullmatch(f"({_FINER.pattern})+", text):
        raise ValueError("it is not a duration; write a number and ms, s, m, h, d, w or y, such as 12h, or 0")
    total = sum(int(number) * _FINER_MS[unit] for number, unit in _FINER.findall(text))
    return f"{total}ms" if total % 1000 else f"{total // 1000}s"


def word(value: object) -> object:
    """Return a text, and None for an empty one: nothing was chosen."""
    return value or None


def words(value: object) -> object:
    """Return the words of a list that is written with commas."""
    return [item.strip() for item in str(value).split(",") if item.strip()]


def with_commas(items: object) -> object:
    """Return a list of words as one text."""
    return ",".join(cast("tuple[str, ...]", items))


def factor(value: object) -> object:
    """Return a number of copies that is written as text."""
    text = str(value)
    return int(text) if text.isdecimal() else text


def as_factor(copies: object) -> object:
    """Return a number of copies as text; 0 is auto."""
    return str(copies or "auto")


def tree(value: object) -> object:
    """Return the mapping that a YAML text holds; None for an empty text."""
    try:
        found: object = yaml.load(str(value), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML ({_told(error)}); write key: value lines") from error
    if found is not None and not isinstance(found, Mapping):
        raise ValueError("it is not a mapping; write key: value lines")
    return cast("object", found)


def as_yaml(found: object) -> object:
    """Return a mapping as YAML text; empty for an empty one."""
    return yaml.dump(found, Dumper=yaml.CSafeDumper, sort_keys=True) if found else ""


def _told(error: yaml.YAMLError) -> str:
    """Say in one line where a YAML text ends to be one."""
    mark = cast("yaml.Mark | None", getattr(error, "problem_mark", None))
    problem = cast("str", getattr(error, "problem", "")) or "it cannot be read"
    return f"line {mark.line + 1}: {problem}" if mark else problem


def item(name: str) -> Convert:
    """Build what turns a yes into a list of that one word."""

    def listed(value: object) -> object:
        return [name] if value is True else None

    return listed


def listed(name: str) -> Convert:
    """Build what says whether a list has that word."""

    def found(items: object) -> object:
        return name in cast("tuple[str, ...]", items)

    return found


def keys(*names: str, least: int | None = None, form: str = "{}") -> Convert:
    """Build what gives one number to several keys: the first as it is, the others as `form` says it.

    A number below `least` counts as that.
    """

    def spread(value: object) -> object:
        number = cast("int", value)
        if least is not None:
            number = max(least, number)
        first, *others = names
        return {first: number, **{name: form.format(number) for name in others}}

    return spread
