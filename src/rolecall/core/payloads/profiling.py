"""`profiling`: where profiles are taken in by OTLP over gRPC.

https://github.com/canonical/charmlibs/tree/main/interfaces/profiling. Provider, application:
`otlp_grpc_endpoint_url`, host and port without a scheme, and `insecure`, both as JSON.
"""

from __future__ import annotations

from rolecall.core.bags import Bags
from rolecall.core.payloads.facts import Facts, as_json, bare

_PROTOCOL = "otlp_grpc"


def bags(facts: Facts) -> Bags:
    """Build what those are told that send their profiles here."""
    for listener in facts.product.listeners:
        url = facts.urls.get(listener.name)
        if listener.protocol == _PROTOCOL and url:
            # What the sender meets counts: behind an ingress that is the ingress.
            insecure = not url.startswith("https:")
            return Bags(app={"insecure": as_json(insecure), "otlp_grpc_endpoint_url": as_json(bare(url))})
    return Bags()
