"""A load that is accounted for: written through a gateway at a steady rate, and all of it read back.

Example::

    with HttpDoor({"http": "http://10.0.0.1:80"}) as door, Ledger(product.entries, door) as ledger:
        ledger.phase("scale in")
        scale_in()
        report = ledger.finish(limit_s=60)
    print(report.table())
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from rolecall.core.entries import MOST, SERIES, Entries, Entry
from rolecall.core.routes import Answer
from rolecall.testing import summary
from rolecall.testing.accounts import Accounts, Outcome, Page, Write
from rolecall.testing.door import BrokenError, Door, UnreachedError
from rolecall.testing.report import Report, Tally

_WRITERS = 8
_LONGEST_WINDOW_S = 60
_PAUSE_S = 1.0
"""Between the beginnings of two readings of everything."""


class Ledger:
    """Writes entries until it is told to finish, and knows of each what became of it.

    One thread reads; each of the others writes to series of its own, one request at a time, so that within
    a series times only rise. A writer that had to wait for an answer sends nothing to make up for it.
    """

    def __init__(
        self,
        entries: Entries,
        door: Door,
        *,
        rate: float = 20.0,
        tenants: Sequence[str] = (),
        watch: bool = True,
        late_s: float = 10.0,
    ) -> None:
        """Prepare a run.

        Args:
            entries: How the product takes entries in and gives them back.
            door: The way to the gateway.
            rate: Entries a second, of all writers together.
            tenants: Whose entries they are, in turn; none: no tenant is named.
            watch: Whether to read everything once a second while writing goes on.
            late_s: An entry that is readable only later than this is late.
        """
        self._entries, self._door = entries, door
        self._rate, self._watch, self._late_s = rate, watch, late_s
        self._tenants = tuple(tenants) or ("",)
        self._lock = threading.Lock()
        self._no_more_writes, self._no_more_reads = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=_WRITERS + 1, thread_name_prefix="ledger")
        self._writers: list[Future[None]] = []
        self._watcher: Future[None] | None = None
        self.run = secrets.choice("123456789abcdef") + secrets.token_hex(8)[1:]
        window_s = max(1, min(_LONGEST_WINDOW_S, int(MOST / 2 / rate)))
        self._accounts = Accounts(window_s=window_s, began_s=time.monotonic(), settles_s=entries.settles_s)

    def __enter__(self) -> Ledger:
        """Begin to write, and to read when it watches."""
        self._writers = [self._pool.submit(self._write_on, number) for number in range(_WRITERS)]
        if self._watch:
            self._watcher = self._pool.submit(self._watch_on)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every thread."""
        self._no_more_writes.set()
        self._no_more_reads.set()
        self._pool.shutdown()

    def phase(self, name: str) -> None:
        """Count what happens from now on under this name."""
        with self._lock:
            self._accounts.phase(name, time.monotonic())

    def so_far(self) -> Tally:
        """Add up how it stands; what was acknowledged and not yet read counts as lost."""
        with self._lock:
            return summary.total(self._accounts, late_s=self._late_s if self._watch else None)

    def stop_writing(self) -> None:
        """End the writers; reading goes on."""
        self._no_more_writes.set()
        for writer in self._writers:
            writer.result()

    def finish(self, *, limit_s: float = 60.0) -> Report:
        """End the writers, read everything until it is complete or `limit_s` is over, and report.

        Each page is read anew after the last write: one answer must hold all of it.
        """
        self.stop_writing()
        self._no_more_reads.set()
        if self._watcher is not None:
            self._watcher.result()
        end = time.monotonic() + limit_s
        with self._lock:
            self._accounts.begin_last_reading()
        waiting = self._pages()
        while waiting := [page for page in waiting if not self._read(page)]:
            if time.monotonic() > end:
                break
            time.sleep(min(_PAUSE_S, limit_s / 10))
        return self._report()

    def _write_on(self, writer: int) -> None:
        """Write every `_WRITERS`th entry, at its time."""
        period = _WRITERS / self._rate
        due = time.monotonic() + writer / self._rate
        number = writer
        while not self._no_more_writes.wait(max(0.0, due - time.monotonic())):
            self._write(number)
            number += _WRITERS
            due = max(due + period, time.monotonic())

    def _write(self, number: int) -> None:
        entry = Entry(run=self.run, number=number, series=number % SERIES, at_ns=time.time_ns())
        tenant = self._tenants[entry.series % len(self._tenants)]
        outcome, why = _outcome(lambda: self._door.send(self._entries.write(entry), tenant))
        with self._lock:
            self._accounts.wrote(
                Write(entry=entry, tenant=tenant, outcome=outcome, ended_s=time.monotonic(), why=why)
            )

    def _watch_on(self) -> None:
        """Read everything again and again."""
        due = time.monotonic()
        while not self._no_more_reads.wait(max(0.0, due - time.monotonic())):
            due = max(due + _PAUSE_S, time.monotonic())
            for page in self._pages():
                self._read(page)

    def _pages(self) -> tuple[Page, ...]:
        with self._lock:
            return self._accounts.pages()

    def _report(self) -> Report:
        with self._lock:
            return summary.report(
                self._accounts,
                run=self.run,
                ended_s=time.monotonic(),
                late_s=self._late_s,
                watched=self._watch,
            )

    def _read(self, page: Page) -> bool:
        """Read one page, take it down, and say whether everything acknowledged in it was there."""
        call, began = self._entries.read(page.window), time.monotonic()
        try:
            answer = self._door.send(call, page.tenant)
            found = self._entries.found(page.window, _good(answer))
        except (UnreachedError, BrokenError, ValueError, KeyError, IndexError, TypeError) as error:
            with self._lock:
                self._accounts.unanswered(_told(error), began_s=began, ended_s=time.monotonic())
            return False
        with self._lock:
            self._accounts.answered(page, found, began_s=began, ended_s=time.monotonic())
            return self._accounts.complete(page)


def _outcome(send: Callable[[], Answer]) -> tuple[Outcome, str]:
    try:
        answer = send()
    except UnreachedError as error:
        return Outcome.UNREACHED, _told(error)
    except BrokenError as error:
        return Outcome.UNKNOWN, _told(error)
    if 200 <= answer.status < 300:
        return Outcome.ACKNOWLEDGED, ""
    return Outcome.REFUSED, _said(answer)


def _good(answer: Answer) -> str:
    """Return the text of a read that was answered; raises ValueError."""
    if answer.status != 200:
        raise ValueError(_said(answer))
    return answer.text


def _said(answer: Answer) -> str:
    return f"{answer.status} {' '.join(answer.text.split())[:120]}".strip()


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
