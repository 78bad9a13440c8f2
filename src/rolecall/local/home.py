"""Where everything of a cluster lies on disk, and how it is written.

Beside `rolecall.yaml` lies `.rolecall/`, with one folder for each cluster. What the coordinator
and the workers tell each other lies there as files, in the same form as on the wire. Every write is
atomic: an interrupted one leaves the old file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

_LONGEST_SOCKET = 100
"""A Unix socket's path may have 107 characters (sun_path); some room for Pebble's own suffix."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one cluster."""

    root: Path

    @property
    def document(self) -> Path:
        """The coordinator's last published document."""
        return self.root / "document.json"

    @property
    def identity(self) -> Path:
        """What the cluster is: its UUID and its units' addresses."""
        return self.root / "cluster.json"

    @property
    def verified(self) -> Path:
        """What the binary said of the configs it was shown."""
        return self.root / "verified.json"

    @property
    def restarts(self) -> Path:
        """How many restarts of each unit were asked for by hand."""
        return self.root / "restarts.json"

    @property
    def rollout(self) -> Path:
        """Whether the rollout is paused, and which settings were undone."""
        return self.root / "rollout.json"

    @property
    def good(self) -> Path:
        """The last document that every unit ran and was ready with, and its settings."""
        return self.root / "good.json"

    @property
    def gateway(self) -> Path:
        """The gateway's folder."""
        return self.root / "gateway"

    @property
    def telemetry(self) -> Path:
        """The folder of what watches the cluster."""
        return self.root / "telemetry"

    @property
    def serving(self) -> Path:
        """Units that the loaded gateway sends to."""
        return self.gateway / "serving.json"

    @property
    def store(self) -> Path:
        """The embedded object store."""
        return self.root / "store"

    @property
    def secrets(self) -> Path:
        """Secrets, each in a file of its own that only its owner can read."""
        return self.root / "secrets"

    @property
    def log(self) -> Path:
        """What the supervisor and every process print."""
        return self.root / "processes.log"

    @property
    def pebble(self) -> Path:
        """The supervisor's folder."""
        return self.root / "pebble"

    @property
    def socket(self) -> Path:
        """The supervisor's socket; in the temporary folder when ours is too deep for one."""
        path = self.pebble / "socket"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET:
            return path
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"rolecall-{os.getuid()}-{name}.socket"

    def report(self, unit: str) -> Path:
        """Return the file with a unit's report."""
        return self.root / "reports" / f"{unit}.json"

    def unit(self, unit: str) -> Path:
        """Return the folder of a unit."""
        return self.root / "units" / unit

    def known_units(self) -> tuple[str, ...]:
        """List the units that have ever reported and haven't gone."""
        return tuple(sorted(path.stem for path in (self.root / "reports").glob("*.json")))


@contextmanager
def exclusive(folder: Path, waiting: str = "") -> Generator[None]:
    """Hold the folder's lock, so that two commands don't change one cluster at a time.

    Raises:
        BusyError: another command holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"cannot change {folder.parent}: another command is at work; {waiting or 'wait for it'}"
            ) from error
        yield


class BusyError(Exception):
    """Another command is changing the same cluster."""


def write(path: Path, content: str, mode: int = 0o644) -> None:
    """Write a file whole: a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(content)
            os.fchmod(handle.fileno(), mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: object, mode: int = 0o644) -> None:
    """Write a value as JSON, whole."""
    write(path, json.dumps(value, indent=1, sort_keys=True) + "\n", mode)


def read_text(path: Path) -> str | None:
    """Return a file's text, or None when it isn't there."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def read_map(path: Path) -> Mapping[str, object]:
    """Return a JSON mapping; empty when the file isn't there or holds something else."""
    text = read_text(path)
    if text is None:
        return {}
    try:
        value: object = json.loads(text)
    except ValueError:
        return {}
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def read_bag(path: Path) -> dict[str, str] | None:
    """Return a wire bag, or None when the file isn't there."""
    if not path.exists():
        return None
    return {key: value for key, value in read_map(path).items() if isinstance(value, str)}


def read_list(path: Path) -> tuple[str, ...]:
    """Return a JSON list of words; empty when the file isn't there or holds something else."""
    try:
        value: object = json.loads(read_text(path) or "[]")
    except ValueError:
        return ()
    return tuple(str(item) for item in cast("list[object]", value)) if isinstance(value, list) else ()
