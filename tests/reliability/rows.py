"""All that is done to clusters, by the name of its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import goings
import happenings
import obstacles
import reshaping
from happenings import Deed
from sites import Site

DEEDS: Mapping[str, Deed] = {**happenings.DEEDS, **obstacles.DEEDS, **goings.DEEDS, **reshaping.DEEDS}
FIRST: Mapping[str, Callable[[Site], None]] = {**happenings.FIRST, **goings.FIRST, **reshaping.FIRST}
"""What a row needs before its load begins, where the shared cluster may be otherwise."""
AROUND: Mapping[str, Callable[[Site], AbstractContextManager[None]]] = {
    obstacles.full_disk.__name__: obstacles.small_disk
}
"""What a row needs before its load begins, and that has to be undone after it."""
