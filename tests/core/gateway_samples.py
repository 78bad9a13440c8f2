"""A made-up product whose routes use everything that the contract offers, and clusters to put it in."""

from __future__ import annotations

from msgspec.structs import replace

from rolecall.core.gateway import Gateway, Options, Server, build
from rolecall.core.product import Product
from rolecall.core.products.loki import LOKI
from rolecall.core.roles import Line, Role
from rolecall.core.routes import Access, Listener, Match, Port, Protocol, Route

LINE = Line(
    name="1.0",
    roles=(
        Role(name="front", summary="answers"),
        Role(name="deep", summary="answers too"),
        Role(name="store", summary="keeps"),
        Role(name="extra", summary="may be absent", required=False),
    ),
    meta_roles=(),
)

_ROUTES = (
    Route(path="/push", roles=("store",), methods=("POST",)),
    Route(path="/query", roles=("front", "deep"), methods=("GET", "POST")),
    Route(path="/tail", roles=("front",), methods=("GET",), protocol=Protocol.WEBSOCKET),
    Route(path="/old", roles=("front",), rewrite="/query"),
    Route(path="/extra", roles=("extra",)),
    Route(path="/wipe", roles=("store",), access=Access.ADMIN, methods=("POST",)),
    Route(path="/chosen", roles=("deep",), peer="deep"),
    Route(path="/status", roles=()),
    Route(path="/folder/", roles=("deep",), match=Match.PREFIX),
    Route(path=r"/api/[a-z]{2,3}/\d+", roles=("deep",), match=Match.REGEX),
    Route(path="/api/", roles=("front",), match=Match.PREFIX, methods=("GET",)),
    Route(path="/search.Search/", roles=("front",), match=Match.PREFIX, protocol=Protocol.GRPC, port="grpc"),
    Route(
        path="/otlp.Traces/Export",
        roles=("store",),
        methods=("POST",),
        protocol=Protocol.GRPC,
        port="otlp",
        listener="otlp",
    ),
    Route(path="/", roles=("store",), match=Match.PREFIX, port="zipkin", listener="zipkin"),
)

DEMO: Product = replace(
    LOKI,
    name="demo",
    title="Demo",
    lines=(LINE,),
    ports=(
        Port(name="http", number=8000),
        Port(name="grpc", number=9095),
        Port(name="otlp", number=4317, roles=("store",)),
        Port(name="zipkin", number=9411, roles=("store",)),
    ),
    listeners=(
        Listener(name="http", number=80),
        Listener(name="otlp", number=4317, grpc=True, receiver="otlp"),
        Listener(name="zipkin", number=9411, receiver="zipkin"),
    ),
    routes=_ROUTES,
    tenant="one",
    max_body="10m",
    query_timeout_s=60,
)


def units(role: str, count: int = 2, block: int = 0) -> tuple[Server, ...]:
    """Make the servers of one role."""
    return tuple(Server(unit=f"{role}/{n}", address=f"127.1.{block}.{n + 1}") for n in range(count))


READY = {"front": units("front"), "deep": units("deep", block=1), "store": units("store", 3, block=2)}


def a_gateway(
    servers: dict[str, tuple[Server, ...]] | None = None,
    *,
    deployed: frozenset[str] = frozenset(),
    options: Options | None = None,
) -> Gateway:
    """Build the gateway of the made-up product; every required role is ready unless told otherwise."""
    ready = READY if servers is None else servers
    return build(DEMO, LINE, servers=ready, deployed=deployed, options=options or Options())
