"""What a run of the table measured: a line for each cell, the same as JSON, and the docs' table of it.

With `ROLECALL_SEEN=FILE`, what a run measures is written into FILE beside what is in it already.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
from faults import FAULTS

from rolecall.core.products import PRODUCTS
from rolecall.testing.report import Report

FILE = Path(__file__).with_name("seen.json")
"""What the docs show."""
VARIABLE = "ROLECALL_SEEN"
MEASURED = "measured"
"""The property of a test that holds a line of what was measured."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What was seen of one product and fault."""

    acknowledged: int
    lost: int
    failed: int
    """Writes that were refused, reached nobody, or broke."""
    failed_reads: int
    gap_s: float
    """The longest time in which something was unreadable."""
    kept: bool
    """Whether what the table promises was so."""

    def __str__(self) -> str:
        """Return it as in the docs."""
        text = f"{self.acknowledged}/{self.lost}/{self.failed}/{self.failed_reads}/{self.gap_s:g}"
        return text if self.kept else f"**{text}**"


def cell(report: Report, *, kept: bool) -> Cell:
    """Sum a report up."""
    total = report.total
    return Cell(
        acknowledged=total.acknowledged,
        lost=total.lost,
        failed=total.failed + total.unknown,
        failed_reads=total.failed_reads,
        gap_s=round(total.longest_unreadable_s, 1),
        kept=kept,
    )


def line(product: str, fault: str, seen: Cell) -> str:
    """Say what was seen of a cell, in one line."""
    return (
        f"{product} {fault}: {seen.acknowledged} acknowledged, {seen.lost} lost, {seen.failed} failed, "
        f"{seen.failed_reads} reads failed, unreadable for {seen.gap_s:g} s at most"
        + ("" if seen.kept else "; that breaks a promise")
    )


def keep(product: str, fault: str, seen: Cell) -> None:
    """Write it into the file that the environment names, if it names one."""
    name = os.environ.get(VARIABLE)
    if name:
        path = Path(name)
        cells = {**read(path), (product, fault): seen}
        tree: dict[str, dict[str, object]] = {}
        for (one, row), found in sorted(cells.items()):
            tree.setdefault(one, {})[row] = asdict(found)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(tree), indent=1) + b"\n")


def read(path: Path) -> Mapping[tuple[str, str], Cell]:
    """Read such a file; one that isn't there is empty."""
    if not path.exists():
        return {}
    tree = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Cell]])
    return {(product, fault): seen for product, cells in tree.items() for fault, seen in cells.items()}


def table(cells: Mapping[tuple[str, str], Cell]) -> str:
    """Return it as the docs have it."""
    head = ("fault", *(product.title for product in PRODUCTS.values()))
    rows = [
        (fault.title, *(str(cells.get((product, fault.name), "–")) for product in PRODUCTS))
        for fault in FAULTS
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))
