"""Bring one file over HTTP, and give up within seconds when nothing comes.

The transfer runs in a thread of its own and we watch what it hands over: name resolution, proxies
and servers that drip one byte at a time all have waits of their own that no client option bounds.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rolecall.local.fetch.found import Say, SourceError

MOST_BYTES = 2**31
FLOOR_BYTES_S = 1024
TICK_S = 1.0
MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long we wait for a server."""

    connect_s: float = 5.0
    stall_s: float = 10.0
    """Within any such span more than a trickle must arrive, the first answer included."""


PATIENCE = Patience()


@dataclass(slots=True)
class _Transfer:
    """What the thread and its watcher share."""

    url: str
    patience: Patience
    items: queue.Queue[bytes | Exception | None] = field(
        default_factory=lambda: queue.Queue[bytes | Exception | None](maxsize=16)
    )
    size: int = 0
    """What the server announces; 0 when it doesn't."""
    given_up: threading.Event = field(default_factory=threading.Event)


def download(url: str, to: Path, *, say: Say, patience: Patience = PATIENCE) -> str:
    """Write what the address serves to a file, and return its SHA-256 in hexadecimal.

    A file that did not arrive whole is removed.
    """
    digest = hashlib.sha256()
    transfer = _Transfer(url, patience)
    done = 0

    def tick(elapsed: float) -> None:
        say(_progress(transfer, done, elapsed))

    try:
        with to.open("wb") as file:
            for chunk in _chunks(transfer, tick):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
    except BaseException:
        to.unlink(missing_ok=True)
        raise
    return digest.hexdigest()


def read_text(url: str, *, say: Say, patience: Patience = PATIENCE, most_bytes: int = 2**20) -> str:
    """Return the small text that the address serves."""
    transfer = _Transfer(url, patience)
    body = bytearray()

    def tick(elapsed: float) -> None:
        say(_progress(transfer, len(body), elapsed))

    for chunk in _chunks(transfer, tick):
        body += chunk
        if len(body) > most_bytes:
            raise SourceError(f"{url} is longer than {most_bytes} bytes")
    return body.decode(errors="replace")


def _progress(transfer: _Transfer, done: int, elapsed: float) -> str:
    host = urlsplit(transfer.url).netloc
    if not done:
        return f"waiting for {host}, {elapsed:.0f} s"
    of = f" of {transfer.size / MB:.1f}" if transfer.size else ""
    return f"downloading from {host}: {done / MB:.1f}{of} MB"


def _chunks(transfer: _Transfer, tick: Callable[[float], None]) -> Iterator[bytes]:
    """Yield what arrives; raise when the transfer fails, stalls or never ends."""
    thread = threading.Thread(target=_carry, args=(transfer,), daemon=True)
    thread.start()
    try:
        yield from _watched(transfer, tick)
    finally:
        transfer.given_up.set()
        # It ends at once unless the server or the resolver hangs; then it is left to time out.
        thread.join(0.2)


def _watched(transfer: _Transfer, tick: Callable[[float], None]) -> Iterator[bytes]:
    started = time.monotonic()
    due = 0.0
    total = 0
    window = _Window(started, transfer.patience.stall_s)
    while True:
        elapsed = time.monotonic() - started
        if elapsed >= due:
            tick(elapsed)
            due = elapsed + TICK_S
        if window.stalled(time.monotonic(), total):
            raise SourceError(_stalled(transfer, total))
        try:
            item = transfer.items.get(timeout=min(0.1, transfer.patience.stall_s / 4))
        except queue.Empty:
            continue
        if item is None:
            return
        if isinstance(item, Exception):
            raise item
        total += len(item)
        if total > MOST_BYTES:
            raise SourceError(f"{transfer.url} is longer than {MOST_BYTES} bytes")
        yield item


@dataclass(slots=True)
class _Window:
    """Measures whether enough arrived since the window opened."""

    opened: float
    span_s: float
    total: int = 0

    def stalled(self, now: float, total: int) -> bool:
        """Tell whether the span passed with no more than a trickle."""
        if now - self.opened < self.span_s:
            return False
        trickle = total - self.total < FLOOR_BYTES_S * self.span_s
        self.opened, self.total = now, total
        return trickle


def _stalled(transfer: _Transfer, total: int) -> str:
    host = urlsplit(transfer.url).netloc
    if total:
        return f"{host} stopped sending after {total} bytes"
    return f"no answer from {host} in {transfer.patience.stall_s:g} s"


def _carry(transfer: _Transfer) -> None:
    """Fetch the address and hand over its bytes, then None or the error: the thread's whole life."""
    import httpx2

    host = urlsplit(transfer.url).netloc
    last: Exception | None = None
    try:
        _stream(transfer)
    except httpx2.ConnectTimeout:
        last = SourceError(f"no answer from {host} in {transfer.patience.connect_s:g} s")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        last = SourceError(f"{host} failed us: {error or type(error).__name__}")
    except Exception as error:
        # Whatever it is, it belongs to the watcher.
        last = error
    _hand_over(transfer, last)


def _stream(transfer: _Transfer) -> None:
    import httpx2

    patience = transfer.patience
    timeout = httpx2.Timeout(patience.stall_s, connect=patience.connect_s)
    # The digest is that of the bytes on the wire: no compression that the client would undo.
    headers = {"Accept-Encoding": "identity", "User-Agent": "rolecall"}
    with httpx2.stream(
        "GET", transfer.url, headers=headers, timeout=timeout, follow_redirects=True
    ) as response:
        if response.status_code != 200:
            raise SourceError(f"{transfer.url} answers {response.status_code}")
        if transfer.url.startswith("https:") and response.url.scheme != "https":
            raise SourceError(f"{transfer.url} redirects to {response.url}, which is not HTTPS")
        transfer.size = int(response.headers.get("Content-Length", "0"))
        for chunk in response.iter_raw():
            if not _hand_over(transfer, chunk):
                return


def _hand_over(transfer: _Transfer, item: bytes | Exception | None) -> bool:
    """Put the item where the watcher takes it; False when the watcher has gone."""
    while not transfer.given_up.is_set():
        try:
            transfer.items.put(item, timeout=0.2)
        except queue.Full:
            continue
        return True
    return False
