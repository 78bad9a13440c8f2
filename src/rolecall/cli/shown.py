"""What a command shows of one cluster: to people as text, to programs as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Shown(NamedTuple):
    """One cluster's part of an output."""

    ok: bool
    text: str
    data: Mapping[str, object]
