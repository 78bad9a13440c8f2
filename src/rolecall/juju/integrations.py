"""What a coordinator tells other applications: facts of this unit, and a payload for each endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct, field

from rolecall.core import coordinator
from rolecall.core.charm import Purpose, Side, charm_name
from rolecall.core.endpoints import coordinator_endpoints, endpoint
from rolecall.core.model import Phase, Problem, Unit
from rolecall.core.payloads import (
    PROVIDED,
    REQUESTED,
    Facts,
    Heard,
    Target,
    heard,
    ingress,
    tracing,
    traefik_route,
)
from rolecall.core.payloads.facts import base_urls, service_host
from rolecall.core.product import Settings
from rolecall.juju.gateway import EXPORTER_PORT
from rolecall.juju.interfaces import bags

if TYPE_CHECKING:
    from rolecall.juju.coordinator import CoordinatorCharm


_TRACING = "tracing"
"""The one interface by which others ask for listeners."""


class Front(Struct, frozen=True, kw_only=True):
    """How the cluster is reached from outside."""

    urls: Mapping[str, str] = field(default_factory=dict[str, str])
    """Listener to its base URL; empty: there is no ingress."""
    host: str = ""
    scheme: str = ""
    """What an ingress in front of every listener speaks; empty: unknown."""
    problems: tuple[Problem, ...] = ()
    """What it says that can't be read."""


def front_of(charm: CoordinatorCharm) -> Front:
    """Read what the ingress says, if there is one."""
    product = charm.product
    used = endpoint(product, Purpose.INGRESS)
    relation = charm.model.get_relation(used.name)
    if relation is None or not relation.active:
        return Front()
    theirs = bags.read_app(relation)
    if used.interface == "ingress":
        said = ingress.read(theirs)
        urls = {product.listeners[0].name: said.value} if said.value else {}
        host = urlsplit(said.value).hostname or ""
        return Front(urls=urls, host=host, problems=heard.problems(used.name, said.refused))
    routed = traefik_route.read(theirs)
    found = routed.value
    ports = {one.name: one.number for one in product.listeners}
    return Front(
        urls=found.urls(ports),
        host=found.host,
        scheme=found.scheme if found.host else "",
        problems=heard.problems(used.name, routed.refused),
    )


def opened(charm: CoordinatorCharm, settings: Settings) -> Heard[tuple[str, ...]]:
    """List the gateway's listeners that are open, by settings or because another application asks."""
    intake = endpoint(charm.product, Purpose.INTAKE)
    relations = charm.model.relations[intake.name] if intake.interface == _TRACING else ()
    bags_of = {one.app.name: bags.read_app(one) for one in relations if one.active}
    asked = tracing.asked(bags_of)
    return Heard(tracing.opened(charm.product, settings, asked.value), asked.refused)


def publish(charm: CoordinatorCharm, observed: coordinator.Observed, decision: coordinator.Decision) -> None:
    """Tell every integrated application what it needs, and open the ports."""
    facts = facts_of(charm, observed, decision)
    app = charm.app if charm.unit.is_leader() else None
    for one in coordinator_endpoints(charm.product):
        payloads = PROVIDED if one.side is Side.PROVIDES else REQUESTED
        payload = payloads.get(one.interface)
        if payload is None:
            continue
        for relation in charm.model.relations[one.name]:
            if relation.active:
                bags.write(relation, app, charm.unit, payload(facts, bags.read_app(relation)))
    ports = sorted({*facts.ports.values(), EXPORTER_PORT})
    if {port.port for port in charm.unit.opened_ports()} != set(ports):
        charm.unit.set_ports(*ports)


def facts_of(
    charm: CoordinatorCharm, observed: coordinator.Observed, decision: coordinator.Decision
) -> Facts:
    """Put together what the payloads are made of."""
    product, front = charm.product, charm.front
    opened = set(observed.front.options.listeners)
    ports = {one.name: one.number for one in product.listeners if one.name in opened}
    tls = bool(observed.front.options.certificate)
    # By the name of all units: a sender that is told one URL by each would send everything to each.
    inside = base_urls(ports, service_host(charm.app.name, charm.host_name), tls=tls)
    peers = charm.model.get_relation(endpoint(product, Purpose.PEERS).name)
    others = {unit.name: peers.data[unit] for unit in peers.units} if peers else {}
    places = {charm.unit.name: charm.address}
    places |= {name: bag.get("ingress-address", "") for name, bag in others.items()}
    domain = charm.host_name.partition(".")[2]
    return Facts(
        product=product,
        settings=observed.settings,
        model=charm.model.name,
        model_uuid=charm.model.uuid,
        app=charm.app.name,
        unit=charm.unit.name,
        charm=charm.meta.name,
        host=charm.host_name,
        address=charm.address,
        ports=ports,
        urls={name: front.urls.get(name, url) for name, url in inside.items()},
        tls=tls,
        ingress_scheme=front.scheme,
        coordinators={name: f"{name.replace('/', '-')}.{domain}" for name in sorted(places)},
        # The own worker of a coordinator that lets others serve has no process to be asked.
        workers=tuple(
            _worker(charm, unit)
            for unit in decision.cluster.units
            if not unit.beside or unit.report.phase is not Phase.DRAINED
        ),
        exporters=tuple(
            Target(app=charm.app.name, unit=name, address=address, port=EXPORTER_PORT)
            for name, address in sorted(places.items())
            if address
        ),
    )


def _worker(charm: CoordinatorCharm, unit: Unit) -> Target:
    number = unit.id.rpartition("-")[2]
    return Target(
        app=unit.group,
        unit=f"{unit.group}/{number}",
        address=unit.address,
        port=charm.product.port("http", beside=unit.beside),
        charm=charm_name(charm.product.name, "coordinator" if unit.beside else "worker"),
    )
