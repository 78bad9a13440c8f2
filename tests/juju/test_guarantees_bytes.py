"""G2: the same input gives the same bytes, whatever the order in which things were told."""

from __future__ import annotations

from itertools import permutations

import pytest
from clusters import Deployed, deploy, lean
from fates import Fate
from msgspec.structs import replace

from rolecall.core.model import Document
from rolecall.core.products import PRODUCTS


def everything(made: Deployed) -> object:
    """Return all that is written anywhere: bags, files of the gateways, statuses."""
    links = {link.id: (link.app_bags, link.unit_bags) for link in made.juju.model.links.values()}
    statuses = {unit.name: unit.status for unit in made.juju.model.units}
    return links, made.world.texts, statuses, [str(dispatch) for dispatch in made.juju.trace]


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_life_that_is_lived_twice_is_the_same(product: str):
    lives = [Fate.of(5, lean(PRODUCTS[product])) for _ in range(2)]

    assert lives[0].history == lives[1].history
    assert everything(lives[0].deployed) == everything(lives[1].deployed)


def published(product: str, order: tuple[int, ...], coordinators: int) -> tuple[Document, dict[str, str]]:
    """Deploy a product's recommended set in an order; return the document and the gateways' configs."""
    groups = PRODUCTS[product].recommended
    made = deploy(
        PRODUCTS[product], [groups[place] for place in order], coordinators=coordinators, store=False
    )
    made.settle()
    made.add_store()
    made.settle()
    document = made.shared().document
    assert document is not None
    texts = {name: text for name, text in made.world.texts.items() if name == "coordinator/0"}
    for unit in made.units():
        for name, text in texts.items():
            texts[name] = text.replace(str(unit.address), unit.name)
    own = {unit.name: str(unit.address) for unit in made.coordinators()}
    texts = {name: text.replace(own[name], "own") for name, text in texts.items()}
    return replace(document, revision=0, secret=""), texts


@pytest.mark.parametrize("product", ["loki", "mimir", "pyroscope"])
def test_the_order_of_applications_changes_no_byte(product: str):
    """Units, relations and their ids come in another order: config, choices and gateway are the same."""
    orders = list(permutations(range(len(PRODUCTS[product].recommended))))
    first, *others = [published(product, order, 1)[0] for order in (orders[0], orders[3], orders[-1])]

    assert [other for other in others if other != first] == []
