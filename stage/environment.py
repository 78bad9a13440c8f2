"""What a charm process is started with: Juju's variables, and where its Python finds what."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from stage.context import Context

JUJU_VERSION = "3.6.9"
REPOSITORY = Path(__file__).resolve().parent.parent

_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all hooks of a stage share: the tools' folder, and the socket that they speak to."""

    tools: Path
    socket: Path


def argv_of(charm_dir: Path) -> list[str]:
    """Return how a charm is started: by its `dispatch`, or else by its `src/charm.py`."""
    dispatch = charm_dir / "dispatch"
    if dispatch.is_file():
        return [str(dispatch)]
    return [sys.executable, str(charm_dir / "src" / "charm.py")]


def variables(context: Context, charm_dir: Path, surroundings: Surroundings) -> dict[str, str]:
    """Return the whole environment of a hook."""
    hook, model, unit = context.hook, context.model, context.unit
    charm = unit.charm
    library = [charm_dir / "src", charm_dir / "lib", charm_dir / "venv", REPOSITORY / "src"]
    found = {
        "PATH": f"{surroundings.tools}:{Path(sys.executable).parent}:{_SEARCH_PATH}",
        "PYTHONPATH": ":".join(str(path) for path in library),
        "LANG": "C.UTF-8",
        "HOME": os.environ.get("HOME", "/root"),
        "STAGE_SOCKET": str(surroundings.socket),
        "CHARM_DIR": str(charm_dir),
        "JUJU_CHARM_DIR": str(charm_dir),
        "JUJU_CONTEXT_ID": context.id,
        "JUJU_VERSION": JUJU_VERSION,
        "JUJU_MODEL_NAME": model.name,
        "JUJU_MODEL_UUID": model.uuid,
        "JUJU_UNIT_NAME": unit.name,
        "JUJU_PRINCIPAL_UNIT": "",
        "JUJU_AVAILABILITY_ZONE": "",
        "JUJU_MACHINE_ID": "",
        "JUJU_CONTAINER_NAMES": ",".join(container.name for container in charm.containers),
        "JUJU_HOOK_NAME": hook.name,
        "JUJU_DISPATCH_PATH": f"hooks/{hook.name}",
        **dict(hook.facts),
    }
    if context.task:
        found |= {
            "JUJU_DISPATCH_PATH": f"actions/{context.task.action}",
            "JUJU_ACTION_NAME": context.task.action,
            "JUJU_ACTION_UUID": context.task.id,
            "JUJU_ACTION_TAG": f"action-{context.task.id}",
        }
    return found
