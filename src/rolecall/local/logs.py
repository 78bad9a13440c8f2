"""Read the supervisor's log: one file with every process's lines, each marked with its unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rolecall.core import crashes, loglines
from rolecall.core.crashes import Crash

_LINE = re.compile(r"^(?P<time>\d{4}-\d\d-\d\dT\S+) \[(?P<unit>[^\]]+)\] (?P<text>.*)$")
_STOPPED = re.compile(r'Service "(?P<unit>[^"]+)" stopped unexpectedly with code (?P<code>\d+)')
"""What Pebble says of a process that ended by itself; one that a signal ended has 128 and its number."""
_AGAIN = 3
"""How many ends make a loop: anything may end once, and be ended once more."""
_RECENT = timedelta(minutes=15)
_TAIL_BYTES = 256 * 1024


def lines(log: Path, unit: str = "", *, last: int | None = None) -> list[str]:
    """Return lines of the log, of one unit or of all, the last ones if asked."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return []
    found = [line for line in text.splitlines() if wanted(line, unit)]
    return found if last is None else found[-last:] if last else []


def wanted(line: str, unit: str) -> bool:
    """Whether a line of the log is of that unit; of any process but the supervisor when `unit` is empty."""
    match = _LINE.match(line)
    if match is None:
        return not unit
    name = match["unit"]
    return name == unit if unit else name != "pebble"


def last_error(log: Path, unit: str) -> str:
    """Return the last line in which a unit's process says what is wrong; empty when there is none."""
    matches = (_LINE.match(line) for line in _tail(log))
    return loglines.last_error([match["text"] for match in matches if match and match["unit"] == unit])


def crash(log: Path, unit: str, since_s: float) -> Crash | None:
    """Recognise why a unit's process ends again and again; None when it doesn't.

    `since_s`, in seconds since the epoch, is when we last started it: how it ended before says nothing of it.
    """
    tail = [match for match in map(_LINE.match, _tail(log)) if match]
    if not tail:
        return None
    since = max(datetime.fromtimestamp(since_s, UTC), datetime.fromisoformat(tail[-1]["time"]) - _RECENT)
    recent = [match for match in tail if datetime.fromisoformat(match["time"]) >= since]
    stops = [
        stop["code"]
        for match in recent
        if match["unit"] == "pebble" and (stop := _STOPPED.match(match["text"])) and stop["unit"] == unit
    ]
    if len(stops) < _AGAIN:
        return None
    return crashes.recognise(int(stops[-1]), [match["text"] for match in recent if match["unit"] == unit])


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as handle:
            size = handle.seek(0, 2)
            handle.seek(max(0, size - _TAIL_BYTES))
            return handle.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def follow(log: Path, unit: str) -> Iterator[str]:
    """Yield lines as they are written, and an empty text whenever there is none yet."""
    with log.open(errors="replace") as handle:
        handle.seek(0, 2)
        rest = ""
        while True:
            part = handle.readline()
            rest += part
            if rest.endswith("\n"):
                if wanted(rest.rstrip("\n"), unit):
                    yield rest.rstrip("\n")
                rest = ""
            elif not part:
                yield ""
