"""Cases as text files: a command, its input, `----`, and what must come of it.

The form is that of etcd-io/raft's datadriven tests. A case costs four lines and no code, and a refusal
is output like any other. `pytest --rewrite` writes what the code says now; read the diff, and keep it only
if you understand what caused it.

    # A comment, kept as it is.
    command argument
    input, as many lines as it needs
    ----
    output, up to the next blank line; put between two more lines of ---- when it holds one itself
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

Handler = Callable[[str, str], str]
"""(argument, input) to output."""

Golden = Callable[[Path, Mapping[str, Handler]], None]
"""Runs every case of a file, and compares."""

_BAR = "----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One block of a file."""

    comments: tuple[str, ...]
    command: str
    input: str
    """Ends with a newline unless it is empty."""
    output: str


def parse(text: str) -> list[Case]:
    """Parse the cases of a file."""
    lines = text.splitlines()
    cases: list[Case] = []
    comments: list[str] = []
    while lines:
        line = lines.pop(0)
        if line.startswith("#"):
            comments.append(line)
        elif line:
            given = _until(lines, (_BAR,))
            if lines[:1] == [_BAR]:
                lines.pop(0)
                output = _until(lines, (_BAR,))
            else:
                output = _until(lines, ("",))
            case = Case(comments=tuple(comments), command=line, input=_joined(given), output=_joined(output))
            cases.append(case)
            comments = []
    return cases


def render(cases: list[Case]) -> str:
    """Render cases as a file."""
    return "\n".join(_block(case) for case in cases)


def run(path: Path, handlers: Mapping[str, Handler], *, rewrite: bool) -> None:
    """Run every case of a file and compare the whole file, or write it."""
    text = path.read_text(encoding="utf-8")
    cases = [_ran(case, handlers) for case in parse(text)]
    if rewrite:
        path.write_text(render(cases), encoding="utf-8")
        return
    assert cases, f"{path} holds no case"
    said = render(cases)
    if said != text:
        changes = difflib.unified_diff(
            text.splitlines(), said.splitlines(), str(path), "what is said now", lineterm=""
        )
        pytest.fail("\n".join(changes), pytrace=False)


def _ran(case: Case, handlers: Mapping[str, Handler]) -> Case:
    name, _, argument = case.command.partition(" ")
    output = handlers[name](argument, case.input).rstrip("\n")
    return Case(
        comments=case.comments,
        command=case.command,
        input=case.input,
        output=output + "\n" if output else "",
    )


def _block(case: Case) -> str:
    output = f"{_BAR}\n{case.output}{_BAR}\n" if "\n\n" in case.output else case.output
    return "".join(
        (*(f"{line}\n" for line in case.comments), case.command, "\n", case.input, f"{_BAR}\n", output)
    )


def _until(lines: list[str], ends: tuple[str, ...]) -> list[str]:
    """Take lines up to an end, and the end itself."""
    taken: list[str] = []
    while lines:
        line = lines.pop(0)
        if line in ends:
            break
        taken.append(line)
    return taken


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
