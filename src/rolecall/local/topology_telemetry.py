"""Read where clusters send what they tell of themselves: `telemetry:` of rolecall.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rolecall.core import telemetry
from rolecall.core.signals import Signal
from rolecall.local.file import topology_gateway
from rolecall.local.file.section import Section, shown

if TYPE_CHECKING:
    from rolecall.local.file.topology import ClusterSpec

STACK = "stack"
"""Each cluster is watched by the clusters of the same file."""

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared with, not listened on


def wanted(top: Section) -> bool:
    """Whether the clusters watch each other."""
    if "telemetry" not in top.values:
        return False
    value = top.values["telemetry"]
    if value != STACK:
        top.refuse("telemetry", f"{shown(value)} is no such thing", f"write {STACK}, or leave it out")
    return value == STACK


def wired(clusters: Sequence[ClusterSpec]) -> tuple[ClusterSpec, ...]:
    """Return the clusters, each with the first that takes each signal; one may watch itself."""
    found = destinations(clusters)
    return tuple(replace(one, telemetry=telemetry.stack(one.name, found)) for one in clusters)


def destinations(clusters: Sequence[ClusterSpec]) -> dict[Signal, str]:
    """Return where each signal goes.

    A cluster with several tenants takes none: it would need to be told whose each one is.
    """
    return telemetry.destinations(
        telemetry.Taker(product=one.product, urls=gateway_urls(one))
        for one in clusters
        if not one.settings.flag("multi-tenant")
    )


def gateway_urls(spec: ClusterSpec) -> dict[str, str]:
    """Return the address of each open listener of a cluster's gateway."""
    address = "127.0.0.1" if spec.gateway_address == _EVERYWHERE else spec.gateway_address
    ports = topology_gateway.open_ports(spec.product, spec.settings, spec.gateway_ports)
    return {name: f"http://{address}:{port}" for name, port in ports.items()}
