"""Whole clusters of any product in the driver: deploy them, change them, and say what they should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import ops
from cluster_world import ClusterWorld
from driver import CharmData, Juju, Life, Link, Unit
from msgspec.structs import replace
from store_charm import STORE

from rolecall.core import identity, roles, wire
from rolecall.core.charm import Purpose
from rolecall.core.consent import Hold
from rolecall.core.endpoints import endpoint, worker_endpoints
from rolecall.core.model import Document
from rolecall.core.product import Blueprint, Product
from rolecall.core.products import PRODUCTS
from rolecall.core.routes import Route
from rolecall.core.tree import Tree
from rolecall.juju import metadata, peers
from rolecall.juju.coordinator import CoordinatorCharm
from rolecall.juju.following import NotHandedOverError
from rolecall.juju.worker import WorkerCharm

Groups = Iterable[tuple[str, tuple[str, ...], int]]
"""(worker application, roles, units)."""

COORDINATOR, STORE_APP = "coordinator", "store"
_BASES: Mapping[metadata.Kind, type[ops.CharmBase]] = {"coordinator": CoordinatorCharm, "worker": WorkerCharm}


def lean(product: Product) -> Product:
    """Return a product with its roles and options, but with texts small enough to be rendered in masses.

    Each role has a route, so that the gateway sends to every unit.
    """
    return replace(
        product,
        config=_lean_config,
        routes=tuple(Route(path=f"/{role.name}", roles=(role.name,)) for role in product.lines[0].roles),
        live_keys=("live",),
        read_by={},
        protected={},
        limits_key="",
    )


def _lean_config(blueprint: Blueprint) -> Tree:
    choices = blueprint.choices
    return {
        "live": list(choices.seeds),
        "copies": choices.replication_factor,
        "peers": dict(choices.peers),
        "roles": sorted(blueprint.roles),
        "level": blueprint.settings.text("log-level"),
    }


def charm(product: Product, kind: metadata.Kind) -> CharmData:
    """Return a charm of a product, with the metadata that is committed for it."""
    described = dict(_described(product.name, kind))
    made = cast(
        "type[ops.CharmBase]",
        type(f"{product.title}{kind.title()}Charm", (_BASES[kind],), {"product": product}),
    )
    actions, config = described.pop("actions", None), described.pop("config", None)
    return CharmData(charm=made, meta=described, actions=actions, config=config)


@cache
def _described(product: str, kind: metadata.Kind) -> Mapping[str, Any]:
    return metadata.charmcraft(PRODUCTS[product], kind)


@dataclass(kw_only=True)
class Deployed:
    """A coordinator, a store and workers."""

    product: Product
    juju: Juju
    world: ClusterWorld
    workers: list[str] = field(default_factory=list[str])
    """Worker applications that are there, by name."""

    @property
    def cluster(self) -> str:
        """The endpoint of a coordinator's workers."""
        return endpoint(self.product, Purpose.CLUSTER).name

    @property
    def s3(self) -> str:
        """The endpoint of the bucket."""
        return endpoint(self.product, Purpose.S3).name

    def add_worker(self, name: str, names: Iterable[str], units: int, **config: bool) -> None:
        """Deploy workers with roles, and relate them."""
        chosen = {f"role-{role}": True for role in names}
        self.juju.deploy(charm(self.product, "worker"), name, num_units=units, config={**chosen, **config})
        self.relate(name)

    def relate(self, worker: str) -> None:
        """Relate a worker application to the coordinator."""
        self.juju.integrate(*self._ends(worker))
        self.workers.append(worker)

    def part(self, worker: str) -> None:
        """End the relation of a worker application to the coordinator."""
        self.juju.remove_relation(*self._ends(worker))
        self.workers.remove(worker)

    def add_store(self) -> None:
        """Relate the object store."""
        self.juju.integrate(f"{COORDINATOR}:{self.s3}", f"{STORE_APP}:s3-credentials")

    def remove_store(self) -> None:
        """End the relation to the object store."""
        self.juju.remove_relation(f"{COORDINATOR}:{self.s3}", f"{STORE_APP}:s3-credentials")

    def coordinators(self) -> list[Unit]:
        """Return the coordinator's units."""
        return self.juju.app(COORDINATOR).units

    def units(self) -> list[Unit]:
        """Return the workers' units, of related applications."""
        return [unit for name in sorted(self.workers) for unit in self.juju.app(name).units]

    def settle(self) -> None:
        """Run until nothing is left to do."""
        self.juju.settle(limit=1000)

    def act(self, unit: str, name: str, params: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Run an action that succeeds; return its results."""
        outcome = self.juju.run_action(unit, name, params or {})
        assert outcome.failure is None, outcome.failure
        return outcome.results

    def document(self, worker: str) -> Document | None:
        """Return what the coordinator says to a worker application; None when it said nothing yet."""
        bag = self.bag(worker)
        return wire.decode_document(bag).value if bag.get("version") else None

    def bag(self, worker: str) -> dict[str, str]:
        """Return the coordinator's bag for a worker application."""
        return self.link(worker).app_bags[COORDINATOR]

    def link(self, worker: str) -> Link:
        """Return the relation of a worker application."""
        app = self.juju.app(worker)
        return next(
            link
            for link in self.juju.model.links.values()
            if not link.peers and not link.dying and any(side.app is app for side in link.sides)
        )

    def peer_link(self) -> Link:
        """Return the coordinator's peer relation."""
        app = self.juju.app(COORDINATOR)
        return next(
            link for link in self.juju.model.links.values() if link.peers and link.sides[0].app is app
        )

    def shared(self) -> peers.Shared:
        """Return what the leader tells the other coordinators."""
        bag = self.peer_link().app_bags[COORDINATOR]
        if not bag.get("version"):
            return peers.Shared()
        held = identity.load(bag.get("hold", "{}"))
        hold = Hold(units=tuple(cast("dict[str, Any]", held).get("units", ())))
        return peers.Shared(document=wire.decode_document(bag).value, hold=hold)

    def wanted(self, unit: Unit) -> str:
        """Return the restart identity that a unit should run."""
        document = self.document(unit.app.name)
        assert document is not None, f"{unit.name} was told nothing"
        restarts = document.restarts.get(unit.name.replace("/", "-"), 0)
        return identity.identity(self.product, document, self.world.roles_of(unit), restarts)

    def _ends(self, worker: str) -> tuple[str, str]:
        return f"{COORDINATOR}:{self.cluster}", f"{worker}:{worker_endpoints(self.product)[0].name}"

    def missing(self) -> tuple[str, ...]:
        """List the required roles that no living unit runs."""
        line = self.product.lines[0]
        staying = [unit for unit in self.units() if unit.life is not Life.DYING]
        return line.missing(role for unit in staying for role in line.expand(self.world.roles_of(unit)))


def deploy(
    product: Product,
    groups: Groups,
    *,
    coordinators: int = 1,
    seed: int | None = None,
    checked: bool = False,
    store: bool = True,
) -> Deployed:
    """Deploy a cluster; nothing has run yet."""
    world = ClusterWorld(product=product)
    juju = Juju(seed=seed, world=world, checked=checked, allow_errors=(NotHandedOverError,))
    made = Deployed(product=product, juju=juju, world=world)
    juju.deploy(charm(product, "coordinator"), COORDINATOR, num_units=coordinators)
    juju.deploy(STORE, STORE_APP)
    for name, names, units in groups:
        made.add_worker(name, names, units)
    if store:
        made.add_store()
    return made


def problems_of(product: Product, names: tuple[str, ...]) -> bool:
    """Say whether a worker can't run these roles together."""
    return bool(roles.problems_of(product.lines[0], product.name, "", names))
