"""Which event a charm reconciles on: the one that it was started for, unless that is for something else."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import ops

_OTHERS = frozenset(
    {
        "collect_metrics",
        # Of machine charms.
        "leader_settings_changed",
        "post_series_upgrade",
        "pre_series_upgrade",
        # There is nothing left to bring up to date.
        "remove",
    }
)


def observe(charm: ops.CharmBase, handler: Callable[[Any], None]) -> None:
    """Have `handler` called for the event of this hook, after which the world may be another one.

    A process lives for one hook, and to observe all of a charm's hundred events would cost it more than to
    look at the world. Actions are left out: they have answers of their own.
    """
    # https://documentation.ubuntu.com/juju/3.6/reference/hook/ ("JUJU_DISPATCH_PATH")
    folder, _, name = os.environ.get("JUJU_DISPATCH_PATH", "").rpartition("/")
    event = name.replace("-", "_")
    known = getattr(charm.on, event, None)
    if folder.endswith("hooks") and event not in _OTHERS and isinstance(known, ops.BoundEvent):
        charm.framework.observe(known, handler)
