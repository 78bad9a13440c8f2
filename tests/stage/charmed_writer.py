"""A client that goes on and on while something happens to a cluster of charms."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field

from charmed import Charmed
from patience import until

from rolecall.core.routes import Call

_REQUEST_S = 15
_READ_S = 90
_PAUSE_S = 0.1
_READ_EACH = 5


@dataclass
class Writer:
    """Writes through gateways in turn, all the time, and keeps what was acknowledged and what failed."""

    cluster: Charmed
    name: str
    scheme: str = "http"
    gateways: tuple[str, ...] = ()
    """Their addresses; empty: all that there are at the beginning."""
    reads: bool = False
    """Whether to read what was acknowledged, too, after every few writes."""
    acknowledged: dict[str, Call] = field(default_factory=dict[str, Call])
    """Marker to the request that reads it back."""
    expected: dict[str, str] = field(default_factory=dict[str, str])
    failed: list[str] = field(default_factory=list[str])
    """Each with its address and what was said, of requests that were begun after `forgive`."""

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._forgiven_until = 0.0
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Writer:
        self.gateways = self.gateways or self.cluster.gateways()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(2 * _REQUEST_S)

    def forgive(self) -> None:
        """Forget what failed, or will fail, of all requests that have begun: who served them was killed."""
        self._forgiven_until = time.monotonic()
        self.failed.clear()

    def go_on(self, more: int = 10) -> None:
        """Wait until some more writes were acknowledged."""
        wanted = len(self.acknowledged) + more
        until(
            lambda: len(self.acknowledged) >= wanted,
            _READ_S,
            f"{more} more writes to be acknowledged",
            seen=lambda: self.failed[-5:],
        )

    def _write(self) -> None:
        number = 0
        while not self._ended.wait(_PAUSE_S):
            number += 1
            marker = f"{self.name}{number:05d}{os.urandom(3).hex()}"
            plan = self.cluster.product.check(marker, time.time_ns())
            gateway = self.gateways[number % len(self.gateways)]
            if self._request(gateway, plan.write, f"write of {marker}"):
                self.expected[marker] = plan.expect
                self.acknowledged[marker] = plan.read
            if self.reads and not number % _READ_EACH:
                self._request(gateway, plan.read, f"read of {marker}")

    def _request(self, gateway: str, call: Call, what: str) -> bool:
        began = time.monotonic()
        status, text = self.cluster.request(gateway, call, scheme=self.scheme)
        if 200 <= status < 300:
            return True
        if began > self._forgiven_until:
            self.failed.append(f"{what} by {gateway}: {status} {text[:200]}")
        return False

    def lost(self, gateway: str) -> list[str]:
        """List what was acknowledged and can't be read back now."""
        missing = list(self.acknowledged)

        def all_read() -> bool:
            missing[:] = [marker for marker in missing if not self._reads(gateway, marker)]
            return not missing

        try:
            until(all_read, _READ_S, "every acknowledged write to be read back")
        except AssertionError:
            return missing
        return []

    def _reads(self, gateway: str, marker: str) -> bool:
        status, text = self.cluster.request(gateway, self.acknowledged[marker], scheme=self.scheme)
        return status == 200 and self.expected[marker] in text
