"""Columns of text, as wide as what is in them."""

from __future__ import annotations

from collections.abc import Sequence


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with aligned columns; the last one is as long as it likes."""
    every = [head, *rows]
    widths = [max(len(row[index]) for row in every) for index in range(len(head))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in every
    ]
