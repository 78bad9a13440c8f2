"""Problems as text or JSON, and the exit code that each kind of failure ends with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rolecall.core.model import Problem

INCOHERENT, BAD_INPUT, WORLD, INTERRUPTED = 1, 2, 3, 130

JSON = "rolecall.cli.json"
"""The context's mark that output is JSON."""

_WORDS = {0: "error", 1: "waiting", 2: "warning", 3: "notice"}


class Refused(Exception):  # noqa: N818 - an outcome with an exit code, not a mistake of the program
    """A command that can't go on: all its problems, and the exit code."""

    def __init__(self, problems: Iterable[Problem], code: int) -> None:
        """Take the problems as they are; they are put in order when they are shown."""
        self.problems = tuple(problems)
        self.code = code
        super().__init__("\n".join(str(problem) for problem in self.problems))


def refuse(code: int, name: str, text: str, remedy: str) -> Refused:
    """Build a refusal of one problem."""
    from rolecall.core.model import Problem

    return Refused((Problem(code=name, text=text, remedy=remedy),), code)


def show(problems: Iterable[Problem], *, as_json: bool = False) -> None:
    """Print problems: to people on stderr, to programs on stdout."""
    if as_json:
        show_json({"problems": data_of(problems)})
        return
    for line in lines_of(problems):
        click.echo(line, err=True)


def lines_of(problems: Iterable[Problem]) -> list[str]:
    """Return problems as lines, the most severe first."""
    return [f"{_WORDS[problem.severity]}: {problem}" for problem in _ordered(problems)]


def data_of(problems: Iterable[Problem]) -> list[dict[str, object]]:
    """Return problems as plain data, the most severe first."""
    return [
        {
            "code": problem.code,
            "severity": problem.severity.name.lower(),
            "text": problem.text,
            "remedy": problem.remedy,
            "facts": _facts(problem),
        }
        for problem in _ordered(problems)
    ]


def show_json(value: object) -> None:
    """Print a value as JSON, with what it is first."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _ordered(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.severity)


def _facts(problem: Problem) -> dict[str, list[str]]:
    """Return the facts by name; one name may have several values, so each is a list."""
    facts: dict[str, list[str]] = {}
    for name, value in problem.facts:
        facts.setdefault(name, []).append(value)
    return facts
