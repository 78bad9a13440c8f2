"""What is remembered of a cluster's rollouts: whether they are paused, what was undone, what last was good.

What a command asks for is in a file of its own, so that a command that is at work on the cluster hears of it
in its next cycle.
"""

from __future__ import annotations

from msgspec.structs import replace

from rolecall.core import wire
from rolecall.core.undo import Memory
from rolecall.local import home as disk
from rolecall.local.home import Home

_SETTINGS = "settings"


def paused(home: Home) -> bool:
    """Whether no further unit may restart."""
    return disk.read_map(home.rollout).get("paused") is True


def recall(home: Home) -> Memory:
    """Return what is remembered; what can't be read is as if it weren't there."""
    good = disk.read_bag(home.good) or {}
    undone = disk.read_map(home.rollout).get("undone")
    return Memory(
        good=wire.document_in(good),
        settings=good.get(_SETTINGS, ""),
        undone=undone if isinstance(undone, str) else "",
    )


def remember(home: Home, memory: Memory) -> None:
    """Write down what differs from what is written."""
    known = recall(home)
    if memory.good is not None and replace(memory, undone=known.undone) != known:
        disk.write_json(home.good, {**wire.encode(memory.good), _SETTINGS: memory.settings})
    if memory.undone != known.undone:
        ask(home, paused=paused(home), undone=memory.undone)


def ask(home: Home, *, paused: bool, undone: str) -> None:
    """Write down what is asked of the rollout."""
    disk.write_json(home.rollout, {"paused": paused, "undone": undone})
