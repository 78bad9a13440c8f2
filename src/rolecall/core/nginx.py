"""The gateway as nginx reads it: a `Gateway` value in, the whole nginx.conf out.

Decides nothing about who serves what; that is `gateway.py`. How a single path is served is
`nginx_locations.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from msgspec import Struct

from rolecall.core.gateway import UNLISTED, Endpoint, Gateway, Refusal, Upstream
from rolecall.core.nginx_locations import (
    CROOKED,
    MARK,
    build_location,
    health,
    refuse,
    set_headers,
    wrong_method,
)
from rolecall.core.nginx_text import Comment, Node, block, simple, write
from rolecall.core.routes import Match, Protocol

# The statuses that nginx itself can answer with once it has read a path; before that there is no
# location to send them to, and nginx's own page stays.
_OWN_ERRORS = ("401", "403", "413", "494", "500", "501", "502", "503", "504")

_MARKED = re.compile(r'"config\\?": ?\\?"([0-9a-f]{16})')

_NO_TLS = Refusal(status=400, code="no-tls", text="this port speaks TLS only")


class Dialect(Struct, frozen=True, kw_only=True):
    """What the nginx at hand understands."""

    http2_directive: bool
    """Whether HTTP/2 is a directive of the server and not a parameter of `listen`."""

    @classmethod
    def of(cls, version: str) -> Dialect:
        """Return the dialect of a version such as `1.22.1`; raises ValueError.

        See https://nginx.org/en/docs/http/ngx_http_v2_module.html#http2.
        """
        found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
        if not found:
            raise ValueError(f'cannot read the nginx version "{version}"; it should look like 1.22.1')
        number = tuple(int(part or 0) for part in found.groups())
        return cls(http2_directive=number >= (1, 25, 1))


class Paths(Struct, frozen=True, kw_only=True):
    """Where nginx keeps its files and whom it runs as."""

    prefix: str
    """An existing folder; everything that nginx writes lies beneath it."""
    user: str = ""
    """User of the workers when nginx is started by root; they must be able to read the htpasswd file."""
    access_log: str = ""
    """File of the access log; empty: none, which is fastest."""


def render(gateway: Gateway, *, dialect: Dialect, paths: Paths) -> str:
    """Render the whole nginx.conf."""
    text = _text(gateway, dialect, paths)
    return text.replace(MARK, hashlib.sha256(text.encode()).hexdigest()[:16])


def mark_of(text: str) -> str:
    """Return what the nginx that follows this config says of it at `/gateway`; empty if it says nothing."""
    found = _MARKED.search(text)
    return found.group(1) if found else ""


def _text(gateway: Gateway, dialect: Dialect, paths: Paths) -> str:
    return write(
        (
            Comment(f"The gateway of {gateway.title}, written by Rolecall."),
            Comment("Changes made here are lost: the next change of the cluster writes it anew."),
            Comment(),
            *_process(gateway, paths),
            Comment(),
            block(
                "http",
                body=(
                    *_http(gateway, paths),
                    *_maps(gateway),
                    *(node for upstream in gateway.upstreams for node in _upstream(upstream)),
                    *(node for one in gateway.endpoints for node in _server(gateway, one, dialect)),
                    *_counters(gateway),
                ),
            ),
        )
    )


def _process(gateway: Gateway, paths: Paths) -> Iterable[Node]:
    yield simple("daemon", "off")
    if paths.user:
        yield simple("user", paths.user)
    yield simple("pid", f"{paths.prefix}/nginx.pid")
    yield simple("error_log", "stderr", "warn")
    yield simple("worker_processes", "auto")
    # `$crooked` looks at the path of every request to a prefix.
    yield simple("pcre_jit", "on")
    # A connection through the gateway has two ends.
    yield simple("worker_rlimit_nofile", "16384")
    # Else one open tail would keep the workers of every earlier configuration alive.
    yield simple("worker_shutdown_timeout", f"{gateway.timeout_s}s")
    yield block("events", body=(simple("worker_connections", "4096"),))


def _http(gateway: Gateway, paths: Paths) -> Iterable[Node]:
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        yield simple(f"{kind}_temp_path", f"{paths.prefix}/{kind}_temp")
    yield simple("access_log", paths.access_log or "off")
    yield simple("default_type", "application/json")
    yield simple("server_tokens", "off")
    yield simple("absolute_redirect", "off")
    yield simple("merge_slashes", "off")
    yield Comment()
    yield simple("client_max_body_size", gateway.max_body)
    # Most pushes fit, so that they never touch the disk.
    yield simple("client_body_buffer_size", "1m")
    # Dashboards send long queries in the path.
    yield simple("large_client_header_buffers", "4", "64k")
    yield simple("keepalive_requests", "100000")
    yield Comment()
    yield simple("proxy_http_version", "1.1")
    yield simple("proxy_redirect", "off")
    # A slow client slows its process down; it doesn't fill the disk. And with buffering, an answer larger
    # than a buffer can be left without a timer (ngx_readv_chain returns "again" and stays ready), which a
    # reload takes for a connection without work and cuts: seen with 1.22.1 at every other reload.
    yield simple("proxy_buffering", "off")
    yield simple("proxy_buffer_size", "32k")
    # Not used, but nginx insists that they fit.
    yield simple("proxy_buffers", "8", "32k")
    for module in ("proxy", "grpc"):
        yield from _patience(module, gateway.timeout_s)
    yield from set_headers(gateway, "proxy", {"Connection": ""})
    yield from set_headers(gateway, "grpc", {})


def _patience(module: str, timeout_s: int) -> Iterable[Node]:
    """Say how long to wait for a unit, and when to try the next.

    `non_idempotent` is left out on purpose: a POST that was sent to one unit never goes to a second.
    See https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_next_upstream.
    """
    yield simple(f"{module}_connect_timeout", "2s")
    yield simple(f"{module}_send_timeout", f"{timeout_s}s")
    yield simple(f"{module}_read_timeout", f"{timeout_s}s")
    yield simple(f"{module}_next_upstream", "error", "timeout", "http_502", "http_503")
    yield simple(f"{module}_next_upstream_tries", "3")
    # A query that ran into its timeout isn't run once more.
    yield simple(f"{module}_next_upstream_timeout", "10s")


def _maps(gateway: Gateway) -> Iterable[Node]:
    """Name the conditions of the locations; nginx looks one up only where it is used."""
    locations = [location for endpoint in gateway.endpoints for location in endpoint.locations]
    yield Comment()
    yield _map("$request_uri", "$crooked", "", {CROOKED: "1"})
    for methods in sorted({one.methods for one in locations if one.methods}):
        allowed = dict.fromkeys(methods, "")
        yield _map("$request_method", wrong_method(methods), ", ".join(methods), allowed)
    if any(one.protocol is Protocol.WEBSOCKET for one in locations):
        # Only to a WebSocket: an upgrade to h2c would be a tunnel past every location.
        yield _map("$http_upgrade", "$upgrade", "", {"~*^websocket$": "websocket"})
        yield _map("$upgrade", "$upgrade_connection", "upgrade", {"": ""})
    failures = {
        "401": "this path needs the credentials of an administrator",
        "413": f"the request is larger than {gateway.max_body}",
        # 494 by the time it has a status; no other 400 comes here.
        "400": "the request's headers are too large",
        "502": "no unit could answer",
        "504": "no unit answered in time",
    }
    yield _map("$status", "$failure", "the gateway cannot answer", failures)


def _map(source: str, name: str, default: str, values: dict[str, str]) -> Node:
    body = [simple("default", default), *(simple(key, value) for key, value in values.items())]
    return block("map", source, name, body=body)


def _upstream(upstream: Upstream) -> Iterable[Node]:
    # One request that fails takes a unit out for two seconds; nginx ignores this where it has one server.
    failing = ("max_fails=1", "fail_timeout=2s")
    members = len(upstream.servers) + len(upstream.backups)
    yield Comment()
    yield block(
        "upstream",
        upstream.name,
        body=(
            # The workers share what they know of failing units.
            simple("zone", upstream.name, f"{max(64, 2 * members)}k"),
            *(
                simple("server", _at(one.address, upstream.port_of(one)), *failing)
                for one in upstream.servers
            ),
            *(
                simple("server", _at(one.address, upstream.port_of(one)), *failing, "backup")
                for one in upstream.backups
            ),
            simple("keepalive", "64"),
        ),
    )


def _at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _server(gateway: Gateway, endpoint: Endpoint, dialect: Dialect) -> Iterable[Node]:
    locations = endpoint.locations
    body: list[Node] = [
        *_listen(gateway, endpoint, dialect),
        simple("error_page", *_OWN_ERRORS, "@failed"),
        Comment(),
    ]
    if endpoint == gateway.endpoints[0]:
        body += health(gateway)
    regex_seen = False
    for location in locations:
        regex_seen = regex_seen or location.match is Match.REGEX
        body.append(build_location(gateway, location, final=not regex_seen))
    if not any(one.match is Match.PREFIX and one.path == "/" for one in locations):
        body.append(block("location", "/", body=(refuse(UNLISTED),)))
    # An error keeps its own status: the one of `return` is only for errors without any.
    failed = '{"error": "$failure", "status": $status}\n'
    body.append(block("location", "@failed", body=(simple("return", "500", failed),)))
    yield Comment()
    yield Comment(f"Listener {endpoint.name}.")
    yield block("server", body=body)


def _counters(gateway: Gateway) -> Iterable[Node]:
    """Show nginx's own counters to its exporter, and to nobody on another machine.

    See https://nginx.org/en/docs/http/ngx_http_stub_status_module.html.
    """
    if not gateway.status_port:
        return
    address = gateway.endpoints[0].address
    allowed = (simple("allow", one) for one in dict.fromkeys((address, "127.0.0.1")))
    body = (simple("stub_status"), *allowed, simple("deny", "all"))
    yield Comment()
    yield Comment("nginx's own counters, for its exporter.")
    yield block(
        "server",
        body=(
            simple("listen", _at(address, gateway.status_port)),
            block("location", "=", "/status", body=body),
            block("location", "/", body=(refuse(UNLISTED),)),
        ),
    )


def _listen(gateway: Gateway, endpoint: Endpoint, dialect: Dialect) -> Iterable[Node]:
    """Open the port.

    HTTP/2 without TLS and HTTP/1.1 share a port only from 1.25.1 on, where it is a directive; before
    that a listener without TLS speaks either the one or the other.
    """
    grpc = any(one.protocol is Protocol.GRPC for one in endpoint.locations)
    http2 = bool(endpoint.grpc or gateway.certificate or (grpc and dialect.http2_directive))
    words = [_at(endpoint.address, endpoint.port)]
    words += ["ssl"] if gateway.certificate else []
    words += ["http2"] if http2 and not dialect.http2_directive else []
    yield simple("listen", *words)
    if http2 and dialect.http2_directive:
        yield simple("http2", "on")
    if gateway.certificate:
        yield simple("ssl_certificate", gateway.certificate)
        yield simple("ssl_certificate_key", gateway.key)
        yield simple("ssl_protocols", "TLSv1.2", "TLSv1.3")
        yield simple("ssl_session_cache", "shared:gateway:1m")
        yield simple("error_page", "497", "@no_tls")
        yield block("location", "@no_tls", body=(refuse(_NO_TLS),))
