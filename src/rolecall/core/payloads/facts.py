"""What the payloads of integrations are made from, and what they are: the texts of two bags.

An integration lets two applications exchange flat texts: a bag of the application's, which its leader
writes, and a bag of each unit's. Payloads are pure functions from `Facts` to `Bags`; the same facts give
the same bytes, because a bag that differs wakes everyone who reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct, field

from rolecall.core.product import Product, Settings
from rolecall.core.signals import Signal
from rolecall.core.telemetry import Taker
from rolecall.core.tree import Tree

T = TypeVar("T")


class Target(Struct, frozen=True, kw_only=True, order=True):
    """One process whose metrics are to be scraped."""

    app: str
    unit: str
    address: str
    port: int
    charm: str = ""
    tls: bool = False
    """Whether this very port speaks TLS; what the gateway speaks says nothing of it."""


class Facts(Struct, frozen=True, kw_only=True):
    """Everything that the payloads of one coordinator unit depend on."""

    product: Product
    settings: Settings = field(default_factory=Settings)
    model: str
    model_uuid: str
    app: str
    unit: str
    """Name of this unit, such as `loki/0`."""
    charm: str
    host: str
    """Fully qualified name of this unit."""
    address: str
    """IP address of this unit."""
    ports: Mapping[str, int]
    """Opened listener of the gateway to its port, the main one among them."""
    urls: Mapping[str, str]
    """Opened listener to the base URL that others reach it by, without a slash at the end. A gRPC listener
    has a scheme too; who publishes it bare takes it off."""
    tls: bool = False
    """Whether the gateway's listeners speak TLS."""
    ingress_scheme: str = ""
    """What the ingress in front of the gateway speaks, where it answers for every listener; empty: there is
    none, or it hasn't said."""
    coordinators: Mapping[str, str] = field(default_factory=dict[str, str])
    """Every coordinator unit, this one among them, to its fully qualified name."""
    workers: tuple[Target, ...] = ()
    exporters: tuple[Target, ...] = ()
    """The exporters of all coordinator units' nginx."""
    alert_rules: Tree = field(default_factory=dict[str, object])
    """Groups of alert rules on metrics, labelled already."""
    log_rules: Tree = field(default_factory=dict[str, object])
    """Groups of alert rules on logs, labelled already."""
    datasources: Mapping[Signal, str] = field(default_factory=dict[Signal, str])
    """Signal to the uid of the data source that the same Grafana reads it from, where one is known."""

    @property
    def main(self) -> str:
        """Name of the gateway's main listener."""
        return self.product.listeners[0].name

    @property
    def url(self) -> str:
        """Base URL of the main listener, without a slash at the end."""
        return self.urls[self.main]

    @property
    def first_unit(self) -> str:
        """The coordinator unit with the lowest number; who leads may change, this seldom does."""
        return min((self.unit, *self.coordinators), key=_number)

    @property
    def scheme(self) -> str:
        """What the gateway itself speaks."""
        return "https" if self.tls else "http"

    def intake(self, signal: Signal) -> str:
        """Return where the gateway takes a signal in; empty where it doesn't."""
        taker = Taker(product=self.product, urls=self.urls)
        return next((taker.url(one) for one in self.product.intakes if one.signal is signal), "")

    def topology(self) -> dict[str, str]:
        """Build what others label our data and rules with.

        The unit in it is the first, not the one that leads: a change of leader must change no bag.
        """
        return {
            "model": self.model,
            "model_uuid": self.model_uuid,
            "application": self.app,
            "unit": self.first_unit,
            "charm_name": self.charm,
        }


class Heard(Struct, Generic[T], frozen=True):
    """What the other side of one relation says, as far as it could be read."""

    value: T
    refused: tuple[str, ...] = ()
    """Keys that could not be read, those of units with the unit's name before them: `loki/0 endpoint`."""


def base_urls(ports: Mapping[str, int], host: str, *, tls: bool) -> Mapping[str, str]:
    """Build the base URL of each opened listener where no ingress is in front of the gateway."""
    scheme = "https" if tls else "http"
    return {name: f"{scheme}://{bracketed(host)}:{port}" for name, port in ports.items()}


def service_host(app: str, host: str) -> str:
    """Return the name that reaches any unit of an application, from the name of one of them.

    Juju on Kubernetes calls a unit `loki-0.loki-endpoints.model.svc.cluster.local`; the service of all is
    `loki.model.svc.cluster.local`. Any other name is returned as it is.
    """
    _, _, service = host.partition(".")
    endpoints = f"{app}-endpoints."
    return f"{app}.{service.removeprefix(endpoints)}" if service.startswith(endpoints) else host


def bracketed(host: str) -> str:
    """Write a host as it stands in a URL: an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def bare(url: str) -> str:
    """Return the host and port of a base URL, as senders over gRPC want them."""
    return url.partition("://")[2].partition("/")[0]


def as_json(value: object) -> str:
    """Encode a value as JSON, the same bytes whatever the order it was put together in."""
    return msgspec.json.encode(value, order="deterministic").decode()


def from_json(text: str, kind: type[T]) -> T | None:
    """Decode JSON that somebody else wrote; None where it is none, or of another type."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (ValueError, RecursionError):
        return None


def is_url(text: str) -> bool:
    """Say whether a text can stand in a config as the URL of an HTTP API."""
    return _URL.fullmatch(text) is not None


def _number(unit: str) -> tuple[int, str]:
    number = unit.rpartition("/")[2]
    return (int(number) if number.isascii() and number.isdigit() else 0, unit)


_URL = re.compile(r"https?://[A-Za-z0-9._~%:\[\]@-]+(/[!-~]*)?")
