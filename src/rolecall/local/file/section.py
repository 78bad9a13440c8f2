"""Take typed values out of one mapping of a file; whatever is wrong is collected, not raised.

Every refusal names the place, the line, the fact and what to write instead. A value that is refused
is replaced by its default, so that the rest of the file is still judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import cast

from rolecall.core.model import Problem
from rolecall.local.file.marked import Marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file that is being read, and what was wrong with it so far."""

    marked: Marked
    problems: list[Problem] = field(default_factory=list[Problem])

    def refuse(self, place: str, fact: str, remedy: str, code: str = "bad-value") -> None:
        """Name what is wrong at a dotted place."""
        self.problems.append(
            Problem(
                code=code,
                text=f"cannot use {place} ({self.marked.at(place)}): {fact}",
                remedy=remedy,
                facts=(("place", place), ("line", str(self.marked.line(place)))),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One mapping of the file."""

    sheet: Sheet
    place: str
    values: Mapping[str, object]

    def path(self, name: str) -> str:
        """Return the dotted place of a key."""
        return f"{self.place}.{name}" if self.place else name

    def refuse(self, name: str, fact: str, remedy: str, code: str = "bad-value") -> None:
        """Name what is wrong with a key."""
        self.sheet.refuse(self.path(name), fact, remedy, code)

    def only(self, *known: str) -> None:
        """Refuse every key that isn't known."""
        for name in self.values:
            if name not in known:
                self.refuse(
                    name, f'there is no key "{name}" here', suggest(name, known, "keys"), "unknown-key"
                )

    def section(self, name: str, example: str) -> Section | None:
        """Return the mapping under a key: an empty one when it isn't there, None when it is no mapping."""
        value = self.values.get(name)
        if value is None or isinstance(value, Mapping):
            values = cast("Mapping[str, object]", value or {})
            return Section(sheet=self.sheet, place=self.path(name), values=values)
        self.refuse(name, f"{shown(value)} is not a mapping", f"write {example}")
        return None

    def text(self, name: str, *, default: str = "", required: str = "") -> str:
        """Return a text; `required` is the example to give when it isn't there."""
        value = self.values.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if value is None or value == "":
            if required:
                self.refuse(name, "it is missing", f"write {name}: {required}", "missing-key")
            return default
        self.refuse(name, f"{shown(value)} is not text", f"write {name}: {required or 'one word'}")
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a yes or no."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self.refuse(name, f"{shown(value)} is neither true nor false", "write one of them")
        return default

    def number(self, name: str, *, default: int, low: int, high: int) -> int:
        """Return a whole number within limits."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        fact = f"{shown(value)} is not a whole number from {low} to {high}"
        self.refuse(name, fact, f"write {name}: {max(default, low)}")
        return default

    def words(self, name: str) -> tuple[str, ...] | None:
        """Return a list of words without repeats: empty when it isn't there, None when it is no such list."""
        value = self.values.get(name)
        if value is None:
            return ()
        if isinstance(value, str):
            self.refuse(name, f"{shown(value)} is not a list", f"write {name}: [{value}]")
            return None
        items: list[object] = cast("list[object]", value) if isinstance(value, list) else [None]
        if not all(isinstance(item, str) for item in items):
            self.refuse(
                name, f"{shown(self.values[name])} is not a list of words", f"write {name}: [one, two]"
            )
            return None
        return tuple(dict.fromkeys(cast("list[str]", items)))


def suggest(name: str, known: tuple[str, ...], what: str) -> str:
    """Return a remedy for a name that nobody knows."""
    close = get_close_matches(name, known, n=1)
    hint = f'did you mean "{close[0]}"? ' if close else ""
    return f"{hint}the {what} are {', '.join(known)}"


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and never the inside of a mapping."""
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 else f'"{value[:40]}…"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        items = cast("list[object]", value)
        return "[" + ", ".join("…" if isinstance(item, list) else shown(item) for item in items[:4]) + "]"
    return _bare(value)


def _bare(value: object) -> str:
    return "nothing" if value is None else str(value)
