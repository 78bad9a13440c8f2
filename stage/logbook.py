"""The stage's own log, and the debug log that `juju debug-log` shows."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

from stage.clock import now_s, rfc3339, short

_KEPT_LINES = 20_000


class Logbook:
    """Writes `stage.log`, one log for each unit, and keeps the newest lines of the debug log."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stage.log"
        self._lock = threading.Lock()
        self._debug: deque[str] = deque(maxlen=_KEPT_LINES)

    def say(self, who: str, text: str, *, also: Path | None = None) -> None:
        """Log what the stage did; `also` names the unit's own log."""
        self._write(f"{rfc3339(now_s())} {who}: {text}\n", also)

    def juju(self, unit: str, level: str, module: str, text: str, *, also: Path | None = None) -> None:
        """Log what a charm, or its agent, said."""
        moment_s = now_s()
        tag = f"unit-{unit.replace('/', '-')}"
        with self._lock:
            self._debug.extend(
                f"{tag}: {short(moment_s)} {level} {module} {line}" for line in text.splitlines()
            )
        self._write(f"{rfc3339(moment_s)} {unit}: {level} {module} {text}\n", also)

    def debug_lines(self, limit: int) -> list[str]:
        """Return the newest lines of the debug log; all that are kept if `limit` is 0."""
        with self._lock:
            lines = list(self._debug)
        return lines[-limit:] if limit else lines

    def _write(self, line: str, also: Path | None) -> None:
        with self._lock:
            for path in (self._path, also):
                if path:
                    with path.open("a", encoding="utf-8") as log:
                        log.write(line)
