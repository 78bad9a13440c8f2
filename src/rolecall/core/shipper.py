"""Read what a store of blocks notes of those that it has uploaded.

Source: the shipper of Thanos (pkg/shipper/shipper.go), from which Mimir and Pyroscope have theirs: one JSON
file in a tenant's folder, with the names of the uploaded blocks.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from rolecall.core.handover import Disk


def unshipped(disk: Disk, *, blocks: str, note: str, listed: str) -> tuple[str, ...]:
    """List the blocks on a disk that the note beside them doesn't call uploaded.

    `blocks` matches a block's last file, with a group for the folder of all blocks and one for the block's
    name; `note` is the file in that folder whose field `listed` maps or lists the names of the uploaded.
    """
    found = (re.fullmatch(blocks, path) for path in sorted(disk.sizes))
    named = (one for one in found if one is not None)
    return tuple(one[0] for one in named if one[2] not in _listed(disk.notes.get(one[1] + note, ""), listed))


def _listed(note: str, field: str) -> frozenset[str]:
    """Return the names in a note; one that can't be read names none."""
    try:
        return frozenset(msgspec.json.decode(note, type=dict[str, Any]).get(field) or ())
    except (msgspec.DecodeError, TypeError):
        return frozenset()
