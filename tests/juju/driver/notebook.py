"""Where the framework of one hook keeps stored state and deferred events.

`ops.testing` makes a database for every hook, which costs a sixth of it. The same calls on two mappings.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any, cast

from ops.storage import NoSnapshotError, SQLiteStorage

Notice = tuple[str, str, str]
"""(event, observer, method)."""


class Notebook:
    """The storage of `ops`, for as long as a hook runs; values are copied on their way in and out."""

    def __init__(self) -> None:
        self._snapshots: dict[str, bytes] = {}
        self._notices: list[Notice] = []

    def as_storage(self) -> SQLiteStorage:
        """Return this as what the framework's annotations want: it calls the methods below and no others."""
        return cast("SQLiteStorage", self)

    def close(self) -> None:
        """Forget nothing: what the hook left is read after this."""

    def commit(self) -> None:
        """Keep what is written; it is already."""

    def save_snapshot(self, handle_path: str, snapshot_data: Any) -> None:
        """Keep a value."""
        self._snapshots[handle_path] = pickle.dumps(snapshot_data)

    def load_snapshot(self, handle_path: str) -> Any:
        """Return a value; raises `NoSnapshotError` where there is none."""
        if handle_path not in self._snapshots:
            raise NoSnapshotError(handle_path)
        return pickle.loads(self._snapshots[handle_path])  # noqa: S301 - written above

    def drop_snapshot(self, handle_path: str) -> None:
        """Forget a value, if there is one."""
        self._snapshots.pop(handle_path, None)

    def list_snapshots(self) -> Iterator[str]:
        """List what values are kept under."""
        return iter(list(self._snapshots))

    def save_notice(self, event_path: str, observer_path: str, method_name: str) -> None:
        """Take note that an observer is to be told of an event."""
        self._notices.append((event_path, observer_path, method_name))

    def drop_notice(self, event_path: str, observer_path: str, method_name: str) -> None:
        """Forget that."""
        gone = (event_path, observer_path, method_name)
        self._notices = [notice for notice in self._notices if notice != gone]

    def notices(self, event_path: str | None = None) -> Iterator[Notice]:
        """List who is to be told, of one event or of all, in the order of the notes."""
        return iter([notice for notice in self._notices if not event_path or notice[0] == event_path])
