"""What the gateway does, as a value: where it listens, and who gets which path.

`build` turns a product's routes and the units that may get requests into a `Gateway`. How that is said to
nginx is `nginx.py`'s business: nothing here knows its syntax.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from rolecall.core.product import Product, Settings
from rolecall.core.roles import Line
from rolecall.core.routes import Access, Listener, Match, Protocol, Route

_STAND_INS = 2
"""Units that stand in for the first one on the routes that every process serves."""

_SLACK_S = 15
"""How much longer than the product the gateway waits, so that the product's own answer wins."""


class Server(Struct, frozen=True, kw_only=True, order=True):
    """One unit that may get requests."""

    unit: str
    address: str
    beside: bool = False
    """Whether its process has other ports, because a gateway has the same address."""


class Options(Struct, frozen=True, kw_only=True):
    """What the host and the administrator decide about the gateway."""

    address: str = "127.0.0.1"
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    """Listener to port, where it isn't the product's number."""
    listeners: tuple[str, ...] = ()
    """Listeners of receivers that are switched on; those without a receiver always are."""
    admin: bool = False
    admin_file: str = ""
    """Path of the htpasswd file that opens the admin routes."""
    multi_tenant: bool = False
    certificate: str = ""
    """Path of the certificate with its chain; empty: no TLS."""
    key: str = ""
    peers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Role to the unit that was chosen for it."""
    tells: bool = False
    """Whether it says, at `/gateway`, which config it follows and which units it sends to."""
    status_port: int = 0
    """Port of a listener that only this machine reaches, with nginx's own counters; 0: none."""

    def __post_init__(self) -> None:
        """Refuse what could only fail open or not at all start."""
        if self.admin and not self.admin_file:
            raise ValueError("cannot open the admin routes: there is no htpasswd file")
        if bool(self.certificate) != bool(self.key):
            raise ValueError("cannot serve TLS: certificate and key go together")


def options_of(
    product: Product, settings: Settings, *, address: str, ports: Mapping[str, int], admin_file: str
) -> Options:
    """Return the options that an administrator's settings ask for."""
    admin = settings.flag("admin")
    return Options(
        address=address,
        ports=ports,
        listeners=tuple(listener.name for listener in product.opened(settings)),
        admin=admin,
        admin_file=admin_file if admin else "",
        multi_tenant=settings.flag("multi-tenant"),
    )


class Upstream(Struct, frozen=True, kw_only=True):
    """Units that share the requests of one role."""

    name: str
    port: int
    grpc: bool
    """gRPC needs a pool of its own: kept connections speak either HTTP/1.1 or HTTP/2."""
    servers: tuple[Server, ...]
    backups: tuple[Server, ...] = ()
    """Units that get requests only while no server answers."""
    beside: int = 0
    """The port of those that are beside a gateway."""

    def port_of(self, server: Server) -> int:
        """Return the port of one of its units."""
        return self.beside if server.beside else self.port


class Refusal(Struct, frozen=True, kw_only=True):
    """An answer that the gateway gives by itself, because no unit may or can."""

    status: int
    code: str
    """Stable identifier; programs match on it."""
    text: str
    facts: tuple[tuple[str, str], ...] = ()


UNLISTED = Refusal(status=404, code="not-listed", text="the gateway does not know this path")
"""The answer to every path that no location matches."""

_CLOSED = Refusal(
    status=403,
    code="admin-closed",
    text="this path is for administrators only; the setting admin: true opens it, with credentials",
    facts=(("setting", "admin: true"),),
)
_NOBODY = Refusal(status=503, code="no-unit-ready", text="no unit is ready")


class Location(Struct, frozen=True, kw_only=True):
    """One path of a listener and what becomes of its requests."""

    path: str
    match: Match = Match.EXACT
    methods: tuple[str, ...] = ()
    """Methods that are let through, HEAD wherever GET is; empty: all."""
    protocol: Protocol = Protocol.HTTP
    credentials: bool = False
    """Whether only an administrator gets through."""
    target: str | Refusal
    """Name of an upstream, or the refusal."""
    rewrite: str = ""
    """Path that the process gets instead."""
    max_body: str = ""
    """Largest request here, passed on while it comes in; empty: the gateway's."""

    def __post_init__(self) -> None:
        """Refuse what nginx cannot do."""
        if self.rewrite and (self.match is Match.REGEX or self.protocol is Protocol.GRPC):
            raise ValueError(
                f'cannot rewrite "{self.path}": nginx does that neither to a pattern nor to gRPC'
            )


class Endpoint(Struct, frozen=True, kw_only=True):
    """One address and port on which the gateway answers."""

    name: str
    address: str
    port: int
    grpc: bool
    locations: tuple[Location, ...]
    """In the product's order; paths that none of them matches are unlisted."""


class Gateway(Struct, frozen=True, kw_only=True):
    """All that the gateway does."""

    title: str
    endpoints: tuple[Endpoint, ...]
    """The main one first; it also answers `/healthz` and `/readyz`."""
    upstreams: tuple[Upstream, ...]
    units: tuple[str, ...]
    """The units that may get requests: by itself, or of those that it sends to."""
    missing: tuple[str, ...]
    """Required roles that no unit can serve now; empty: the cluster is ready."""
    tenant: str
    """The tenant of every request; empty: the one that the client names."""
    max_body: str
    timeout_s: int
    admin_file: str
    certificate: str
    key: str
    tells: bool = False
    """Whether the main endpoint says at `/gateway` which config it follows and which units it sends to."""
    rolling: bool = False
    """Whether units have yet to restart or to hand over, which is said there, too."""
    status_port: int = 0
    """Port of the listener for nginx's own counters; 0: none."""


class _Pool(Struct, frozen=True):
    """The name of an upstream, before it is known whether a location uses it."""

    role: str
    """Empty: every process."""
    port: str
    grpc: bool
    peer: bool

    @property
    def name(self) -> str:
        parts = (self.role or "any", "peer" if self.peer else "", self.port, "h2" if self.grpc else "")
        return "-".join(part for part in parts if part)


class _Plan(Struct, frozen=True):
    """The input of `build` in its canonical order."""

    product: Product
    servers: Mapping[str, tuple[Server, ...]]
    deployed: frozenset[str]
    options: Options


def build(
    product: Product,
    line: Line,
    *,
    servers: Mapping[str, tuple[Server, ...]],
    deployed: frozenset[str],
    options: Options,
    rolling: bool = False,
) -> Gateway:
    """Build the gateway of a cluster.

    `servers` maps a role to the units that may get requests now, in any order; `deployed` has every role
    that some worker runs at all, ready or not; `rolling` says that a rollout is under way.
    """
    ready = {role: tuple(sorted(set(units))) for role, units in servers.items() if units}
    plan = _Plan(product, ready, deployed | ready.keys(), options)
    opened = tuple(one for one in product.listeners if not one.receiver or one.name in options.listeners)
    targets = {_target(plan, route) for listener in opened for route in _routes(product, listener)}
    pools = (target for target in targets if isinstance(target, _Pool))
    return Gateway(
        title=f"{product.title} {line.name}",
        endpoints=tuple(_endpoint(plan, listener) for listener in opened),
        upstreams=tuple(sorted((_upstream(plan, pool) for pool in pools), key=lambda u: u.name)),
        units=tuple(sorted({server.unit for some in ready.values() for server in some})),
        missing=line.missing(ready),
        tenant="" if options.multi_tenant else product.tenant,
        max_body=product.max_body,
        timeout_s=product.query_timeout_s + _SLACK_S,
        admin_file=options.admin_file if options.admin else "",
        certificate=options.certificate,
        key=options.key,
        tells=options.tells,
        rolling=rolling,
        status_port=options.status_port,
    )


def _routes(product: Product, listener: Listener) -> tuple[Route, ...]:
    """List the routes of a listener; of two with the same path the first one holds."""
    main = product.listeners[0].name
    routes: dict[tuple[Match, str], Route] = {}
    for route in product.routes:
        if (route.listener or main) == listener.name:
            routes.setdefault((route.match, route.path), route)
    return tuple(routes.values())


def _endpoint(plan: _Plan, listener: Listener) -> Endpoint:
    locations = tuple(_location(plan, route) for route in _routes(plan.product, listener))
    return Endpoint(
        name=listener.name,
        address=plan.options.address,
        port=plan.options.ports.get(listener.name, listener.number),
        grpc=listener.grpc,
        locations=locations + tuple(_bare_folders(locations)),
    )


def _location(plan: _Plan, route: Route) -> Location:
    target = _target(plan, route)
    return Location(
        path=route.path,
        match=route.match,
        methods=_with_head(route.methods),
        protocol=route.protocol,
        credentials=route.access is Access.ADMIN,
        target=target.name if isinstance(target, _Pool) else target,
        rewrite=route.rewrite,
        max_body=route.max_body,
    )


def _target(plan: _Plan, route: Route) -> _Pool | Refusal:
    if route.access is Access.ADMIN and not plan.options.admin:
        return _CLOSED
    port, grpc = route.port or "http", route.protocol is Protocol.GRPC
    if not route.roles:
        return _Pool("", port, grpc, peer=False) if plan.servers else _NOBODY
    if route.needs and route.needs not in plan.deployed:
        return _absent(plan, (route.needs,))
    for role in route.roles:
        if role in plan.servers:
            return _Pool(role, port, grpc, peer=role == route.peer)
    return _absent(plan, route.roles)


def _absent(plan: _Plan, roles: tuple[str, ...]) -> Refusal:
    for role in roles:
        if role in plan.deployed:
            text = f'no ready unit runs "{role}"'
            return Refusal(status=503, code="role-not-ready", text=text, facts=(("role", role),))
    text = f'the role "{roles[0]}" is not deployed'
    return Refusal(status=503, code="role-not-deployed", text=text, facts=(("role", roles[0]),))


def _with_head(methods: tuple[str, ...]) -> tuple[str, ...]:
    """Let HEAD through wherever GET is (RFC 9110, section 9.3.2), and make the order one."""
    return tuple(sorted({*methods, "HEAD"} if "GET" in methods else set(methods)))


def _bare_folders(locations: tuple[Location, ...]) -> Iterable[Location]:
    """List the folders whose name without its slash nothing matches: nginx would redirect there.

    See "If a location is defined by a prefix string that ends with the slash character" in
    https://nginx.org/en/docs/http/ngx_http_core_module.html#location.
    """
    folders = (one.path for one in locations if one.match is Match.PREFIX and one.path.endswith("/"))
    for bare in (path.removesuffix("/") for path in folders if path != "/"):
        if not _matched(bare, locations):
            yield Location(path=bare, target=UNLISTED)


def _matched(path: str, locations: tuple[Location, ...]) -> bool:
    """Say whether some location may match `path`; a regular expression always may."""
    starts = tuple(one.path for one in locations if one.match is Match.PREFIX)
    others = (one for one in locations if one.match is not Match.PREFIX)
    return path.startswith(starts) or any(one.match is Match.REGEX or one.path == path for one in others)


def _upstream(plan: _Plan, pool: _Pool) -> Upstream:
    servers, backups = _shares(plan, pool)
    return Upstream(
        name=pool.name,
        port=plan.product.port(pool.port),
        grpc=pool.grpc,
        servers=servers,
        backups=backups,
        beside=plan.product.port(pool.port, beside=True),
    )


def _shares(plan: _Plan, pool: _Pool) -> tuple[tuple[Server, ...], tuple[Server, ...]]:
    """Return the servers of a pool and those that stand in for them."""
    if not pool.role:
        units = sorted({unit for some in plan.servers.values() for unit in some})
        return tuple(units[:1]), tuple(units[1 : 1 + _STAND_INS])
    units = plan.servers[pool.role]
    chosen = tuple(unit for unit in units if pool.peer and unit.unit == plan.options.peers.get(pool.role))
    return (chosen, tuple(unit for unit in units if unit not in chosen)) if chosen else (units, ())
