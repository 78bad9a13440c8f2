"""Run a child process to its end while somebody watches.

The child leads a process group of its own, and the group is ended when the watcher is interrupted:
a build that was given up must not go on compiling behind our back.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

TICK_S = 1.0
END_S = 3.0
LONGEST_S = 7200.0


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    line: Callable[[str], None],
    tick: Callable[[float], None],
    longest_s: float = LONGEST_S,
) -> int:
    """Run the command, hand over each line that it prints, and return its exit code.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        environment: All of its environment; ours by default.
        line: Called with each line of its output and its errors.
        tick: Called with the seconds so far, about once a second.
        longest_s: The child is ended after this time; the exit code is then negative.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    lines: queue.Queue[str | None] = queue.Queue()
    assert process.stdout is not None  # noqa: S101  (asked for above)
    reader = threading.Thread(target=_drain, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        if _watch(lines, line, tick, longest_s):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(END_S)
        return _kill(process)
    except BaseException:
        _kill(process)
        raise
    finally:
        reader.join(END_S)


def _drain(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    with stream:
        for text in stream:
            lines.put(text.rstrip("\n"))
    lines.put(None)


def _watch(
    lines: queue.Queue[str | None],
    line: Callable[[str], None],
    tick: Callable[[float], None],
    longest_s: float,
) -> bool:
    """Pass on lines until the output ends; tell whether it did in time."""
    started = time.monotonic()
    due = 0.0
    while True:
        elapsed = time.monotonic() - started
        if elapsed >= longest_s:
            return False
        if elapsed >= due:
            tick(elapsed)
            due = elapsed + TICK_S
        try:
            text = lines.get(timeout=max(0.01, due - elapsed))
        except queue.Empty:
            continue
        if text is None:
            return True
        line(text)


def _kill(process: subprocess.Popen[str]) -> int:
    """End the whole group, by request, then by force, and return the exit code."""
    try:
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
    finally:
        _signal(process.pid, signal.SIGKILL)
        code = process.wait()
    return code


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
