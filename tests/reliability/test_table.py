"""The table of faults: the docs show it, and every row of it is done and judged."""

from __future__ import annotations

from pathlib import Path

import pytest
import seen
from faults import FAULTS, ROWS, table
from rows import AROUND, DEEDS, FIRST

from rolecall.core.products import PRODUCTS

DOCS = Path(__file__).parents[2] / "docs" / "reliability.md"
_TABLES = {"the table": table, "what was seen": lambda: seen.table(seen.read(seen.FILE))}


@pytest.mark.parametrize("name", _TABLES)
def test_the_docs_have_the_tables(name: str, rewrite: bool):
    """The docs hold the very tables that the tests follow and measured; `--rewrite` writes them anew."""
    begin, end = f"<!-- {name} begins -->\n", f"<!-- {name} ends -->"
    before, rest = DOCS.read_text().split(begin)
    _, after = rest.split(end)
    wanted = f"{before}{begin}\n{_TABLES[name]()}\n{end}{after}"
    if rewrite:
        DOCS.write_text(wanted)

    assert DOCS.read_text() == wanted


def test_every_row_is_done():
    """Each fault has a deed and each deed a fault; each product has them all but those it can't have."""
    names = [fault.name for fault in FAULTS]
    without = {(product, fault.name) for fault in FAULTS for product in fault.without}

    assert sorted(names) == sorted(DEEDS)
    assert FIRST.keys() | AROUND.keys() <= DEEDS.keys()
    assert {(product, fault.name) for product, fault in ROWS} | without == {
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


def test_every_run_has_some_of_each_product():
    """Each product has several rows that the quick half runs, and each quick row is one there is."""
    quick = [(product, fault.name) for fault in FAULTS for product in fault.quick]

    assert {product: sum(product == one for one, _ in quick) >= 3 for product in PRODUCTS} == dict.fromkeys(
        PRODUCTS, True
    )
    assert set(quick) <= {(product, fault.name) for product, fault in ROWS}
