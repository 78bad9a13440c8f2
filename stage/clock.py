"""Times as Juju prints them."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_s() -> float:
    """Return the wall clock, in seconds since 1970."""
    return time.time()


def rfc3339(moment_s: float) -> str:
    """Print a moment as RFC 3339, in UTC, to the millisecond."""
    return datetime.fromtimestamp(moment_s, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def short(moment_s: float) -> str:
    """Print the time of day of a moment, to the millisecond."""
    return datetime.fromtimestamp(moment_s, tz=UTC).strftime("%H:%M:%S.%f")[:-3]


def parse_rfc3339(text: str) -> float:
    """Parse RFC 3339.

    Raises:
        ValueError: The text is no such time.
    """
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
