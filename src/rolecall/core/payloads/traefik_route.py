"""`traefik_route`: every listener of the gateway, seen from outside on the same port.

No schema is published. Requirer, application: `config` and `static`, YAML of Traefik's dynamic and static
configuration (https://doc.traefik.io/traefik/reference/), and `raw`, where anything but `True` lets Traefik's
charm add a router with TLS beside each of ours. Provider, application: `external_host` and `scheme`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from rolecall.core import identity
from rolecall.core.bags import Bags
from rolecall.core.payloads.facts import Facts, Heard, bracketed
from rolecall.core.routes import Listener
from rolecall.core.tree import Tree


class Front(Struct, frozen=True, kw_only=True):
    """What Traefik is reached by."""

    host: str = ""
    """Empty while it has none."""
    scheme: str = "http"

    def urls(self, ports: Mapping[str, int]) -> Mapping[str, str]:
        """Build the base URL of each opened listener; none while there is no host."""
        if not self.host:
            return {}
        return {name: f"{self.scheme}://{bracketed(self.host)}:{port}" for name, port in ports.items()}


def requested(facts: Facts) -> Bags:
    """Ask for an entry point, a router and a service for each opened listener."""
    opened = tuple(one for one in facts.product.listeners if one.name in facts.ports)
    points = {_point(facts, one): {"address": f":{facts.ports[one.name]}"} for one in opened}
    http: Tree = {
        "routers": {_name(facts, one): _router(facts, one) for one in opened},
        "services": {_name(facts, one): _service(facts, one) for one in opened},
    }
    # Traefik refuses a section without anything in it.
    if redirects := {_name(facts, one): _redirect(facts, one) for one in opened if _redirected(facts, one)}:
        http["middlewares"] = redirects
    app = {
        "config": identity.dump({"http": http}),
        "raw": "False",
        "static": identity.dump({"entryPoints": points}),
    }
    return Bags(app=app)


def read(app: Mapping[str, str]) -> Heard[Front]:
    """Read what Traefik is reached by."""
    host, scheme = app.get("external_host", ""), app.get("scheme", "") or "http"
    refused: list[str] = []
    if host and not _HOST.fullmatch(host):
        refused.append("external_host")
        host = ""
    if scheme not in ("http", "https"):
        refused.append("scheme")
        host, scheme = "", "http"
    return Heard(Front(host=host, scheme=scheme), tuple(refused))


def _point(facts: Facts, listener: Listener) -> str:
    """Name a listener's entry point, which is also the name of a port of Traefik's service.

    It is the same for every application of a product: two points on one port would keep Traefik from
    starting, and it serves others too.
    """
    return f"{facts.product.name}-{listener.name}"


def _name(facts: Facts, listener: Listener) -> str:
    """Name a listener's router, service and redirection, so that no other application's has the same name."""
    return f"{facts.model}-{facts.app}-{listener.name}"


def _router(facts: Facts, listener: Listener) -> Tree:
    name = _name(facts, listener)
    # Nobody else is at this entry point. A rule by the client's address would have to name both kinds.
    router: Tree = {"entryPoints": [_point(facts, listener)], "rule": "PathPrefix(`/`)", "service": name}
    if _redirected(facts, listener):
        router["middlewares"] = [name]
    return router


def _redirected(facts: Facts, listener: Listener) -> bool:
    """Say whether who comes without TLS is sent on; who speaks gRPC would not understand."""
    return facts.ingress_scheme == "https" and not listener.grpc


def _redirect(facts: Facts, listener: Listener) -> Tree:
    port = str(facts.ports[listener.name])
    return {"redirectScheme": {"scheme": "https", "port": port, "permanent": True}}


def _service(facts: Facts, listener: Listener) -> Tree:
    # Without TLS, gRPC needs HTTP/2 to be named (https://doc.traefik.io/traefik/user-guides/grpc/).
    scheme = "h2c" if listener.grpc and not facts.tls else facts.scheme
    hosts = sorted(set(facts.coordinators.values()) or {facts.host})
    port = facts.ports[listener.name]
    return {"loadBalancer": {"servers": [{"url": f"{scheme}://{bracketed(host)}:{port}"} for host in hosts]}}


_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")
