"""What a charm of a product is called and has: values only.

The names are those of Canonical's charms for the same products, so that a bundle that was written for
them needs only other charm names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct, field

NGINX, EXPORTER = "nginx", "nginx-prometheus-exporter"
"""The coordinator's containers beside the workload's."""


class OptionKind(StrEnum):
    """Type of a charm's option, as Juju names it."""

    BOOLEAN = "boolean"
    INT = "int"
    FLOAT = "float"
    STRING = "string"


def as_it_is(value: object) -> object:
    """Return the value: the option's is the setting's."""
    return value


class Option(Struct, frozen=True, kw_only=True):
    """One option that an administrator sets with `juju config`."""

    name: str
    kind: OptionKind
    default: bool | int | float | str
    summary: str
    setting: str = ""
    """Dotted place in what `settings.parse` takes, such as `retention` or `limits.ingestion_rate_mb`; empty:
    it is no setting."""
    convert: Callable[[object], object] = as_it_is
    """From the option's value to the setting's; None leaves the setting alone. Raises ValueError with "fact;
    what to write"."""
    express: Callable[[object], object] | None = None
    """The way back, from the parsed setting; None: the option says only a part of it. Raises ValueError with
    the fact, when the option can't say the value."""


class Purpose(StrEnum):
    """What an endpoint is for; products name the same purpose differently."""

    CLUSTER = "cluster"
    PEERS = "peers"
    S3 = "s3"
    CERTIFICATES = "certificates"
    INGRESS = "ingress"
    METRICS = "metrics"
    DATASOURCE = "datasource"
    CATALOGUE = "catalogue"
    INTAKE = "intake"
    DASHBOARDS = "dashboards"
    LOGS = "logs"
    CHARM_TRACING = "charm-tracing"
    WORKLOAD_TRACING = "workload-tracing"
    ALERTING = "alerting"
    METRICS_OUT = "metrics-out"
    METRICS_IN = "metrics-in"
    API = "api"
    PROBES = "probes"
    DATASOURCE_OUT = "datasource-out"
    DATASOURCE_IN = "datasource-in"
    ISTIO_INGRESS = "istio-ingress"
    MESH = "mesh"
    MESH_ABROAD = "mesh-abroad"
    MESH_FOR_OTHERS = "mesh-for-others"


class Side(StrEnum):
    """Which side of an integration an endpoint is; also its section in a charm's metadata."""

    PROVIDES = "provides"
    REQUIRES = "requires"
    PEERS = "peers"


class Endpoint(Struct, frozen=True, kw_only=True):
    """One end of an integration."""

    purpose: Purpose
    name: str
    interface: str
    side: Side
    summary: str
    optional: bool = True
    limit: int = 0
    """How many integrations it takes; 0: any number."""
    built: bool = True
    """Whether the charm has it; else it is only known from the other charms of the product."""


class Storage(Struct, frozen=True, kw_only=True):
    """A volume that outlives the pod."""

    name: str
    path: str
    """Where the container sees it."""
    summary: str
    minimum: str = "1G"


class Charm(Struct, frozen=True, kw_only=True):
    """What the two charms of one product have that others don't."""

    container: str
    """Name of the workload's container, service and image resource (`<container>-image`)."""
    image: str
    """Where the workload's image is published; its tag is the version of the product's `Binary`."""
    binary: str
    """Path of the executable in that image."""
    storage: Storage
    """Where a worker keeps all its data."""
    options: tuple[Option, ...] = ()
    """The coordinator's options that have names of their own; any other setting is an option by its name."""
    endpoints: Mapping[Purpose, tuple[str, str]] = field(default_factory=dict[Purpose, tuple[str, str]])
    """(name, interface) of endpoints that have other ones than usual; an empty name: it has none."""


def charm_name(product: str, kind: str) -> str:
    """Return the name of a product's charm; its kind is `coordinator` or `worker`."""
    return f"rolecall-{product}-{kind}-k8s"
