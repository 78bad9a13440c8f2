"""How each product takes entries in and gives them back, without the product."""

from __future__ import annotations

import json

import pytest

from rolecall.core.entries import MOST, Entry, Window
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.core.routes import Access

RUN = "1234567890abcdef"
WINDOW = Window(run=RUN, start_s=1700000000, end_s=1700000060)
TRACE = {"traceID": f"{RUN}7000000000000000"}
ANSWERS: dict[str, object] = {
    "loki": {
        "data": {
            "result": [
                {"stream": {"run": RUN}, "values": [["1700000000000000000", "entry 7"]]},
                {"stream": {"run": RUN}, "values": [["2", "entry 8", {}], ["3", "entry 8"]]},
            ]
        }
    },
    "mimir": {
        "data": {
            "result": [
                {"metric": {"run": RUN}, "values": [[1700000000, "7"]]},
                {"metric": {"run": RUN}, "values": [[1700000001, "8"], [1700000001.5, "8"]]},
            ]
        }
    },
    "tempo": {"traces": [TRACE, *(2 * [{"traceID": f"{RUN}8000000000000000"}])]},
    "pyroscope": {
        "flamebearer": {
            "names": ["total", "other", "entry-8", "entry-7"],
            "levels": [[0, 30000000, 0, 0], [0, 20000000, 20000000, 2, 0, 10000000, 10000000, 3]],
        }
    },
}
"""An answer of each product, with entry 7 once and entry 8 twice."""


def an_entry(number: int) -> Entry:
    """Build an entry in the window."""
    return Entry(run=RUN, number=number, series=number % 48, at_ns=(WINDOW.start_s + number) * 10**9)


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_an_answer_is_counted(product: Product):
    """Every entry in an answer is found, as often as it is there."""
    assert product.entries is not None

    assert dict(product.entries.found(WINDOW, json.dumps(ANSWERS[product.name]))) == {7: 1, 8: 2}


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
@pytest.mark.parametrize("answer", ["", "<html>", "{}", '{"data": null}'])
def test_what_is_no_answer_is_refused(product: Product, answer: str):
    """Something else than an answer is no answer with nothing in it."""
    assert product.entries is not None

    with pytest.raises((ValueError, KeyError, TypeError)):
        product.entries.found(WINDOW, answer)


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_calls_are_open_to_everybody(product: Product):
    """Both calls go to the main listener, by routes that need no credentials."""
    assert product.entries is not None
    open_paths = {
        (method, route.path)
        for route in product.routes
        if route.access is Access.OPEN and not route.listener
        for method in route.methods or ("GET", "POST")
    }

    for call in (product.entries.write(an_entry(7)), product.entries.read(WINDOW)):
        assert call.listener == ""
        assert any(
            method == call.method and call.path.partition("?")[0].startswith(path) and path != "/"
            for method, path in open_paths
        ), call


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_no_two_entries_are_the_same(product: Product):
    """Entries of one run differ in what is written."""
    assert product.entries is not None
    calls = [product.entries.write(an_entry(number)) for number in range(100)]

    assert len({(call.path, call.body) for call in calls}) == 100


def test_an_answer_can_hold_what_is_promised():
    """A read asks for as many entries as an answer must be able to hold."""
    for product in PRODUCTS.values():
        assert product.entries is not None
        path = product.entries.read(WINDOW).path
        if "limit=" in path:
            assert f"limit={MOST}" in path
