"""A report is held against what is promised: each broken promise is found, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults import EVERYTHING, WHILE_DOWN, Cell
from judging import CALM, FAULT, broken

from rolecall.core.entries import Entry
from rolecall.testing import summary
from rolecall.testing.accounts import Accounts, Outcome, Write
from rolecall.testing.report import Report

RUN = "1234567890abcdef"
FAULT_AT, CALM_AT, END = 10.0, 30.0, 40.0
Happening = Callable[[Accounts], None]


def wrote(number: int, at: float, outcome: Outcome = Outcome.ACKNOWLEDGED) -> Happening:
    """Have an entry written, and end at that time."""
    entry = Entry(run=RUN, number=number, series=0, at_ns=number)
    why = "" if outcome is Outcome.ACKNOWLEDGED else "503"
    return lambda books: books.wrote(Write(entry=entry, outcome=outcome, ended_s=at, why=why))


def read(at: float, *numbers: int) -> Happening:
    """Have everything read at that time, and these found."""
    return lambda books: books.answered(
        books.pages()[0], dict.fromkeys(numbers, 1), began_s=at, ended_s=at + 0.1
    )


def read_failed(at: float) -> Happening:
    """Have a read fail at that time."""
    return lambda books: books.unanswered("503", began_s=at, ended_s=at + 0.1)


def reported(*happenings: Happening) -> Report:
    """Report what happened in a run with a fault from FAULT_AT to CALM_AT."""
    books = Accounts(window_s=60, began_s=0)
    books.phase(FAULT, FAULT_AT)
    books.phase(CALM, CALM_AT)
    for happening in (wrote(0, 1), *happenings, read(END, 0)):
        happening(books)
    return summary.report(books, run=RUN, ended_s=END, late_s=5, watched=True)


def test_nothing_happened():
    """A run without trouble breaks no promise."""
    assert broken(Cell(), reported()) == []


@pytest.mark.parametrize(
    ("acknowledged", "loses_s", "wrong"),
    [
        (5, 0, True),
        (12, 0, True),
        (9, 2, False),
        (12, 2, False),
        (5, 2, True),
        (5, EVERYTHING, False),
        (31, EVERYTHING, True),
    ],
)
def test_loss(acknowledged: float, loses_s: float, wrong: bool):
    """What was acknowledged long before a fault, or after it, may not be lost."""
    report = reported(wrote(1, acknowledged))

    assert bool(broken(Cell(loses_s=loses_s), report)) == wrong


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNREACHED, Outcome.UNKNOWN])
@pytest.mark.parametrize(
    ("at", "fails_s", "wrong"),
    [
        (5, WHILE_DOWN, True),
        (11, 0, True),
        (11, 3, False),
        (20, 3, True),
        (20, WHILE_DOWN, False),
        (35, WHILE_DOWN, True),
    ],
)
def test_failed_writes(at: float, fails_s: float, wrong: bool, outcome: Outcome):
    """Writes may fail only as long after a fault as is said."""
    report = reported(wrote(1, at, outcome))

    assert bool(broken(Cell(fails_s=fails_s), report)) == wrong


@pytest.mark.parametrize(
    ("at", "allowed_s", "wrong"), [(11, 0, True), (11, WHILE_DOWN, False), (35, 5, True)]
)
def test_failed_reads(at: float, allowed_s: float, wrong: bool):
    """Reads have their own measure, where one is given."""
    report = reported(read_failed(at))

    assert bool(broken(Cell(reads_fail_s=allowed_s), report)) == wrong
    assert bool(broken(Cell(fails_s=allowed_s), report)) == wrong
    assert broken(Cell(fails_s=WHILE_DOWN, reads_fail_s=0), report)


@pytest.mark.parametrize(
    ("gone_at", "gaps", "wrong"), [(15, False, True), (15, True, False), (5, True, True), (35, True, True)]
)
def test_gaps(gone_at: float, gaps: bool, wrong: bool):
    """What was readable may be missing only while a fault lasts, and only where it is said."""
    report = reported(read(2, 0), read(gone_at), read(gone_at + 1, 0))

    assert bool(broken(Cell(gaps=gaps), report)) == wrong


@pytest.mark.parametrize(("away_s", "wrong"), [(1, True), (2, False)])
def test_few_failed_seconds(away_s: float, wrong: bool):
    """Writes may fail only in so many seconds in all."""
    report = reported(wrote(1, 11, Outcome.REFUSED), wrote(2, 15.5, Outcome.REFUSED))

    assert bool(broken(Cell(fails_s=WHILE_DOWN, away_s=away_s), report)) == wrong


def test_gaps_that_outlast_the_fault():
    """Where it is said, what was readable may be missing after the fault too, and never before it."""
    after, before = (reported(read(2, 0), read(at), read(at + 1, 0)) for at in (35, 5))

    assert broken(Cell(gaps=True, gaps_after=True), after) == []
    assert broken(Cell(gaps=True, gaps_after=True), before)
