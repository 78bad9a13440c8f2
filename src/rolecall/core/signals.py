"""What a product takes in and shows of what others tell: logs, metrics, traces, profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct, field

from rolecall.core.tree import Tree


class Signal(StrEnum):
    """What one cluster tells of itself, and another may take in."""

    LOGS = "logs"
    METRICS = "metrics"
    TRACES = "traces"
    """By OTLP over HTTP."""
    JAEGER = "jaeger-traces"
    """By Jaeger's Thrift over HTTP, for what speaks nothing newer."""
    PROFILES = "profiles"
    ALERTS = "alerts"


class Intake(Struct, frozen=True, kw_only=True):
    """Where the gateway takes in a signal of others."""

    signal: Signal
    path: str = ""
    """What senders need after the gateway's address; empty where they add it themselves."""
    listener: str = ""
    """Name of the gateway's listener; empty: the main one."""
    role: str = ""
    """An optional role that must be deployed for it."""


def _no_links(_: Mapping[Signal, str]) -> Tree:
    return {}


class Datasource(Struct, frozen=True, kw_only=True):
    """How Grafana reads this product."""

    type: str
    path: str = ""
    """What Grafana needs after the gateway's address."""
    data: Callable[[Mapping[Signal, str]], Tree] = _no_links
    """The `jsonData`: from the uid of each signal's datasource, as far as there is one, to its links."""


class Card(Struct, frozen=True, kw_only=True):
    """How a product is shown on a page that lists what is deployed."""

    icon: str
    """Name of a Material Design icon (https://pictogrammers.com/library/mdi/)."""
    summary: str
    docs: str
    """Where its HTTP API is described."""
    page: str = ""
    """What people open after the gateway's address; empty: it has no pages."""
    apis: Mapping[str, str] = field(default_factory=dict[str, str])
    """A title to what programs need after the gateway's address."""
