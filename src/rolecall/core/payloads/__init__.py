"""The payloads of integrations: values in, the texts of bags out; the texts of bags in, values out.

One module per interface. Which interfaces a product speaks, and on which side, is said by its endpoints;
here an interface's name leads to the function that writes its payload. What others say is read by the
module's own `read`, because what it returns differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from rolecall.core.bags import Bags
from rolecall.core.payloads import (
    catalogue,
    certificate_transfer,
    grafana_datasource,
    ingress,
    log_push,
    profiling,
    prometheus_remote_write,
    prometheus_scrape,
    tracing,
    traefik_route,
)
from rolecall.core.payloads.facts import Facts, Heard, Target

__all__ = ["PROVIDED", "REQUESTED", "Bags", "Facts", "Heard", "Payload", "Target"]

Payload = Callable[[Facts, Mapping[str, str]], Bags]
"""From the facts, and what the other application says on the same relation, to what this side says."""


def _to_all(build: Callable[[Facts], Bags]) -> Payload:
    """Make a payload of what says the same to everybody."""

    def payload(facts: Facts, _: Mapping[str, str]) -> Bags:
        return build(facts)

    return payload


PROVIDED: Mapping[str, Payload] = MappingProxyType(
    {
        "grafana_datasource": grafana_datasource.bags,
        "loki_push_api": _to_all(log_push.bags),
        "profiling": _to_all(profiling.bags),
        "prometheus_remote_write": _to_all(prometheus_remote_write.bags),
        "prometheus_scrape": _to_all(prometheus_scrape.bags),
        "tracing": _to_all(tracing.bags),
    }
)
"""Interface to what its provider says."""

REQUESTED: Mapping[str, Payload] = MappingProxyType(
    {
        "catalogue": _to_all(catalogue.requested),
        "certificate_transfer": _to_all(certificate_transfer.requested),
        "ingress": _to_all(ingress.requested),
        "loki_push_api": _to_all(log_push.requested),
        "prometheus_remote_write": _to_all(prometheus_remote_write.requested),
        "tracing": _to_all(tracing.requested),
        "traefik_route": _to_all(traefik_route.requested),
    }
)
"""Interface to what its requirer says."""
