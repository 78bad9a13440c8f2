"""One process becomes many, many become one, and a role's last unit moves: by another file and `up` alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import yaml
from judging import CALM, FAULT
from real_clusters import bring_up, written
from sites import GONE_S, Site, await_writes

from rolecall.core.product import Product
from rolecall.testing.ledger import Ledger


def solo_to_roles(site: Site, ledger: Ledger) -> None:
    """Write workers for the least set of roles into a file that had none."""
    _under_load(site, ledger, _text(site, least(site.product)))
    assert "solo-0" not in site.births()


def roles_to_solo(site: Site, ledger: Ledger) -> None:
    """Take all workers out of the file."""
    _under_load(site, ledger, _text(site, {}))
    assert list(site.births()) == ["solo-0"]


def role_moved(site: Site, ledger: Ledger) -> None:
    """Give the worker that keeps what is newest another name: its last unit goes as another one comes."""
    (old,) = site.writers()
    worker = old.rpartition("-")[0]
    tree = yaml.safe_load(_text(site, least(site.product)))
    workers = tree["clusters"]["real"]["workers"]
    workers["moved"] = workers.pop(worker)
    _under_load(site, ledger, yaml.safe_dump(tree))
    assert site.writers() == ["moved-0"]


def least(product: Product) -> Mapping[str, int]:
    """Return the workers of a product's least set."""
    return {",".join(roles): units for _, roles, units in product.minimal}


def have_least(site: Site) -> None:
    """Have the least set of roles, a unit each."""
    _become(site, _text(site, least(site.product)))


def have_solo(site: Site) -> None:
    """Have one process that runs everything."""
    _become(site, _text(site, {}))


def _under_load(site: Site, ledger: Ledger, text: str) -> None:
    ledger.phase(FAULT)
    _become(site, text)
    site.await_whole()
    await_writes(ledger)
    ledger.phase(CALM)


def _text(site: Site, workers: Mapping[str, int]) -> str:
    return written(site.product, workers, store=site.store.server.store(site.store.bucket))


def _become(site: Site, text: str) -> None:
    site.cluster = site.clusters.again(site.cluster, text)
    bring_up(site.cluster, timeout_s=GONE_S)


FIRST: Mapping[str, Callable[[Site], None]] = {
    solo_to_roles.__name__: have_solo,
    roles_to_solo.__name__: have_least,
    role_moved.__name__: have_least,
}
DEEDS: Mapping[str, Callable[[Site, Ledger], None]] = {
    deed.__name__: deed for deed in (solo_to_roles, roles_to_solo, role_moved)
}
