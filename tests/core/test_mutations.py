"""The changes that `make mutants` tries."""

from __future__ import annotations

import pytest

from scripts.mutations import mutants


def changed(code: str) -> list[str]:
    """Return what becomes of the one line of a function's body."""
    made = list(mutants(f"def rule():\n    {code}\n"))
    assert len({one.key for one in made}) == len(made)
    assert {one.function for one in made} <= {"rule"}
    return [one.text.splitlines()[1].strip() for one in made]


@pytest.mark.parametrize(
    ("code", "others"),
    [
        ("return a < b", ["return a <= b"]),
        ("return a and b", ["return a or b", "return b", "return a"]),
        ("return not a", ["return a"]),
        ("return a if b else c", ["return a", "return c"]),
        ("return a + 1", ["return a - 1", "return a + 2"]),
        ("return any(a)", ["return all(a)"]),
        ("return sorted(a, key=b)", ["return sorted(a)", "return list(a)"]),
        ("return {a, b}", ["return {b}", "return {a}"]),
        ("return [a for a in b if c]", ["return [a for a in b]"]),
        ("return True", ["return False"]),
        ("return 'a'", ["return ''"]),
        ("a.add(b)", ["pass"]),
        ("a = a + b", ["pass", "a = a - b"]),
        ("a = b", []),
    ],
)
def test_one_thing_is_changed_at_a_time(code: str, others: list[str]):
    assert changed(code) == others


def test_a_condition_is_met_always_and_never():
    made = [one.text for one in mutants("def rule():\n    if a:\n        b()\n")]
    assert ["if True" in text for text in made] == [True, False, False]
    assert ["if False" in text for text in made] == [False, True, False]


def test_two_changes_of_the_same_kind_on_one_line_are_told_apart():
    keys = [one.key for one in mutants("def rule():\n    return a < b, c < d\n")]
    assert ("rule", "return a < b, c < d", "Lt becomes LtE") in keys
    assert ("rule", "return a < b, c < d", "Lt becomes LtE, 2.") in keys


def test_what_is_said_and_not_done_is_left_alone():
    """Docstrings, annotations, imports, decorators and what a class is made with."""
    made_with = 'import a\n\nclass B(C, frozen=True):\n    """Says."""\n    d: list[1] = e\n'
    decorated = "\n@f(1)\ndef g(h: 1) -> 2: ...\n"
    assert [one.key for one in mutants(made_with + decorated)] == []
