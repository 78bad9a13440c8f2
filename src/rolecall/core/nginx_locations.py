"""What nginx does with the requests of one path: pass them on, refuse them, or answer by itself.

The rules that keep a client from reaching more than a location offers are here, because they are about
how nginx reads a path:

- An exact location sends the path it is written with, never the client's spelling of it.
- Every other one sends the client's spelling, so that an encoded slash in a label or a rule namespace
  survives; there `$crooked` refuses what nginx and a process could read differently.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from rolecall.core.gateway import UNLISTED, Gateway, Location, Refusal
from rolecall.core.nginx_text import Directive, Node, block, simple
from rolecall.core.routes import Match, Protocol

_TAIL_TIMEOUT = "1h"

MARK = "@config@"
"""Stands for the digest of the config in its own text."""

# `//` that one side merges, `.` and `..` in any spelling, and a root that is an encoded slash.
CROOKED = r"~*^(?:/%2f|[^?]*(?:/|%2f)(?:(?<=/)/|(?:\.|%2e){1,2}(?:[/?#]|%2f|$)))"
"""Key of `$crooked`: the paths, as the client wrote them, that no location may pass on."""


def build_location(gateway: Gateway, location: Location, *, final: bool) -> Node:
    """Build one location.

    `^~` ends the search; a prefix that comes after a regular expression must not, so that the earlier
    one is asked first. See https://nginx.org/en/docs/http/ngx_http_core_module.html#location.
    """
    words = {
        Match.EXACT: ("=", location.path),
        Match.PREFIX: ("^~", location.path) if final else (location.path,),
        Match.REGEX: ("~", f"^(?:{location.path})$"),
    }[location.match]
    target = location.target
    body = (refuse(target),) if isinstance(target, Refusal) else _forward(gateway, location, target)
    return block("location", *words, body=body)


def refuse(refusal: Refusal) -> Directive:
    """Answer with the refusal, as JSON."""
    body = {"error": refusal.text, "code": refusal.code, **dict(refusal.facts)}
    return simple("return", str(refusal.status), _json(body))


def _json(body: Mapping[str, object]) -> str:
    """Return JSON in which nginx finds no variable."""
    return json.dumps(body, ensure_ascii=False).replace("$", "\\u0024") + "\n"


def _forward(gateway: Gateway, location: Location, upstream: str) -> Iterable[Node]:
    grpc = location.protocol is Protocol.GRPC
    exact = location.match is Match.EXACT
    # `return` is safe inside `if`: it ends the request there.
    # https://www.nginx.com/resources/wiki/start/topics/depth/ifisevil/
    if location.methods:
        yield _refuse_methods(location.methods)
    if grpc or not exact:
        yield block("if", "($crooked)", body=(refuse(UNLISTED),))
    if location.credentials:
        yield simple("auth_basic", gateway.title)
        yield simple("auth_basic_user_file", gateway.admin_file)
    if location.max_body:
        yield simple("client_max_body_size", location.max_body)
        # Else nginx would first write it all to its own disk.
        yield simple("proxy_request_buffering", "off")
    if location.protocol is Protocol.WEBSOCKET:
        upgrade = {"Upgrade": "$upgrade", "Connection": "$upgrade_connection"}
        yield from set_headers(gateway, "proxy", upgrade)
        yield simple("proxy_read_timeout", _TAIL_TIMEOUT)
        yield simple("proxy_send_timeout", _TAIL_TIMEOUT)
    yield _pass(location, upstream)


def _refuse_methods(methods: tuple[str, ...]) -> Node:
    variable, allowed = wrong_method(methods), ", ".join(methods)
    refusal = Refusal(
        status=405, code="wrong-method", text=f"this path takes {allowed} only", facts=(("allow", allowed),)
    )
    return block(
        "if", f"({variable})", body=(simple("add_header", "Allow", variable, "always"), refuse(refusal))
    )


def _pass(location: Location, upstream: str) -> Node:
    """Send the request on: with a path here, nginx sends this one; with none, the client's own.

    See https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass.
    """
    if location.protocol is Protocol.GRPC:
        return simple("grpc_pass", f"grpc://{upstream}")
    path = location.rewrite or (location.path if location.match is Match.EXACT else "")
    return simple("proxy_pass", f"http://{upstream}{path}")


def set_headers(gateway: Gateway, module: str, special: dict[str, str]) -> Iterable[Node]:
    """Set the headers a process gets; all of them, since a level that sets one inherits none.

    See https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header.
    """
    values = {
        # A gRPC request names its host in a field that nginx fills in by itself.
        **({"Host": "$http_host"} if module == "proxy" else {}),
        "X-Forwarded-For": "$proxy_add_x_forwarded_for",
        "X-Forwarded-Proto": "$scheme",
        # Credentials are for the gateway; the products know of none.
        "Authorization": "",
        **({"X-Scope-OrgID": gateway.tenant} if gateway.tenant else {}),
        **special,
    }
    return (simple(f"{module}_set_header", name, value) for name, value in values.items())


def wrong_method(methods: tuple[str, ...]) -> str:
    """Name the variable that holds what is allowed when the request's method isn't, and else nothing."""
    return "$not_" + "_".join(methods).lower()


def health(gateway: Gateway) -> Iterable[Node]:
    """Answer for nginx itself on `/healthz`, for the cluster on `/readyz`, for the config on `/gateway`."""
    yield block("location", "=", "/healthz", body=(simple("return", "200", _json({"status": "ok"})),))
    ready = simple("return", "200", _json({"status": "ready"}))
    if gateway.missing:
        listed = ", ".join(f'"{role}"' for role in gateway.missing)
        text = f"the cluster is not ready: no ready unit runs {listed}"
        answer = {"error": text, "code": "cluster-not-ready", "roles": list(gateway.missing)}
        ready = simple("return", "503", _json(answer))
    yield block("location", "=", "/readyz", body=(ready,))
    if gateway.tells:
        told = {"config": MARK, "units": list(gateway.units), "rolling": gateway.rolling}
        yield block("location", "=", "/gateway", body=(simple("return", "200", _json(told)),))
