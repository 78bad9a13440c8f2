"""One measured row, and the table that shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number, what it is compared with, and the budget it must keep."""

    what: str
    ours: str
    other: str = ""
    ratio: str = ""
    budget: str = ""
    within: bool = True


def show(title: str, rows: list[Row]) -> None:
    """Print rows as a table."""
    head = ("what", "ours", "compared with", "ratio", "budget", "kept")
    lines = [
        (row.what, row.ours, row.other, row.ratio, row.budget, "yes" if row.within else "NO") for row in rows
    ]
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    print(f"\n{title}")
    for line in (head, *lines):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
