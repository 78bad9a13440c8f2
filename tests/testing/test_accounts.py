"""The accounts of a load, by a made-up clock: each kind of trouble is seen, and nothing else is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import pytest

from rolecall.core.entries import Entry
from rolecall.testing import summary
from rolecall.testing.accounts import Accounts, Outcome, Page, Write
from rolecall.testing.report import Report

RUN = "1234567890abcdef"
BEGAN = 1000.0
WINDOW_S = 60


def accounts(*, settles_s: float = 0.0) -> Accounts:
    """Open accounts that begin at BEGAN."""
    return Accounts(window_s=WINDOW_S, began_s=BEGAN, settles_s=settles_s)


def written(
    books: Accounts,
    numbers: Iterable[int],
    *,
    at: float,
    outcome: Outcome = Outcome.ACKNOWLEDGED,
    tenant: str = "",
    why: str = "",
) -> None:
    """Write entries, `at` seconds after the beginning; an entry's own time is its number in seconds."""
    for number in numbers:
        entry = Entry(run=RUN, number=number, series=number % 3, at_ns=number * 10**9)
        books.wrote(Write(entry=entry, tenant=tenant, outcome=outcome, ended_s=BEGAN + at, why=why))


def read(books: Accounts, found: Iterable[int], *, at: float) -> None:
    """Read the only page, for a tenth of a second; an entry that is listed twice is there twice."""
    (page,) = books.pages()
    books.answered(page, Counter(found), began_s=BEGAN + at, ended_s=BEGAN + at + 0.1)


def added_up(books: Accounts, *, at: float = 100, watched: bool = True) -> Report:
    """Report `at` seconds after the beginning, where five seconds are late."""
    return summary.report(books, run=RUN, ended_s=BEGAN + at, late_s=5, watched=watched)


def test_what_was_read_back_is_kept():
    """Everything that was acknowledged was read: nothing is wrong."""
    books = accounts()
    written(books, range(10), at=1)
    read(books, range(10), at=2)

    report = added_up(books)

    assert report.kept
    assert (report.total.sent, report.total.acknowledged, report.total.lost) == (10, 10, 0)
    assert report.missing == ()
    assert report.total.slowest_s == pytest.approx(1.1)


def test_nothing_acknowledged_is_not_kept():
    """A gateway that takes nothing keeps nothing."""
    books = accounts()
    written(books, range(3), at=1, outcome=Outcome.REFUSED, why="503 no")

    report = added_up(books)

    assert not report.kept
    assert (report.total.sent, report.total.failed, report.total.lost) == (3, 3, 0)
    assert report.failures == {"refused: 503 no": 3}


def test_what_no_read_gives_back_is_lost():
    """An entry that was never read is lost, and is named."""
    books = accounts()
    written(books, range(5), at=1)
    read(books, [0, 1, 2, 4], at=2)
    read(books, [0, 1, 2, 4], at=3)

    report = added_up(books)

    assert not report.kept
    assert report.total.lost == 1
    assert report.total.unreadable == 0
    (missing,) = report.missing
    assert (missing.number, missing.series, missing.was_read) == (3, 0, False)


def test_what_was_read_and_vanished_is_lost():
    """An entry that was there and isn't any more is lost, and was unreadable until the last look."""
    books = accounts()
    written(books, range(2), at=1)
    read(books, [0, 1], at=2)
    read(books, [1], at=3)
    read(books, [1], at=7)

    report = added_up(books)

    assert (report.total.lost, report.total.unreadable) == (1, 1)
    assert report.total.longest_unreadable_s == pytest.approx(4.1)
    assert report.missing[0].was_read


def test_what_vanished_and_came_back_was_unreadable():
    """A gap lasts from the first read that missed an entry to the one that found it again; it isn't lost."""
    books = accounts()
    written(books, range(2), at=1)
    read(books, [0, 1], at=2)
    read(books, [1], at=3)
    read(books, [1], at=4)
    read(books, [0, 1], at=5)
    read(books, [1], at=6)
    read(books, [0, 1], at=7)

    report = added_up(books)

    assert not report.kept
    assert (report.total.lost, report.total.unreadable) == (0, 1)
    assert report.total.longest_unreadable_s == pytest.approx(2.1)
    assert [(one.number, one.began_s, one.ended_s) for one in report.absences] == [(0, 3, 5.1), (0, 6, 7.1)]
    assert "unreadable: 0 (acknowledged after 1.0 s, away from 3.0 s to 5.1 s), 0 (" in report.table()


@pytest.mark.parametrize(("missed_at", "gap"), [(3.9, ()), (4, ((4, 6.1),)), (5, ((5, 6.1),))])
def test_copies_may_differ_until_an_entry_has_settled(missed_at: float, gap: tuple[tuple[float, float], ...]):
    """A read that begins before that and misses an entry says nothing; from then on each has to show it."""
    books = accounts(settles_s=3)
    written(books, [0], at=1)
    read(books, [0], at=1.5)
    read(books, [], at=2)
    read(books, [], at=missed_at)
    read(books, [0], at=6)

    report = added_up(books)

    assert tuple((one.began_s, one.ended_s) for one in report.absences) == gap
    assert report.total.lost == 0


def test_an_entry_must_be_there_in_the_last_reading():
    """What was read before, and not once more at the end, is lost."""
    books = accounts()
    written(books, range(2), at=1)
    read(books, [0, 1], at=2)
    books.begin_last_reading()
    read(books, [0], at=3)

    (page,) = books.pages()
    assert not books.complete(page)
    assert added_up(books).total.lost == 1


def test_a_last_reading_that_fails_shows_nothing():
    """What could not be read at the end counts as lost, although it was read before."""
    books = accounts()
    written(books, range(2), at=1)
    read(books, [0, 1], at=2)
    books.begin_last_reading()
    books.unanswered("503", began_s=BEGAN + 3, ended_s=BEGAN + 4)

    assert added_up(books).total.lost == 2


def test_a_read_says_nothing_of_what_was_acknowledged_after_it_began():
    """An entry that is acknowledged while a read is under way may be missing from it."""
    books = accounts()
    written(books, [0], at=1)
    read(books, [0], at=2)
    written(books, [1], at=3.05)
    read(books, [0], at=3)

    assert added_up(books).total.unreadable == 0
    read(books, [0, 1], at=4)
    assert added_up(books).kept


def test_a_failed_read_is_counted_apart():
    """A read that fails is no gap of any entry."""
    books = accounts()
    written(books, [0], at=1)
    read(books, [0], at=2)
    books.unanswered("503 away", began_s=BEGAN + 3, ended_s=BEGAN + 3.5)
    read(books, [0], at=4)

    report = added_up(books)

    assert report.kept
    assert (report.total.reads, report.total.failed_reads) == (3, 1)
    assert report.read_failures == {"503 away": 1}


def test_duplicates():
    """An entry that an answer holds twice is counted, and is kept all the same."""
    books = accounts()
    written(books, range(3), at=1)
    read(books, [0, 1, 1, 2], at=2)
    read(books, [0, 1, 2], at=3)

    report = added_up(books)

    assert report.total.duplicated == 1
    assert report.kept


@pytest.mark.parametrize(("read_at", "late"), [(5.8, 0), (6.0, 1)])
def test_lateness(read_at: float, late: int):
    """An entry is late when the read that first gave it back ended after the limit."""
    books = accounts()
    written(books, [0], at=1)
    read(books, [], at=2)
    read(books, [0], at=read_at)

    assert added_up(books).total.late == late
    assert added_up(books, watched=False).total.late == 0
    assert added_up(books).kept


def test_unknown_is_neither_acknowledged_nor_failed():
    """A broken request is counted apart; what is there of it is told, and what is not is not lost."""
    books = accounts()
    written(books, [0], at=1)
    written(books, [1, 2], at=1, outcome=Outcome.UNKNOWN, why="ReadError")
    written(books, [3], at=1, outcome=Outcome.UNREACHED, why="ConnectError")
    read(books, [0, 1], at=2)

    report = added_up(books)

    assert report.kept
    assert (report.total.unknown, report.total.failed, report.unasked) == (2, 1, 1)
    assert report.failures == {"unknown: ReadError": 2, "unreached: ConnectError": 1}


def test_what_is_read_before_its_answer_comes_is_not_unasked():
    """An entry may be read while its write is still under way."""
    books = accounts()
    written(books, [0], at=1)
    read(books, [0, 1], at=2)
    assert added_up(books).unasked == 1
    written(books, [1], at=3)

    assert added_up(books).unasked == 0


def test_an_entry_is_acknowledged_once():
    """The same number twice is a mistake of the load, and isn't hidden."""
    books = accounts()
    written(books, [0], at=1)

    with pytest.raises(ValueError, match="entry 0"):
        written(books, [0], at=2)


def test_pages_are_windows_of_tenants():
    """Everything that was acknowledged is in exactly one page, by its own time and its tenant."""
    books = accounts()
    written(books, [0, 59, 60], at=1, tenant="a")
    written(books, [1], at=1, tenant="b")
    written(books, [500], at=1, tenant="a", outcome=Outcome.REFUSED)

    pages = books.pages()

    assert [(page.tenant, page.window.start_s, page.window.end_s) for page in pages] == [
        ("a", 0, 60),
        ("b", 0, 60),
        ("a", 60, 120),
    ]
    books.answered(pages[0], {0: 1, 59: 1, 60: 1, 1: 1}, began_s=BEGAN + 2, ended_s=BEGAN + 3)
    assert [books.complete(page) for page in pages] == [True, False, False]
    assert added_up(books).total.lost == 2


def test_phases_and_seconds():
    """What happens is counted under the phase, and in the second, in which it happened."""
    books = accounts()
    written(books, [0, 1], at=1)
    read(books, [0, 1], at=2)
    books.phase("fault", BEGAN + 3)
    written(books, [2], at=3.5, outcome=Outcome.REFUSED, why="500 no")
    written(books, [3], at=3.6)
    books.unanswered("500 no", began_s=BEGAN + 4, ended_s=BEGAN + 5)
    read(books, [1], at=5)
    books.phase("after", BEGAN + 8)
    read(books, [0, 1], at=9)

    report = added_up(books)

    before, fault, after = (report.phase(name) for name in ("run", "fault", "after"))
    assert (before.acknowledged, before.failed, before.unreadable, before.lost) == (2, 0, 0, 0)
    assert (fault.acknowledged, fault.failed, fault.failed_reads) == (1, 1, 1)
    assert (fault.unreadable, fault.longest_unreadable_s, fault.lost) == (1, pytest.approx(4.1), 1)
    assert (after.sent, after.reads, after.failed_reads) == (0, 1, 0)
    seconds = dict(report.by_second)
    assert sorted(seconds) == [1, 2, 3, 4, 5, 9]
    assert (seconds[3].sent, seconds[3].failed, seconds[4].failed_reads) == (2, 1, 1)
    assert sum(tally.acknowledged for tally in seconds.values()) == report.total.acknowledged == 3
    with pytest.raises(KeyError):
        report.phase("never")


def test_the_table_and_the_data_show_everything():
    """The table has a row for each phase and the total, and the reasons; the data can be written as JSON."""
    books = accounts()
    written(books, [0, 1], at=1)
    read(books, [0], at=2)
    books.phase("scale in", BEGAN + 3)
    written(books, [2], at=4, outcome=Outcome.REFUSED, why="503 away")
    written(books, [3], at=4, outcome=Outcome.UNKNOWN, why="ReadError")
    read(books, [0, 3], at=5)

    report = added_up(books)
    lines = report.table().splitlines()

    assert lines[0].split()[:4] == ["PHASE", "FROM", "SENT", "ACKNOWLEDGED"]
    assert [line.split("  ")[0] for line in lines[1:4]] == ["run", "scale in", "total"]
    assert "write failed: refused: 503 away (1 times)" in lines
    assert "lost: 1 (series 1, acknowledged after 1.0 s, never read)" in lines
    assert "1 entries that were not acknowledged are there all the same" in lines
    data = json.loads(json.dumps(report.json()))
    assert data["kept"] is False
    assert data["total"]["lost"] == 1
    assert [phase["name"] for phase in data["phases"]] == ["run", "scale in"]


def test_a_page_that_nothing_was_acknowledged_in_is_complete():
    """There is nothing to wait for in it."""
    books = accounts()
    written(books, [0], at=1)
    (page,) = books.pages()
    other = Page(window=page.window, tenant="other")

    assert books.complete(other)
    assert not books.complete(page)
