"""A load on a gateway in memory that can be made to misbehave: the ledger tells exactly what it did."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from patience import until

from rolecall.core.entries import SERIES, Entries, Entry, Window
from rolecall.core.routes import Answer, Call
from rolecall.testing.door import BrokenError, UnreachedError
from rolecall.testing.ledger import Ledger

RATE = 400.0
ENOUGH_S = 20.0


def _write(entry: Entry) -> Call:
    said = {"number": entry.number, "series": entry.series, "at": entry.at_ns}
    return Call(method="POST", path="/in", body=json.dumps(said).encode())


def _read(window: Window) -> Call:
    return Call(method="GET", path=f"/out {window.start_s} {window.end_s}")


def _found(_: Window, answer: str) -> Mapping[int, int]:
    return {int(number): copies for number, copies in json.loads(answer).items()}


ENTRIES = Entries(write=_write, read=_read, found=_found)

Misdeed = Callable[[int], Answer]
"""What becomes of the write of an entry, by its number; raises, or gives an answer."""


class Memory:
    """A gateway that keeps everything in memory, but for what it is told to do otherwise."""

    def __init__(self) -> None:
        """Keep nothing yet, and misbehave in nothing."""
        self.kept: dict[str, dict[int, dict[str, Any]]] = {}
        self.misdeeds: dict[int, Misdeed] = {}
        self.hidden: set[int] = set()
        self.doubled: set[int] = set()
        self.reads_fail = False
        self.reads = 0
        self.shown: Counter[int] = Counter()
        """How often each entry was given back."""
        self._lock = threading.Lock()

    def send(self, call: Call, tenant: str) -> Answer:
        """Take an entry in, or give a window back."""
        if call.method == "POST":
            return self._take(json.loads(call.body), tenant)
        assert call.path.startswith("/out "), call
        with self._lock:
            self.reads += 1
            if self.reads_fail:
                return Answer(503, "away")
            _, start, end = call.path.split()
            shown = {
                number: 2 if number in self.doubled else 1
                for number, entry in self.kept.get(tenant, {}).items()
                if int(start) <= entry["at"] // 10**9 < int(end) and number not in self.hidden
            }
            self.shown.update(shown.keys())
        return Answer(200, json.dumps(shown))

    def _take(self, entry: dict[str, Any], tenant: str) -> Answer:
        misdeed = self.misdeeds.get(entry["number"])
        if misdeed is not None:
            return misdeed(entry["number"])
        with self._lock:
            self.kept.setdefault(tenant, {})[entry["number"]] = entry
        return Answer(204, "")

    def numbers(self) -> set[int]:
        """Return every entry that it keeps."""
        with self._lock:
            return {number for entries in self.kept.values() for number in entries}


def _dropped(_: int) -> Answer:
    return Answer(200, "")


def _refused(_: int) -> Answer:
    return Answer(500, "not\n today")


def _unreached(_: int) -> Answer:
    raise UnreachedError("ConnectError")


def _broken(_: int) -> Answer:
    raise BrokenError("ReadError")


def written(memory: Memory, number: int) -> None:
    """Wait until an entry and all before it, but for those that are never kept, were written."""
    until(lambda: max(memory.numbers(), default=0) > number, ENOUGH_S, f"entry {number} to be written")


def test_a_good_gateway():
    """Everything that was sent was acknowledged and read, each entry once, in every series."""
    memory = Memory()
    with Ledger(ENTRIES, memory, rate=RATE) as ledger:
        written(memory, 2 * SERIES)
        report = ledger.finish(limit_s=5)

    assert report.kept
    assert report.total.sent == report.total.acknowledged == len(memory.numbers())
    assert report.failures == {}
    assert {entry["series"] for entry in memory.kept[""].values()} == set(range(SERIES))


def test_times_rise_within_a_series():
    """An entry of a series is never older than the one before."""
    memory = Memory()
    with Ledger(ENTRIES, memory, rate=RATE) as ledger:
        written(memory, 4 * SERIES)
        ledger.finish(limit_s=5)

    for series in range(SERIES):
        times = [entry["at"] for _, entry in sorted(memory.kept[""].items()) if entry["series"] == series]
        assert times == sorted(set(times))


def test_each_kind_of_trouble_is_told():
    """Acknowledged and dropped is lost; refused, unreached and broken are what they are."""
    memory = Memory()
    memory.misdeeds = {7: _dropped, 11: _refused, 13: _unreached, 17: _broken, 19: _dropped}
    with Ledger(ENTRIES, memory, rate=RATE) as ledger:
        written(memory, 60)
        report = ledger.finish(limit_s=0.5)

    assert not report.kept
    assert {one.number for one in report.missing} == {7, 19}
    assert (report.total.lost, report.total.failed, report.total.unknown) == (2, 2, 1)
    assert report.failures == {
        "refused: 500 not today": 1,
        "unreached: ConnectError": 1,
        "unknown: ReadError": 1,
    }


def test_a_gap_is_seen_while_it_lasts():
    """What isn't there for a while is told, with the phase, although it is there at the end."""
    memory = Memory()
    with Ledger(ENTRIES, memory, rate=RATE) as ledger:
        until(lambda: all(memory.shown[number] > 2 for number in range(3)), ENOUGH_S, "three to be read")
        ledger.phase("hidden")
        memory.hidden = {0, 1, 2}
        until(lambda: ledger.so_far().unreadable == 3, ENOUGH_S, "three gaps")
        memory.hidden = set()
        ledger.phase("back")
        report = ledger.finish(limit_s=5)

    assert not report.kept
    assert (report.total.lost, report.total.unreadable) == (0, 3)
    assert report.phase("hidden").unreadable == 3
    assert report.phase("run").unreadable == report.phase("back").unreadable == 0


def test_failed_reads_are_no_gaps():
    """A reader that gets errors says so, and of no entry that it is gone."""
    memory = Memory()
    with Ledger(ENTRIES, memory, rate=RATE) as ledger:
        until(lambda: ledger.so_far().reads > 1, ENOUGH_S, "a reading")
        memory.reads_fail = True
        until(lambda: ledger.so_far().failed_reads > 1, ENOUGH_S, "a reading that fails")
        memory.reads_fail = False
        report = ledger.finish(limit_s=5)

    assert report.kept
    assert set(report.read_failures) == {"503 away"}


def test_nothing_is_kept_when_nothing_can_be_read():
    """At the end everything must be read once more; what can't be is not taken on trust."""
    memory = Memory()
    with Ledger(ENTRIES, memory, rate=RATE) as ledger:
        until(lambda: ledger.so_far().reads > 2, ENOUGH_S, "two readings")
        memory.reads_fail = True
        report = ledger.finish(limit_s=0.2)

    assert report.total.lost == report.total.acknowledged > 0


def test_an_answer_that_is_none_is_a_failed_read():
    """What the product cannot take apart is a failed read, with what was wrong."""
    memory = Memory()
    nonsense = Entries(write=_write, read=_read, found=lambda _, answer: {answer.index("nothing"): 1})
    with Ledger(nonsense, memory, rate=RATE) as ledger:
        written(memory, 10)
        report = ledger.finish(limit_s=0.2)

    assert report.total.failed_reads == report.total.reads > 0
    assert report.read_failures == {"substring not found": report.total.reads}


def test_duplicates_are_told():
    """An entry that is there twice is counted."""
    memory = Memory()
    memory.doubled = {3, 4}
    with Ledger(ENTRIES, memory, rate=RATE) as ledger:
        written(memory, 20)
        report = ledger.finish(limit_s=5)

    assert report.kept
    assert report.total.duplicated == 2


def test_tenants_take_turns():
    """Entries are written and read for every tenant, each for its own."""
    memory = Memory()
    with Ledger(ENTRIES, memory, rate=RATE, tenants=("one", "two")) as ledger:
        written(memory, 50)
        report = ledger.finish(limit_s=5)

    assert report.kept
    assert memory.kept.keys() == {"one", "two"}
    assert memory.kept["one"].keys().isdisjoint(memory.kept["two"])


def test_without_a_watch_it_reads_only_at_the_end():
    """Nothing is read before the end, and nothing is said of lateness."""
    memory = Memory()
    with Ledger(ENTRIES, memory, rate=RATE, watch=False, late_s=0) as ledger:
        written(memory, 50)
        assert memory.reads == 0
        report = ledger.finish(limit_s=5)

    assert report.kept
    assert not report.watched
    assert (report.total.late, report.total.slowest_s) == (0, 0)


def test_a_mistake_of_the_load_itself_comes_out():
    """An error in a product's own functions ends the run instead of looking like a quiet one."""

    def wrong(_: Entry) -> Call:
        raise AttributeError("this product is wrong")

    memory = Memory()
    with (
        Ledger(Entries(write=wrong, read=_read, found=_found), memory, rate=RATE) as ledger,
        pytest.raises(AttributeError, match="this product is wrong"),
    ):
        ledger.finish(limit_s=5)
