"""What a container's Pebble has to tell its charm: its notices, turned into events as Juju does.

Juju's rules (internal/worker/uniter/pebblenotices.go): every custom notice is an event. Of the notices that
a change was updated, only those of a check that failed (a `perform-check` that ended with an error) or
recovered (a `recover-check` that is done) are; the change is asked for its status, since it may have gone
on since the notice. A change that Pebble has forgotten is taken as ended.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from stage.seam import EventKind, PodEvent

POLL_S = 30
"""How long Pebble keeps a question for notices before it says that there are none."""

ANSWER_S = 10.0

_CHECKS: Mapping[str, tuple[str, EventKind]] = {
    "perform-check": ("Error", "check-failed"),
    "recover-check": ("Done", "check-recovered"),
}
"""Kind of change to the status that makes it an event, and which event that is."""


class PebbleGoneError(Exception):
    """A Pebble doesn't answer, or with something that no Pebble says."""


@dataclass(slots=True)
class Watch:
    """Follows the notices of one Pebble, from its start."""

    container: str
    socket: str
    """Path of its socket; at most 107 bytes."""
    _after: str = field(default="", init=False)
    """When the last notice that was told of occurred; in nanoseconds, so it stays text."""
    _asking: _Connection | None = field(default=None, init=False)

    def answers(self) -> bool:
        """Whether the Pebble answers at all."""
        try:
            self._asked("/v1/system-info")
        except PebbleGoneError:
            return False
        return True

    def follow(self, tell: Callable[[PodEvent], None]) -> None:
        """Wait for notices once, and tell of those that make an event; call it again and again.

        Raises:
            PebbleGoneError: The Pebble has ended, or doesn't answer.
        """
        question = {"timeout": f"{POLL_S}s", "users": "all"}
        if self._after:
            question["after"] = self._after
        for notice in self._asked(f"/v1/notices?{urlencode(question)}", POLL_S + ANSWER_S) or ():
            if event := self._event(notice):
                tell(event)
            self._after = notice["last-repeated"]

    def leave(self) -> None:
        """End a wait for notices, from another thread: a Pebble that is to end waits for who waits for it."""
        waiting = self._asking.sock if self._asking is not None else None
        if waiting is not None:
            with contextlib.suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)

    def _event(self, notice: Mapping[str, Any]) -> PodEvent | None:
        if notice["type"] == "custom":
            facts = {"notice-id": notice["id"], "notice-type": notice["type"], "notice-key": notice["key"]}
            return PodEvent(self.container, "custom-notice", facts)
        told: Mapping[str, str] = notice.get("last-data") or {}
        if notice["type"] != "change-update" or told.get("kind") not in _CHECKS:
            return None
        status, kind = _CHECKS[told["kind"]]
        change = self._asked(f"/v1/changes/{notice['key']}")
        if change is not None and change["status"] != status:
            return None
        return PodEvent(self.container, kind, {"check-name": told["check-name"]})

    def _asked(self, path: str, limit_s: float = ANSWER_S) -> Any:
        """Return the result that Pebble gives; None for what it doesn't have."""
        connection = self._asking = _Connection(self.socket, limit_s)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise PebbleGoneError(
                f"cannot ask Pebble of {self.container} for {path}: {error}; see its log"
            ) from error
        finally:
            self._asking = None
            connection.close()
        if response.status == http.client.NOT_FOUND:
            return None
        if response.status != http.client.OK:
            raise PebbleGoneError(
                f"cannot ask Pebble of {self.container} for {path}: it says {body['result']}; see its log"
            )
        return body["result"]


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    sock: socket.socket | None

    def __init__(self, path: str, limit_s: float) -> None:
        super().__init__("localhost", timeout=limit_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
