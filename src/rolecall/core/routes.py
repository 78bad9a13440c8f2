"""What a product's processes answer to: ports, paths and the roles behind them, calls and checks."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace


class Access(StrEnum):
    """Who may use a route through the gateway."""

    OPEN = "open"
    ADMIN = "admin"
    """Internal or destructive: closed unless the administrator opens it, and then with credentials."""


class Protocol(StrEnum):
    """How the gateway forwards a route."""

    HTTP = "http"
    WEBSOCKET = "websocket"
    GRPC = "grpc"


class Match(StrEnum):
    """How a route's path is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"


class Route(Struct, frozen=True, kw_only=True):
    """One documented path of a product and the roles that serve it."""

    path: str
    roles: tuple[str, ...]
    """Roles that serve it, the preferred one first; the first that is deployed gets the requests. Empty:
    every process."""
    match: Match = Match.EXACT
    methods: tuple[str, ...] = ()
    """Methods that are let through; empty: all."""
    access: Access = Access.OPEN
    protocol: Protocol = Protocol.HTTP
    port: str = ""
    """Name of the product's port it is served on; empty: `http`."""
    listener: str = ""
    """Name of the gateway's listener it appears on; empty: the main one."""
    rewrite: str = ""
    """Path that the process gets instead, where the gateway offers it under another."""
    peer: str = ""
    """A role of `Product.peers`: requests go to the chosen unit first, to the others when it is away."""
    needs: str = ""
    """A role without which those that serve it have no answer; when it isn't deployed the gateway says so."""
    max_body: str = ""
    """Largest request on this path in nginx's notation, `0` for any, where the product's `max_body` is too
    small; such a request is passed on while it comes in. Empty: the product's."""


def open_routes(
    paths: str,
    *roles: str,
    match: Match = Match.EXACT,
    methods: str = "",
    max_body: str = "",
    needs: str = "",
) -> tuple[Route, ...]:
    """Build routes for everybody; paths and methods are separated by spaces."""
    common = Route(
        path="",
        roles=roles,
        match=match,
        methods=tuple(methods.split()),
        max_body=max_body,
        needs=needs,
    )
    return tuple(replace(common, path=path) for path in paths.split())


def admin_routes(
    paths: str, *roles: str, match: Match = Match.EXACT, methods: str = "", needs: str = ""
) -> tuple[Route, ...]:
    """Build routes for administrators; paths and methods are separated by spaces."""
    routes = open_routes(paths, *roles, match=match, methods=methods, needs=needs)
    return tuple(replace(route, access=Access.ADMIN) for route in routes)


class Port(Struct, frozen=True, kw_only=True):
    """One port of a product's processes."""

    name: str
    number: int
    roles: tuple[str, ...] = ()
    """Roles that listen on it; empty: all."""


class Listener(Struct, frozen=True, kw_only=True):
    """One port on which the gateway answers."""

    name: str
    number: int
    grpc: bool = False
    """HTTP/2 without TLS: needs a port of its own, because nginx 1.22 cannot do both on one."""
    receiver: str = ""
    """Value of the product setting `receivers` that opens it; empty: always open."""
    protocol: str = ""
    """What integrations call the protocol that it takes telemetry in by, such as `otlp_grpc`; empty: none."""


class Verb(Struct, frozen=True, kw_only=True):
    """One HTTP call of a lifecycle, to a unit's own address."""

    method: str
    path: str
    roles: tuple[str, ...]
    """The unit needs one of these roles for the call to exist."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Ring(Struct, frozen=True, kw_only=True):
    """A page that lists the members of a ring as JSON."""

    role: str
    """Who has it, whether a member or not."""
    path: str
    members: str = ""
    """The role whose units are members; empty: `role`."""
    lines: tuple[str, ...] = ()
    """Version lines that serve it there; empty: all."""


class Answer(Struct, frozen=True):
    """What a process said to a request."""

    status: int
    """HTTP status; 0 when nobody answered."""
    text: str


class Call(Struct, frozen=True, kw_only=True):
    """One HTTP request of a check."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    listener: str = ""
    """Gateway listener it goes to; empty: the main one."""


class Check(Struct, frozen=True, kw_only=True):
    """A write through the gateway and the read that must give it back."""

    write: Call
    read: Call
    expect: str
    """Text that the answer to `read` holds once the write can be read."""
