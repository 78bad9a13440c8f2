"""Problems as text and JSON."""

from __future__ import annotations

import json

import pytest

from rolecall.cli import errors
from rolecall.core.model import Problem, Severity

PROBLEMS = (
    Problem(code="b", text="it waits", remedy="", severity=Severity.WAITING),
    Problem(code="w", text="it is odd", remedy="look", severity=Severity.WARNING, facts=(("key", "é"),)),
    Problem(code="a", text="cannot x: y", remedy="do z", facts=(("unit", "u-0"), ("unit", "u-1"))),
)


def test_text(capsys: pytest.CaptureFixture[str]):
    """All problems are told on stderr, the most severe first, each with what to do."""
    errors.show(PROBLEMS)

    out, err = capsys.readouterr()

    assert err == "error: cannot x: y; do z\nwaiting: it waits\nwarning: it is odd; look\n"
    assert out == ""


def test_json(capsys: pytest.CaptureFixture[str]):
    """As JSON they are on stdout, with every value of a fact."""
    errors.show(PROBLEMS, as_json=True)

    first, _, last = json.loads(capsys.readouterr().out)["problems"]

    assert first == {
        "code": "a",
        "severity": "blocked",
        "text": "cannot x: y",
        "remedy": "do z",
        "facts": {"unit": ["u-0", "u-1"]},
    }
    assert last["facts"] == {"key": ["é"]}
