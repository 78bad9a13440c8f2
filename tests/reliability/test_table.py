"""The table of faults: the docs show it, and every row of it is done and judged."""

from __future__ import annotations

from pathlib import Path

from faults import FAULTS, ROWS, table
from happenings import DEEDS, FIRST

from rolecall.core.products import PRODUCTS

DOCS = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- the table begins -->\n", "<!-- the table ends -->"


def test_the_docs_have_the_table(rewrite: bool):
    """The docs hold the very table that the tests follow; `--rewrite` writes it anew."""
    before, rest = DOCS.read_text().split(_BEGIN)
    _, after = rest.split(_END)
    wanted = f"{before}{_BEGIN}\n{table()}\n{_END}{after}"
    if rewrite:
        DOCS.write_text(wanted)

    assert DOCS.read_text() == wanted


def test_every_row_is_done():
    """Each fault has a deed and each deed a fault; each product has them all."""
    names = [fault.name for fault in FAULTS]

    assert sorted(names) == sorted(DEEDS)
    assert FIRST.keys() <= DEEDS.keys()
    assert {(product, fault.name) for product, fault in ROWS} == {
        (product, name) for product in PRODUCTS for name in names
    }


def test_a_row_is_found_by_its_name():
    """No name is part of another, so that `-k` runs one row."""
    names = [fault.name for fault in FAULTS]

    assert [(one, other) for one in names for other in names if one != other and one in other] == []


def test_whoever_promises_less_says_why():
    """An exception names its product and the setting that closes it."""
    for fault in FAULTS:
        assert fault.but.keys() <= PRODUCTS.keys()
        for cell in fault.but.values():
            assert cell != fault.cell
            assert "Replication factor 3" in cell.why
