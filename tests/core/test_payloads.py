"""Golden cases of payloads: which bags a product's coordinator writes, for every interface it speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace
from payload_samples import some_facts

from rolecall.core.payloads import PROVIDED, REQUESTED, Bags, Facts, Payload
from rolecall.core.payloads.traefik_route import Front
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.core.signals import Signal

Golden = Callable[[Path, Mapping[str, Callable[[str, str], str]]], None]

_FOLDER = Path(__file__).parent / "cases" / "payloads"


@pytest.mark.parametrize("path", sorted(_FOLDER.glob("*.case")), ids=lambda path: path.stem)
def test_payloads(path: Path, golden: Golden) -> None:
    """The facts of the file's product and the words in a case's input give the bags below it."""
    product = PRODUCTS[path.stem]
    golden(path, {"provides": _handler(product, PROVIDED), "requires": _handler(product, REQUESTED)})


def _handler(product: Product, table: Mapping[str, Payload]) -> Callable[[str, str], str]:
    def handle(interface: str, text: str) -> str:
        facts, theirs = some_facts(product), dict[str, str]()
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "they-say":
                key, _, value = rest.partition("=")
                theirs[key] = value
            else:
                facts = _WORDS[word](facts, rest)
        return _shown(table[interface](facts, theirs))

    return handle


def _tls(facts: Facts, _: str) -> Facts:
    return some_facts(facts.product, tls=True)


def _behind(facts: Facts, url: str) -> Facts:
    """Put an ingress in front of the main listener."""
    return replace(facts, urls={**facts.urls, facts.main: url})


def _routed(facts: Facts, text: str) -> Facts:
    """Put Traefik in front of every listener."""
    scheme, _, host = text.partition("://")
    return replace(facts, urls=Front(host=host, scheme=scheme).urls(facts.ports), ingress_scheme=scheme)


def _opened(facts: Facts, name: str) -> Facts:
    """Open one more listener."""
    number = next(one.number for one in facts.product.listeners if one.name == name)
    host = facts.urls[facts.main].rpartition(":")[0]
    return replace(facts, ports={**facts.ports, name: number}, urls={**facts.urls, name: f"{host}:{number}"})


def _links(facts: Facts, text: str) -> Facts:
    """Let Grafana read a signal from a data source."""
    signal, _, uid = text.partition(" ")
    return replace(facts, datasources={**facts.datasources, Signal(signal): uid})


def _unit(facts: Facts, number: str) -> Facts:
    """Be another unit."""
    return replace(facts, unit=f"{facts.app}/{number}")


_WORDS: Mapping[str, Callable[[Facts, str], Facts]] = {
    "behind": _behind,
    "links": _links,
    "opened": _opened,
    "routed": _routed,
    "tls": _tls,
    "unit": _unit,
}


def _shown(bags: Bags) -> str:
    """Show each bag key by key, a text of several lines below its key."""
    lines: list[str] = []
    for side, bag in (("app", bags.app), ("unit", bags.unit)):
        for key, text in sorted(bag.items()):
            rows = text.splitlines()
            lines += [f"{side} {key}: {rows[0]}"] if len(rows) == 1 else [f"{side} {key}:", *_below(rows)]
    return "\n".join(lines) or "nothing"


def _below(rows: list[str]) -> list[str]:
    return [f"  {row}" for row in rows]
