"""Find in a process's log what it says is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ERROR = r"(?i)level=(error|fatal)|\bpanic:|\[emerg\]|^error|failed parsing config"
_MESSAGE = r'\b(?:err|error|msg)="((?:[^"\\]|\\.)*)"'
_LONGEST = 300


def last_error(lines: Sequence[str]) -> str:
    """Return what the last line that tells of an error says; empty when there is none."""
    for line in reversed(lines):
        if re.search(_ERROR, line):
            return _essence(line)
    return ""


def _essence(text: str) -> str:
    found: list[str] = re.findall(_MESSAGE, text)
    # The `err` comes after the `msg`; a Go stack follows the first line of it.
    message = found[-1].encode().decode("unicode_escape", errors="replace") if found else text
    return message.splitlines()[0][:_LONGEST]
