"""Put a load on a cluster on this machine, and account for all of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rolecall.local.cluster import LocalCluster
from rolecall.testing.door import HttpDoor
from rolecall.testing.ledger import Ledger

_TENANT = "rolecall-check"
"""Whose entries they are, where tenants are told apart."""


class NoEntriesError(ValueError):
    """The product doesn't say how a load can be read back."""


def urls(cluster: LocalCluster) -> dict[str, str]:
    """Return the base address of each open listener of a cluster's gateway, the main one first."""
    spec = cluster.spec
    return {
        listener.name: f"http://{spec.gateway_address}:{spec.gateway_ports[listener.name]}"
        for listener in spec.product.opened(spec.settings)
    }


@contextmanager
def ledger(cluster: LocalCluster, *, rate: float = 20.0, watch: bool = True) -> Generator[Ledger]:
    """Write to a cluster, `rate` entries a second, until the block ends; with `watch` read all once a second.

    Raises:
        NoEntriesError: the product has no entries.
    """
    product = cluster.spec.product
    if product.entries is None:
        raise NoEntriesError(
            f"cannot put a load on {cluster.spec.name}: {product.title} has no entries; leave --for out"
        )
    tenants = (_TENANT,) if cluster.spec.settings.flag("multi-tenant") else ()
    with (
        HttpDoor(urls(cluster)) as door,
        Ledger(product.entries, door, rate=rate, tenants=tenants, watch=watch) as running,
    ):
        yield running
