"""The folder of executables that were fetched or built: its names, its lock, and its whole files.

An entry is either whole or not there. It is made beside its final place, in `.NAME.part` (a file)
or `.NAME.work` (a folder), and renamed when it is complete. Whoever makes one holds `.NAME.lock`,
so what lies there while nobody holds the lock is left over from a process that died.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from rolecall.core.binary import Binary

POLL_S = 0.1
TELL_S = 1.0
REMOVE_TRIES = 5


def default_cache() -> Path:
    """Name the cache of this user."""
    if named := os.environ.get("ROLECALL_CACHE"):
        return Path(named).expanduser().absolute()
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named).expanduser().absolute() / "rolecall"
    # expanduser also asks the user database, so that it works without HOME.
    return Path(os.path.expanduser("~/.cache/rolecall")).absolute()  # noqa: PTH111


def architecture() -> str:
    """Name this machine's architecture as Go and the release assets do."""
    machine = platform.machine().lower()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def entry(cache: Path, binary: Binary, version: str) -> Path:
    """Name the file in the cache of one version of an executable."""
    return cache / "bin" / f"{binary.name}-{version}-{architecture()}"


def runnable(path: Path) -> bool:
    """Tell whether the path is a file that we may execute."""
    return path.is_file() and os.access(path, os.X_OK)


@contextmanager
def exclusive(target: Path, waiting: Callable[[float], None]) -> Generator[bool]:
    """Hold the lock of an entry, and yield whether another process had it first.

    The lock file stays: removing it would let two processes lock two files of the same name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _named(target, "lock").open("a") as lock:
        waited = _wait_for(lock.fileno(), waiting)
        yield waited


def _wait_for(descriptor: int, waiting: Callable[[float], None]) -> bool:
    started = time.monotonic()
    due = 0.0
    while not _locked(descriptor):
        elapsed = time.monotonic() - started
        if elapsed >= due:
            waiting(elapsed)
            due = elapsed + TELL_S
        time.sleep(POLL_S)
    return due > 0


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def staged(target: Path) -> Generator[Path]:
    """Yield a path to write an executable to; it becomes the target only if all went well.

    Call it while holding the target's lock.
    """
    part = _named(target, "part")
    part.unlink(missing_ok=True)
    try:
        yield part
        part.chmod(0o755)
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def workspace(target: Path) -> Generator[Path]:
    """Yield an empty folder beside the target, on the same disk, and remove it afterwards.

    Call it while holding the target's lock.
    """
    work = _named(target, "work")
    remove(work)
    work.mkdir()
    try:
        yield work
    finally:
        remove(work)


def remove(path: Path) -> None:
    """Remove a file or a folder with all it holds, if it is there."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for _ in range(REMOVE_TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        # A process that was just killed may have made one last file in it.
        time.sleep(POLL_S)


def sweep(folder: Path) -> None:
    """Remove what processes that died left unfinished in a folder of the cache."""
    for leftover in [*folder.glob(".*.part"), *folder.glob(".*.work")]:
        lock = leftover.with_suffix(".lock")
        with contextlib.suppress(OSError), lock.open("a") as held:
            if _locked(held.fileno()):
                remove(leftover)


def _named(target: Path, kind: str) -> Path:
    return target.parent / f".{target.name}.{kind}"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
