"""Wait for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_S = 0.05


def until(look: Callable[[], T], limit_s: float, what: str, *, seen: Callable[[], object] | None = None) -> T:
    """Return the first true value of `look`; fail with `what`, and what was seen instead, after the limit."""
    end = time.monotonic() + limit_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            instead = f"; there is {seen()!r}" if seen else ""
            raise AssertionError(f"waited {limit_s:g} s for {what}{instead}")
        time.sleep(_PAUSE_S)
