"""How a hook tool is called: its flags and arguments, as Juju's own command line parses them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from stage.context import Context
from stage.errors import ToolError
from stage.flags import FlagError, split

Takes = Literal["value", "nothing", "bool"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a hook tool."""

    context: Context
    flags: Mapping[str, str]
    args: Sequence[str]
    stdin: str

    def on(self, flag: str) -> bool:
        """Whether a switch was given, and not as `=false`."""
        return self.flags.get(flag, "false").lower() == "true"

    def json(self, value: object) -> str:
        """Print a value the way `--format=json` does.

        Raises:
            ToolError: Another format was asked for: the stage knows no other.
        """
        if self.flags.get("format") != "json":
            raise ToolError(
                f"cannot print as {self.flags.get('format', 'smart')}: the stage prints JSON only"
            )
        return json.dumps(value) + "\n"

    def only(self, most: int) -> Sequence[str]:
        """Return the arguments.

        Raises:
            ToolError: There are more than the tool takes.
        """
        if len(self.args) > most:
            raise ToolError(f"unrecognized args: {json.dumps(list(self.args[most:]))}", 2)
        return self.args

    def one(self, what: str) -> str:
        """Return the one argument that the tool takes.

        Raises:
            ToolError: There is none, or there are more.
        """
        if not self.args:
            raise ToolError(f"no {what} specified", 2)
        return self.only(1)[0]


@dataclass(frozen=True, slots=True)
class Tool:
    """A hook tool: the flags it knows, and what it does."""

    run: Callable[[Call], str]
    flags: Mapping[str, Takes]


def parse(flags: Mapping[str, Takes], argv: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Split a command line into flags and arguments; `--` ends the flags.

    Raises:
        ToolError: A flag is not known, or its value is missing.
    """
    try:
        given, args = split(argv, lambda name: flags[name] == "value" if name in flags else None)
    except FlagError as error:
        raise ToolError(str(error), 2) from error
    return {name: "true" if value is None else value for name, value in given}, args


def pairs(words: Sequence[str]) -> dict[str, str]:
    """Parse `key=value` words.

    Raises:
        ToolError: A word is none.
    """
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise ToolError('expected "key=value", got something else')
        found[key] = value
    return found
