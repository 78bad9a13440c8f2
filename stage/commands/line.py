"""A command line of the juju-compatible command, parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stage.errors import StageError
from stage.flags import FlagError, split
from stage.world import Application, Model, Unit

if TYPE_CHECKING:
    from stage.host import Host

Takes = Literal["value", "values", "nothing"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a command prints, and its exit code."""

    out: str = ""
    err: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A command with its flags and arguments, and where it was called."""

    host: Host
    folder: Path
    flags: Mapping[str, list[str]]
    args: Sequence[str]

    def flag(self, *names: str, default: str = "") -> str:
        """Return the value of a flag that may go by several names."""
        for name in names:
            if name in self.flags:
                return self.flags[name][-1]
        return default

    def number(self, *names: str, default: int) -> int:
        """Return the value of a flag that takes a number.

        Raises:
            StageError: It is none.
        """
        text = self.flag(*names, default=str(default))
        if not text.isdigit():
            raise StageError(f'invalid value "{text}" for option --{names[0]}: expected a number')
        return int(text)

    def pairs(self, name: str) -> dict[str, str]:
        """Return the `key=value`s of a flag that may be repeated."""
        return split_pairs(self.flags.get(name, []))

    def path(self, text: str) -> Path:
        """Return a path as the caller meant it."""
        return self.folder / text

    def text_of(self, value: str) -> str:
        """Return a value, or the content of the file that `@PATH` names."""
        return self.path(value[1:]).read_text() if value.startswith("@") else value

    def take(self, *names: str) -> Sequence[str]:
        """Return the arguments, one for each of `names`.

        Raises:
            StageError: There are fewer or more.
        """
        if len(self.args) < len(names):
            raise StageError(f"no {names[len(self.args)]} specified")
        if len(self.args) > len(names):
            raise StageError(f"unrecognized args: {list(self.args[len(names) :])}")
        return self.args

    @property
    def model(self) -> Model:
        """Return the model that the command is for.

        Raises:
            StageError: There is none of that name.
        """
        name = self.flag("model", "m", default=self.host.current).rpartition(":")[2].rpartition("/")[2]
        if name not in self.host.models:
            raise StageError(f"model {name} not found" if name else "No selected model")
        return self.host.models[name]

    def app(self, name: str) -> Application:
        """Return an application.

        Raises:
            StageError: There is none of that name.
        """
        found = self.model.apps.get(name)
        if found is None:
            raise StageError(f'application "{name}" not found')
        return found

    def unit(self, name: str) -> Unit:
        """Return a unit; `APP/leader` is the one that leads.

        Raises:
            StageError: There is none of that name.
        """
        app, _, number = name.partition("/")
        if number == "leader":
            name = self.app(app).leader or name
        found = self.model.unit(name)
        if found is None:
            raise StageError(f'unit "{name}" not found (not found)')
        return found


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what it does, and the flags it knows."""

    run: Callable[[Line], Result | str]
    flags: Mapping[str, Takes]


def split_pairs(words: Sequence[str]) -> dict[str, str]:
    """Parse `key=value` words.

    Raises:
        StageError: A word is none.
    """
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise StageError(f'expected "key=value", got "{word}"')
        found[key] = value
    return found


def parse(known: Mapping[str, Takes], argv: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Split a command line into flags and arguments; `--` ends the flags.

    Raises:
        StageError: A flag is not known, or has no value.
    """
    flags: dict[str, list[str]] = {}
    try:
        given, args = split(argv, lambda name: known[name] != "nothing" if name in known else None)
    except FlagError as error:
        raise StageError(str(error)) from error
    for name, value in given:
        flags.setdefault(name, []).append(value or "")
    return flags, args
