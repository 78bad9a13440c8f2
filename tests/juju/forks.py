"""Tasks in processes of their own: copies of this one, which go on from where it is and leave it as it was.

For programs without threads: a copy has only the one that made it.
"""

from __future__ import annotations

import os
import select
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

Task = Callable[[], str]
"""Returns what is told to who asked for it."""


def each(tasks: Mapping[str, Task], *, at_once: int, limit_s: int) -> Iterator[tuple[str, str, bool]]:
    """Do tasks, some at once; yield each one's name, what it told, and whether it ended well.

    One that raises tells its traceback. One that is killed tells by which signal; so does one that takes
    longer than `limit_s`, by SIGALRM.
    """
    waiting, running = list(tasks.items()), dict[int, _Fork]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                fork = _Fork(*waiting.pop(0), limit_s)
                running[fork.pipe] = fork
            for pipe in select.select(list(running), [], [])[0]:
                fork = running.pop(pipe)
                told, well = fork.end()
                yield fork.name, told, well
    finally:
        for fork in running.values():
            os.kill(fork.pid, signal.SIGKILL)
            fork.end()


class _Fork:
    """One task that is being done."""

    def __init__(self, name: str, task: Task, limit_s: int) -> None:
        self.name = name
        self.pipe, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            _do(task, writing, limit_s)
        os.close(writing)

    def end(self) -> tuple[str, bool]:
        """Wait for the end of the process; return what it told, and whether it ended well."""
        told = Path(f"/proc/self/fd/{self.pipe}").read_text(encoding="utf-8")
        os.close(self.pipe)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if code < 0:
            told += f"it was ended by {signal.Signals(-code).name}"
        return told, code == 0


def _do(task: Task, writing: int, limit_s: int) -> NoReturn:
    """Do a task as a process that is nothing else, whatever its parent would do at its end."""
    code = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(limit_s)
        try:
            told, code = task(), 0
        except Exception:
            told = traceback.format_exc()
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            pipe.write(told)
    finally:
        os._exit(code)
