"""A real cluster on a real object store, with a load on it that is accounted for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from object_store import FickleStore
from patience import until
from real_clusters import Birth, Clusters, births, bring_up, written

from rolecall.core import drain
from rolecall.core.handover import CALL_S, way_of
from rolecall.core.product import Product
from rolecall.local import load, operations
from rolecall.local.cluster import LocalCluster
from rolecall.local.worker import ready_url
from rolecall.testing.ledger import Ledger

STEADY = 30
"""Writes that must be acknowledged before a fault, and again after it: a second and a half of them."""
STEADY_S = 60.0
READY_S = 120.0
GONE_S = 300.0
"""Limit of an `up` that has a unit drain."""
_ROLECALL = Path(sys.executable).with_name("rolecall")
_OTHERS = ("gateway", "supervisor")


@dataclass
class Site:
    """One cluster, its store, and what has been planned for it."""

    clusters: Clusters
    cluster: LocalCluster
    store: FickleStore

    @property
    def product(self) -> Product:
        """What the cluster runs."""
        return self.cluster.spec.product

    def units(self) -> list[str]:
        """List the units that are wanted."""
        return sorted(place.unit for place in self.cluster.places())

    def one_of_each_worker(self) -> list[str]:
        """List the first unit of each worker."""
        first: dict[str, str] = {}
        for place in sorted(self.cluster.places(), key=lambda place: place.unit):
            first.setdefault(place.group, place.unit)
        return sorted(first.values())

    def writers(self) -> list[str]:
        """List the units that keep what is newest."""
        line = self.product.line(self.cluster.spec.settings.text("line"))
        return sorted(
            place.unit
            for place in self.cluster.places()
            if self.product.replicated in line.expand(place.roles)
        )

    def births(self) -> Mapping[str, Birth]:
        """Return the units' own processes."""
        return {unit: birth for unit, birth in births(self.cluster).items() if unit not in _OTHERS}

    def await_whole(self) -> None:
        """Wait until every unit that takes part runs and is ready, and every ring has only active members."""
        until(self._whole, READY_S, "every unit to be ready and active", seen=self._state)

    def _whole(self) -> bool:
        spare = self.cluster.observe().spare
        awaited = [place for place in self.cluster.places() if place.unit not in spare]
        answers = self.cluster.asker.ready(ready_url(self.product, place.address) for place in awaited)
        ready = len(answers) == len(awaited) and all(one.status == 200 for one in answers.values())
        return ready and {state for _, state in self._members()} <= {"ACTIVE"}

    def _members(self) -> Iterable[tuple[str, str]]:
        rings = operations.status(self.cluster).rings
        return (member for members in rings.values() for member in members.items())

    def _state(self) -> str:
        status = operations.status(self.cluster)
        units = ", ".join(f"{one.unit} {'ready' if one.ready else 'not ready'}" for one in status.units)
        return f"{units}; {status.rings}"


@contextmanager
def loaded(site: Site) -> Generator[Ledger]:
    """Put a load on a site, which must have settled; the fault comes in the block."""
    site.await_whole()
    with load.ledger(site.cluster) as ledger:
        await_writes(ledger)
        yield ledger


def await_writes(ledger: Ledger, more: int = STEADY) -> None:
    """Wait until some more writes are acknowledged, at twenty a second, and a read after them has ended."""
    before = ledger.so_far()
    until(
        lambda: ledger.so_far().acknowledged >= before.acknowledged + more,
        STEADY_S + more / 10,
        f"{more} more acknowledged writes",
        seen=ledger.so_far,
    )
    read = ledger.so_far().reads
    until(lambda: ledger.so_far().reads > read + 1, STEADY_S, "two more reads", seen=ledger.so_far)


def upload(site: Site) -> None:
    """Have every writer put what it has into the store, as if the time for that had come."""
    ask = partial(site.cluster.asker.ask, timeout_s=CALL_S)
    for place in site.cluster.places():
        if (way := way_of(site.product.drains, place.roles)) is not None:
            base = ready_url(site.product, place.address).removesuffix(site.product.ready)
            assert (
                drain.refusal(way.ask, lambda verb, base=base: ask(base + verb.path, method=verb.method))
                == ""
            )


def brought_up(clusters: Clusters, product: Product, store: FickleStore, workers: Mapping[str, int]) -> Site:
    """Bring a cluster up."""
    cluster = clusters(written(product, workers, store=store.server.store(store.bucket)))
    bring_up(cluster)
    return Site(clusters=clusters, cluster=cluster, store=store)


@contextmanager
def rolecall_up(site: Site) -> Generator[subprocess.Popen[bytes]]:
    """Run `rolecall up` as a person does; it is killed at the end of the block if it still runs."""
    file = Clusters.file(site.cluster)
    with subprocess.Popen(
        [_ROLECALL, "up", str(file), "--timeout", f"{GONE_S:g}s"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **site.store.server.environment},
        cwd=file.parent,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
