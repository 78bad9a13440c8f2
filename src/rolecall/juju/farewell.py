"""What a hook sees and remembers of a unit that is to go.

The object store is not looked into: a charm carries no client of one. What a process leaves on the unit's
storage says whether it has handed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from posixpath import relpath

import msgspec
import ops
from msgspec import Struct
from ops import pebble

from rolecall.core import gossip
from rolecall.core.drain import refusal
from rolecall.core.handover import CALL_S, METRICS, Disk, Drain, Handover, Sight
from rolecall.core.routes import Answer, Verb
from rolecall.juju import containers
from rolecall.juju.net import Net, Request


class Farewell(Struct, frozen=True, kw_only=True):
    """From where a unit that is to go is looked at."""

    container: ops.Container
    net: Net
    drain: Drain | None
    base: str
    """Where its process answers, such as `http://10.1.2.3:3100`."""
    data: str
    path: str
    """File in the container in which it is remembered how far the drain is."""

    def handover(self) -> Handover:
        """Return what is remembered; what can't be read is as if nothing had been asked."""
        try:
            return msgspec.json.decode(containers.read_text(self.container, self.path) or "{}", type=Handover)
        except msgspec.DecodeError:
            return Handover()

    def keep(self, handover: Handover) -> None:
        """Remember how far the drain is."""
        if handover == Handover():
            self.forget()
        else:
            containers.write_text(self.container, self.path, msgspec.json.encode(handover).decode())

    def forget(self) -> None:
        """Remember nothing of a drain any more."""
        if self.container.exists(self.path):
            self.container.remove_path(self.path)

    def sight(self, *, runs: bool) -> Sight:
        """Look at what the process says, and at what is on its disk."""
        return Sight(
            now_s=self.net.now(),
            metrics=self._said(METRICS) if runs else "",
            ring=self._said(gossip.page(self.drain.ring)) if runs and self.drain and self.drain.ring else "",
            disk=self._disk(self.drain) if self.drain else Disk(),
        )

    def _said(self, path: str) -> str:
        answer = self.net.ask(self.base + path)
        return answer.text if answer.status == 200 else ""

    def ask(self, verbs: Iterable[Verb]) -> str:
        """Make calls; return how the first that was refused was, or nothing when all went well."""
        return refusal(verbs, self._call)

    def _call(self, verb: Verb) -> Answer:
        request = Request(verb.headers, verb.body)
        return self.net.ask(self.base + verb.path, method=verb.method, timeout_s=CALL_S, request=request)

    def _disk(self, drain: Drain) -> Disk:
        sizes: dict[str, int] = {}
        notes: dict[str, str] = {}
        folders = [self.data]
        while folders:
            for info in self._listed(folders.pop()):
                if info.type is pebble.FileType.DIRECTORY:
                    folders.append(info.path)
                    continue
                name = relpath(info.path, self.data)
                sizes[name] = info.size or 0
                if info.name in drain.notes:
                    notes[name] = containers.read_text(self.container, info.path) or ""
        return Disk(sizes=sizes, notes=notes)

    def _listed(self, folder: str) -> list[pebble.FileInfo]:
        """List a folder; one that has gone meanwhile has nothing in it."""
        try:
            return self.container.list_files(folder)
        except (pebble.APIError, FileNotFoundError):
            return []
