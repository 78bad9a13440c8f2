"""What this machine sees and remembers of a unit that is to go."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from rolecall.core import gossip
from rolecall.core.handover import METRICS, Disk, Drain, Handover, Sight
from rolecall.local import home as disk
from rolecall.local import stored
from rolecall.local.home import Home
from rolecall.local.readiness import Asker
from rolecall.local.s3 import Failure, S3Target


def handover_of(home: Home, unit: str) -> Handover:
    """Return what is remembered of a unit's drain; what can't be read is as if nothing had been asked."""
    try:
        return msgspec.convert(disk.read_map(_file(home, unit)), Handover)
    except msgspec.ValidationError:
        return Handover()


def keep(home: Home, unit: str, handover: Handover) -> None:
    """Remember how far a unit's drain is."""
    if handover == Handover():
        _file(home, unit).unlink(missing_ok=True)
    else:
        disk.write_json(_file(home, unit), msgspec.to_builtins(handover))


def force(home: Home, unit: str) -> None:
    """Take note that the administrator accepts the loss of what a unit doesn't hand over."""
    disk.write(_mark(home, unit), "")


def forget(home: Home, unit: str) -> None:
    """Remember nothing of a unit's drain any more."""
    for path in (_file(home, unit), _mark(home, unit)):
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """From where a unit that is to go is looked at."""

    home: Home
    asker: Asker
    base: str
    """Where its process answers, such as `http://127.1.2.3:3100`."""
    drain: Drain | None
    store: S3Target | Path | None
    """The bucket, or the folder that stands in for one; None: its keys aren't known."""

    def sight(self, unit: str, kept: Handover, *, runs: bool) -> Sight:
        """Look at a unit that is to go: what its process says, what is on its disk, what is in the store."""
        lies = _disk(self.home.unit(unit) / "data", self.drain) if self.drain else Disk()
        looks = not runs or kept.started_s
        absent, blind = self._absent(lies, kept) if looks else ((), "")
        return Sight(
            now_s=time.time(),
            metrics=self._said(METRICS) if runs else "",
            ring=self._said(gossip.page(self.drain.ring)) if runs and self.drain and self.drain.ring else "",
            disk=lies,
            absent=absent,
            blind=blind,
            forced=self._forced(unit),
        )

    def _said(self, path: str) -> str:
        answer = self.asker.ask(self.base + path)
        return answer.text if answer.status == 200 else ""

    def _forced(self, unit: str) -> bool:
        return _mark(self.home, unit).exists()

    def _absent(self, lies: Disk, kept: Handover) -> tuple[tuple[str, ...], str]:
        if self.drain is None:
            return (), ""
        if self.store is None:
            return (), "the object store's keys aren't known"
        place = self.store / self.drain.folder if isinstance(self.store, Path) else self.store
        sought = (key for key in self.drain.stored(lies) if key not in kept.found)
        try:
            return stored.absent(place, sought), ""
        except Failure as failed:
            return (), str(failed)


def _disk(folder: Path, drain: Drain) -> Disk:
    """Look at every file beneath a folder; what goes away meanwhile isn't there, be it a file or a folder."""
    sizes: dict[str, int] = {}
    notes: dict[str, str] = {}
    # Unlike `Path.rglob`, this passes over a folder that has just been removed.
    for path in (Path(parent) / name for parent, _, names in os.walk(folder) for name in names):
        with suppress(FileNotFoundError):
            if path.is_file():
                name = str(path.relative_to(folder))
                sizes[name] = path.stat().st_size
                if path.name in drain.notes:
                    notes[name] = path.read_text(errors="replace")
    return Disk(sizes=sizes, notes=notes)


def _file(home: Home, unit: str) -> Path:
    return home.unit(unit) / "handover.json"


def _mark(home: Home, unit: str) -> Path:
    return home.unit(unit) / "forced"
