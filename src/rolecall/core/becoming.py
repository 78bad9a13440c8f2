"""Say which roles a unit has now, when others were written for it (G6).

Roles are changed in place. Where those that a unit had keep what may be in no object store yet, and those
that it is to get would not hand that over, it drains first, with the roles that it had, as one does that is
to go. What it had is told by the process that was last started; where there is none, by its last report.
"""

from __future__ import annotations

from msgspec import Struct

from rolecall.core import workload
from rolecall.core.handover import Drain, way_of
from rolecall.core.model import Document, Phase, ProcessSpec, Report
from rolecall.core.product import Product
from rolecall.core.roles import Line, problems_of


class Part(Struct, frozen=True, kw_only=True):
    """The roles of a unit, as written."""

    roles: tuple[str, ...]
    """Those that it has now."""
    becomes: tuple[str, ...] = ()
    """Those that it gets once it has handed over; empty: it has them, or is to go."""
    drain: Drain | None = None
    """How it hands over what it holds; None: it holds nothing."""


def part_of(
    product: Product,
    document: Document | None,
    *,
    written: tuple[str, ...],
    spec: ProcessSpec | None,
    last: Report | None,
    leaving: bool,
) -> Part:
    """Say which roles a unit has for which `written` were written.

    `spec` is how its process was last started, `last` what it last said. One that is `leaving` gets no other.
    """
    line = line_of(product, document)
    had = _had(product, line, spec, last)
    old, new = (way_of(product.drains, line.expand(roles)) for roles in (had, written))
    # Roles that make no process change nothing.
    refused = not leaving and problems_of(line, product.name, "", written)
    if old is None or old is new or refused:
        return Part(roles=written, drain=new)
    return Part(roles=had, becomes=() if leaving else written, drain=old)


def line_of(product: Product, document: Document | None) -> Line:
    """Return the line that the coordinator speaks of, the default one if there is none that we know."""
    try:
        return product.line(document.line if document else "")
    except KeyError:
        return product.lines[0]


def _had(product: Product, line: Line, spec: ProcessSpec | None, last: Report | None) -> tuple[str, ...]:
    """Return the roles of which a unit may hold something: none once it has handed over."""
    told = last.roles if last else ()
    if spec is None:
        # A pod that only moves ends likewise, though it isn't to go.
        return () if last and last.leaving and last.phase is Phase.DRAINED else told
    # What was said may be what a process is to run that has no leave for it yet.
    targets = workload.targets(product, spec)
    return told if line.targets(told) == targets else line.run_by(targets)
