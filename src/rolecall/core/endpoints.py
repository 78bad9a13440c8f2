"""The endpoints of a product's charms: one table, and what the products call theirs.

Purposes, names and interfaces are those of Canonical's charms for the same products, so that what is
integrated with one of them is integrated with ours by the same words. Two are ours alone, because what
is said there is ours: `rolecall_cluster` and `rolecall_peers`. What our charms don't have (yet) is in
the table as well, so that whoever brings a bundle along can be told.
"""

from __future__ import annotations

from msgspec import Struct

from rolecall.core.charm import Charm, Endpoint, Purpose, Side
from rolecall.core.product import Product


class _Row(Struct, frozen=True, kw_only=True):
    """One purpose: what its endpoint is usually called, and what is true of it for every product."""

    purpose: Purpose
    side: Side
    summary: str
    """`{title}` is the product's, `{intake}` what it is for."""
    name: str = ""
    """`{product}` is the product's name. Empty: only products that name it have it."""
    interface: str = ""
    optional: bool = True
    limit: int = 0
    built: bool = True


_ROWS = (
    _Row(
        purpose=Purpose.CLUSTER,
        side=Side.PROVIDES,
        name="{product}-cluster",
        interface="rolecall_cluster",
        summary="The workers: they say their roles and addresses, and get their configuration.",
    ),
    _Row(
        purpose=Purpose.PEERS,
        side=Side.PEERS,
        name="{product}-peers",
        interface="rolecall_peers",
        summary="The other units of the coordinator: what was last published, and whom each one sends to.",
    ),
    _Row(
        purpose=Purpose.S3,
        side=Side.REQUIRES,
        name="s3",
        interface="s3",
        optional=False,
        limit=1,
        summary="The bucket that {title} keeps its data in.",
    ),
    _Row(
        purpose=Purpose.CERTIFICATES,
        side=Side.REQUIRES,
        name="certificates",
        interface="tls-certificates",
        limit=1,
        summary="The certificate that the gateway answers with.",
    ),
    _Row(
        purpose=Purpose.INGRESS,
        side=Side.REQUIRES,
        name="ingress",
        interface="ingress",
        limit=1,
        summary="An address outside the cluster.",
    ),
    _Row(
        purpose=Purpose.METRICS,
        side=Side.PROVIDES,
        name="self-metrics-endpoint",
        interface="prometheus_scrape",
        summary="The metrics of {title}, of the gateway and of the charm.",
    ),
    _Row(
        purpose=Purpose.DATASOURCE,
        side=Side.PROVIDES,
        name="grafana-source",
        interface="grafana_datasource",
        summary="{title} as a data source of Grafana.",
    ),
    _Row(
        purpose=Purpose.CATALOGUE,
        side=Side.REQUIRES,
        name="catalogue",
        interface="catalogue",
        summary="A catalogue that shows people where {title} is.",
    ),
    _Row(
        purpose=Purpose.INTAKE,
        side=Side.PROVIDES,
        summary="Applications that send {intake}.",
    ),
    _Row(
        purpose=Purpose.DASHBOARDS,
        side=Side.PROVIDES,
        name="grafana-dashboards-provider",
        interface="grafana_dashboard",
        summary="Dashboards about {title} itself.",
        built=False,
    ),
    _Row(
        purpose=Purpose.LOGS,
        side=Side.REQUIRES,
        name="logging-consumer",
        interface="loki_push_api",
        summary="Where the logs of {title} itself go.",
        built=False,
    ),
    _Row(
        purpose=Purpose.CHARM_TRACING,
        side=Side.REQUIRES,
        name="charm-tracing",
        interface="tracing",
        limit=1,
        summary="Where the traces of the charm go.",
        built=False,
    ),
    _Row(
        purpose=Purpose.WORKLOAD_TRACING,
        side=Side.REQUIRES,
        name="workload-tracing",
        interface="tracing",
        limit=1,
        summary="Where the traces of {title} itself go.",
        built=False,
    ),
    _Row(
        purpose=Purpose.ALERTING,
        side=Side.REQUIRES,
        interface="alertmanager_dispatch",
        summary="The Alertmanager that the rules of {title} send alerts to.",
        built=False,
    ),
    _Row(
        purpose=Purpose.METRICS_OUT,
        side=Side.REQUIRES,
        interface="prometheus_remote_write",
        summary="Where {title} writes the metrics that it makes.",
        built=False,
    ),
    _Row(
        purpose=Purpose.METRICS_IN,
        side=Side.PROVIDES,
        interface="prometheus_remote_write",
        summary="Declared for metrics by the other charm of {title}, and used for nothing.",
        built=False,
    ),
    _Row(
        purpose=Purpose.API,
        side=Side.PROVIDES,
        summary="The addresses of {title} for charms that call it.",
        built=False,
    ),
    _Row(
        purpose=Purpose.PROBES,
        side=Side.PROVIDES,
        interface="blackbox_exporter_probes",
        summary="Probes of {title} from outside.",
        built=False,
    ),
    _Row(
        purpose=Purpose.DATASOURCE_OUT,
        side=Side.PROVIDES,
        name="send-datasource",
        interface="grafana_datasource_exchange",
        summary="What Grafana calls this data source, for others to link to.",
        built=False,
    ),
    _Row(
        purpose=Purpose.DATASOURCE_IN,
        side=Side.REQUIRES,
        interface="grafana_datasource_exchange",
        summary="What Grafana calls the data sources that {title} links to.",
        built=False,
    ),
    _Row(
        purpose=Purpose.ISTIO_INGRESS,
        side=Side.REQUIRES,
        interface="istio_ingress_route",
        limit=1,
        summary="An address outside the cluster, by Istio.",
        built=False,
    ),
    _Row(
        purpose=Purpose.MESH,
        side=Side.REQUIRES,
        name="service-mesh",
        interface="service_mesh",
        limit=1,
        summary="A service mesh.",
        built=False,
    ),
    _Row(
        purpose=Purpose.MESH_ABROAD,
        side=Side.REQUIRES,
        name="require-cmr-mesh",
        interface="cross_model_mesh",
        summary="Leave in a service mesh to call applications of other models.",
        built=False,
    ),
    _Row(
        purpose=Purpose.MESH_FOR_OTHERS,
        side=Side.PROVIDES,
        name="provide-cmr-mesh",
        interface="cross_model_mesh",
        summary="Leave in a service mesh for applications of other models.",
        built=False,
    ),
)


def known_endpoints(product: Product) -> tuple[Endpoint, ...]:
    """List every endpoint that coordinators of the product are known for, those not built among them."""
    own = product.charm.endpoints if product.charm else dict[Purpose, tuple[str, str]]()
    found: list[Endpoint] = []
    for row in _ROWS:
        name, interface = own.get(row.purpose, (row.name, row.interface))
        if name:
            found.append(_endpoint(product, row, name, interface))
    return tuple(found)


def _endpoint(product: Product, row: _Row, name: str, interface: str) -> Endpoint:
    return Endpoint(
        purpose=row.purpose,
        name=name.format(product=product.name),
        interface=interface or row.interface,
        side=row.side,
        summary=row.summary.format(title=product.title, intake=product.intakes[0].signal.value),
        optional=row.optional,
        limit=row.limit,
        built=row.built,
    )


def coordinator_endpoints(product: Product) -> tuple[Endpoint, ...]:
    """List the endpoints of the product's coordinator charm."""
    return tuple(one for one in known_endpoints(product) if one.built)


def worker_endpoints(product: Product) -> tuple[Endpoint, ...]:
    """List the endpoints of the product's worker charm: the coordinator is all it needs."""
    return (
        Endpoint(
            purpose=Purpose.CLUSTER,
            name=endpoint(product, Purpose.CLUSTER).name,
            interface=endpoint(product, Purpose.CLUSTER).interface,
            side=Side.REQUIRES,
            summary=f"The coordinator of {product.title}, which this worker follows.",
            optional=False,
            limit=1,
        ),
    )


def endpoint(product: Product, purpose: str) -> Endpoint:
    """Return the coordinator's endpoint for a purpose; raises KeyError when its charm has none."""
    for one in coordinator_endpoints(product):
        if one.purpose == purpose:
            return one
    raise KeyError(purpose)


def charm_of(product: Product) -> Charm:
    """Return what the product's charms have; raises LookupError when it has none."""
    if product.charm is None:
        raise LookupError(f"cannot make charms of {product.name}: it says nothing of them")
    return product.charm
