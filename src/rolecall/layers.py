"""How Pebble keeps a process, on every host."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rolecall.core.model import ProcessSpec

if TYPE_CHECKING:
    from ops.pebble import ServiceDict


def service_of(spec: ProcessSpec, environment: Mapping[str, str]) -> ServiceDict:
    """Return the service of a process: we start it, and Pebble starts it again whenever it ends.

    `environment` is the whole set of variables that Pebble gives it.
    """
    return {
        "override": "replace",
        "command": shlex.join(spec.command),
        "environment": dict(environment),
        "startup": "disabled",
        "on-success": "restart",
        "on-failure": "restart",
        "backoff-delay": "1s",
        "backoff-limit": "30s",
        "kill-delay": f"{spec.kill_delay_s}s",
    }
