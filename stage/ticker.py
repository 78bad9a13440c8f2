"""What happens by the clock: update-status, and secrets that expire or are to be rotated."""

from __future__ import annotations

import re
import threading
import time

from stage.commands.models import DEFAULTS, INTERVAL
from stage.host import Host
from stage.world import Model

_TICK_S = 0.5
_DURATION = re.compile(r"(\d+)(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def interval_s(model: Model) -> float:
    """Return how often a model's units get update-status."""
    text = model.settings.get(INTERVAL, DEFAULTS[INTERVAL])
    return sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text)) or 300.0


def tick(host: Host, stop: threading.Event) -> None:
    """Do what is due, until `stop`; agents look for expired secrets whenever they wake up by themselves."""
    last: dict[str, float] = {}
    while not stop.wait(_TICK_S):
        now = time.monotonic()
        for model in list(host.models.values()):
            if now - last.setdefault(model.name, now) < interval_s(model):
                continue
            last[model.name] = now
            with model.changed:
                for unit in model.units():
                    unit.update_status_due = unit.started
                model.changed.notify_all()
