"""See which processes of a cluster run, from what the kernel says of them.

Every process that we have Pebble start carries its cluster, its unit and its restart identity in its
environment. So what runs is read from the processes themselves, never from what we remember, and a
process that outlived its supervisor is found again. nginx writes its title over its environment, so
its processes are known by the folder they work in.
"""

from __future__ import annotations

import getpass
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rolecall.core.workload import BUILD

HOME_VARIABLE = "ROLECALL_HOME"
UNIT_VARIABLE = "ROLECALL_UNIT"
IDENTITY_VARIABLE = "ROLECALL_IDENTITY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One process of a cluster."""

    pid: int
    unit: str
    identity: str
    build: str
    """Which build of its binary it was started from."""
    started: int
    """Kernel clock ticks since boot: two processes with one pid differ in it."""


def running(home: Path) -> dict[str, Running]:
    """Map each unit to its process; a unit's own children don't count."""
    found: dict[str, Running] = {}
    for process in sorted(_marked(home), key=lambda p: (p.started, p.pid)):
        found.setdefault(process.unit, process)
    return found


def age_s(process: Running) -> float:
    """Return how long ago a process began."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - process.started / os.sysconf("SC_CLK_TCK")


def end_all(home: Path, *, timeout_s: float = 10.0) -> int:
    """End every process of a cluster that its supervisor has left behind; return how many there were."""
    left = list(_marked(home))
    for number, limit_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, 5.0)):
        _signal(left, number)
        _wait_gone(home, limit_s)
        if not any(True for _ in _marked(home)):
            break
    return len(left)


def _signal(processes: list[Running], number: signal.Signals) -> None:
    for process in processes:
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            continue


def _wait_gone(home: Path, limit_s: float) -> None:
    end = time.monotonic() + limit_s
    while any(True for _ in _marked(home)) and time.monotonic() < end:
        time.sleep(0.05)


def _marked(home: Path) -> Iterator[Running]:
    mark = f"{HOME_VARIABLE}={home}".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            values = _marks(folder, mark) or _nginx(folder, home)
            started = _started(folder) if values else None
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if started is None:
            continue
        yield Running(
            pid=int(folder.name),
            unit=values.get(UNIT_VARIABLE, ""),
            identity=values.get(IDENTITY_VARIABLE, ""),
            build=values.get(BUILD, ""),
            started=started,
        )


def _marks(folder: Path, mark: bytes) -> dict[str, str]:
    variables = (folder / "environ").read_bytes().split(b"\0")
    if mark not in variables:
        return {}
    pairs = (item.decode(errors="replace").partition("=") for item in variables)
    return {name: value for name, _, value in pairs}


def _nginx(folder: Path, home: Path) -> dict[str, str]:
    if (folder / "comm").read_text().strip() != "nginx":
        return {}
    return {UNIT_VARIABLE: "gateway"} if (folder / "cwd").readlink() == home / "gateway" else {}


def _started(folder: Path) -> int | None:
    """Return when a process started, from /proc/PID/stat (proc(5), field 22); None for a zombie."""
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def gateway_user() -> str:
    """Return the user that the gateway's workers run as: said only to a master that is root."""
    return getpass.getuser() if os.geteuid() == 0 else ""
