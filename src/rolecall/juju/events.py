"""Which events a charm reconciles on: all but those that are for something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ops

_OTHERS = frozenset(
    {
        "collect_app_status",
        "collect_metrics",
        "collect_unit_status",
        # Of machine charms.
        "leader_settings_changed",
        "post_series_upgrade",
        "pre_series_upgrade",
        # There is nothing left to bring up to date.
        "remove",
    }
)


def observe_all(charm: ops.CharmBase, handler: Callable[[Any], None]) -> None:
    """Have `handler` called for every event after which the world may be another one.

    Actions are left out: they have answers of their own.
    """
    for name, event in charm.on.events().items():
        if name not in _OTHERS and not name.endswith("_action"):
            charm.framework.observe(event, handler)
