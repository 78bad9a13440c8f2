"""Read YAML with the line of every value, and name everything in it that can't be meant.

Composing keeps positions, constructing doesn't; so the nodes are walked here, once, into plain values
and a table of lines. Keys are taken as written: `on:` and `3:` are the names "on" and "3".

It must not know what the file is about: that is `topology`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import yaml
from yaml.constructor import ConstructorError, SafeConstructor

from rolecall.core.model import Problem

Path = tuple[str, ...]

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_MOST_VALUES = 20_000
"""Aliases can make a small file a huge tree; no cluster needs more than this."""
_DEEPEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A YAML text as plain values, the line of each, and what was wrong with it."""

    source: str
    tree: object = None
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    """Dotted path to the line, counted from 1."""
    problems: tuple[Problem, ...] = ()

    def line(self, path: str) -> int:
        """Return the line of a dotted path, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)

    def at(self, path: str) -> str:
        """Return where a dotted path is, as editors understand it: `file:line`."""
        return f"{self.source}:{self.line(path)}"


def compose(text: str) -> yaml.Node | None:
    """Compose the one document of a text; None when it is empty.

    Raises:
        yaml.YAMLError: it isn't YAML, or holds several documents.
    """
    loader = _LOADER(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def read(text: str, *, source: str) -> Marked:
    """Parse YAML text; what can't be read is left out of the tree and named."""
    try:
        node = compose(text)
    except yaml.YAMLError as error:
        return Marked(source=source, problems=(_syntax(source, error),))
    except RecursionError:
        return Marked(source=source, problems=(_too_much(source),))
    if node is None:
        return Marked(source=source)
    walk = _Walk(source)
    try:
        tree = walk.value(node, ())
    except _TooMuchError:
        return Marked(source=source, problems=(_too_much(source),))
    return Marked(source=source, tree=tree, lines=walk.lines, problems=tuple(walk.problems))


class _TooMuchError(Exception):
    """The file is too large or too deep a tree, or its aliases make one that never ends."""


class _Walk:
    """One walk over the nodes of a file."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._inside: set[int] = set()
        self._values = 0
        self._constructor = SafeConstructor()

    def value(self, node: yaml.Node, path: Path) -> object:
        """Return the plain value of a node, and note its lines."""
        self._values += 1
        if self._values > _MOST_VALUES or len(self._inside) > _DEEPEST or id(node) in self._inside:
            raise _TooMuchError
        self.lines.setdefault(".".join(path), node.start_mark.line + 1)
        self._inside.add(id(node))
        try:
            return self._plain(node, path)
        finally:
            self._inside.discard(id(node))

    def _plain(self, node: yaml.Node, path: Path) -> object:
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            items = cast("list[yaml.Node]", node.value)
            return [self.value(item, (*path, str(index))) for index, item in enumerate(items)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._refuse(path, node, f"{node.tag} means nothing here", "take the tag out")
        return None

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        try:
            return cast("object", self._constructor.construct_object(node))  # pyright: ignore[reportUnknownMemberType]
        except (ConstructorError, ValueError):
            kind = node.tag.removeprefix(_TAG)
            self._refuse(path, node, f"it can't be read as {kind}", "quote it to make it text")
            return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        own: dict[str, object] = {}
        merged: dict[str, object] = {}
        seen: dict[str, int] = {}
        for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            if key.tag == f"{_TAG}merge":
                merged = {**self._merged(value, path), **merged}
            elif not isinstance(key, yaml.ScalarNode):
                self._refuse(path, key, "a key is a list or a mapping", "write a word as the key")
            elif self._first(key, path, seen):
                name = str(key.value)
                self.lines[".".join((*path, name))] = key.start_mark.line + 1
                own[name] = self.value(value, (*path, name))
        return {**merged, **own}

    def _first(self, key: yaml.ScalarNode, path: Path, seen: dict[str, int]) -> bool:
        name, line = str(key.value), key.start_mark.line + 1
        if name not in seen:
            seen[name] = line
            return True
        self._refuse(
            (*path, name),
            key,
            f"the key is already on line {seen[name]}",
            "keep one of the two",
            "duplicate-key",
        )
        return False

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, object]:
        value = self.value(node, path)
        merged: dict[str, object] = {}
        for part in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                merged = {**cast("dict[str, object]", part), **merged}
            else:
                self._refuse(
                    path, node, "<< merges something that isn't a mapping", "name a mapping after it"
                )
        return merged

    def _refuse(self, path: Path, node: yaml.Node, fact: str, remedy: str, code: str = "bad-yaml") -> None:
        place, line = ".".join(path) or "the file", node.start_mark.line + 1
        self.problems.append(
            Problem(
                code=code,
                text=f"cannot use {place} ({self.source}:{line}): {fact}",
                remedy=remedy,
                facts=(("place", place), ("line", str(line))),
            )
        )


def _syntax(source: str, error: yaml.YAMLError) -> Problem:
    # The parser's own message quotes the line, which may hold a secret: only what and where is told.
    mark = getattr(error, "problem_mark", None)
    fact = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it is not YAML")
    line = mark.line + 1 if mark is not None else 1
    where = f"{source}:{line}:{mark.column + 1}" if mark is not None else source
    return Problem(
        code="bad-yaml",
        text=f"cannot read {where}: {fact}",
        remedy=_syntax_remedy(fact),
        facts=(("line", str(line)),),
    )


def _syntax_remedy(fact: str) -> str:
    if "cannot start any token" in fact:
        return "indent with spaces, not tabs, and quote text that begins with a special character"
    if "another document" in fact or "did not find expected <document start>" in fact:
        return "write one document, all clusters below one clusters:"
    if "alias" in fact:
        return "define the anchor with &name before *name is used"
    return "check the indentation, the brackets and the quotes on this line and the one above"


def _too_much(source: str) -> Problem:
    return Problem(
        code="bad-yaml",
        text=f"cannot read {source}: it has over {_MOST_VALUES} values, is over {_DEEPEST} deep, or endless",
        remedy="write out what its aliases stand for, and leave out what no cluster needs",
    )
