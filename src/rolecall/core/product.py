"""The contract that a product fills in: data, and a few pure functions over values.

Everything Rolecall knows of Loki, Mimir, Tempo or Pyroscope is one `Product`. No other module may
know a product's name; what seems to need one is a field that is missing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from rolecall.core.binary import Binary
from rolecall.core.model import Choices, Deployment, ObjectStore, Problem
from rolecall.core.roles import Line

Tree = dict[str, object]
"""A YAML mapping, as the product reads it."""


class Access(str, Enum):
    """Who may use a route through the gateway."""

    OPEN = "open"
    ADMIN = "admin"
    """Internal or destructive: closed unless the administrator opens it, and then with credentials."""


class Protocol(str, Enum):
    """How the gateway forwards a route."""

    HTTP = "http"
    WEBSOCKET = "websocket"
    GRPC = "grpc"


class Match(str, Enum):
    """How a route's path is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One port of a product's processes."""

    name: str
    number: int
    roles: tuple[str, ...] = ()
    """Roles that listen on it; empty: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One port on which the gateway answers."""

    name: str
    number: int
    grpc: bool = False
    """HTTP/2 without TLS: needs a port of its own, because nginx 1.22 cannot do both on one."""
    receiver: str = ""
    """Value of the product setting `receivers` that opens it; empty: always open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One HTTP call of a lifecycle, to a unit's own address."""

    method: str
    path: str
    roles: tuple[str, ...]
    """The unit needs one of these roles for the call to exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """A page that lists the members of a ring as JSON."""

    role: str
    path: str
    instance: str = "id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request of a check."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    listener: str = ""
    """Gateway listener it goes to; empty: the main one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A write through the gateway and the read that must give it back."""

    write: Call
    read: Call
    expect: str
    """Text that the answer to `read` holds once the write can be read."""


class Kind(str, Enum):
    """Type of a setting; each has one parser in `settings`."""

    CHOICE = "choice"
    FLAG = "flag"
    DURATION = "duration"
    FACTOR = "factor"
    TEXT = "text"
    URL = "url"
    TREE = "tree"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting that an administrator may write under `settings:`."""

    name: str
    kind: Kind
    summary: str
    default: object = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operator's choices, parsed: name to value, every name of the table present."""

    values: Mapping[str, object] = field(default_factory=dict[str, object])

    def text(self, name: str) -> str:
        """Return a text, choice or URL; empty when unset."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def flag(self, name: str) -> bool:
        """Return a yes or no."""
        return self.values.get(name) is True

    def seconds(self, name: str) -> int:
        """Return a duration in seconds; 0 when unset."""
        value = self.values.get(name)
        return value if isinstance(value, int) else 0

    def tree(self, name: str) -> Tree:
        """Return a mapping; empty when unset."""
        value = self.values.get(name)
        return dict(value) if isinstance(value, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

    def listed(self, name: str) -> tuple[str, ...]:
        """Return a list of words; empty when unset."""
        value = self.values.get(name)
        return value if isinstance(value, tuple) else ()  # pyright: ignore[reportUnknownVariableType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """All that a product's config depends on; nothing of a single unit is in it."""

    line: str
    deployment: Deployment
    settings: Settings
    store: ObjectStore
    choices: Choices
    roles: frozenset[str] = frozenset()
    """Roles that are deployed."""


def _no_config(_: Blueprint) -> Tree:
    return {}


def _no_problems(_: Blueprint) -> tuple[Problem, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product, complete."""

    name: str
    title: str
    lines: tuple[Line, ...]
    """Version lines; the first is the default."""
    binary: Binary
    ports: tuple[Port, ...]
    listeners: tuple[Listener, ...]
    """The gateway's listeners, the main one first."""
    routes: tuple[Route, ...]
    """In order of precedence: exact before prefix, and a special path before the general one it is part of."""
    settings: tuple[Setting, ...] = ()
    """Settings that only this product has."""
    config: Callable[[Blueprint], Tree] = _no_config
    runtime: Callable[[Blueprint], Tree] = _no_config
    judge: Callable[[Blueprint], tuple[Problem, ...]] = _no_problems
    """What only this product can find wrong with a blueprint."""
    check: Callable[[str, int], Check]
    """(marker, now in ns) to the check that writes and reads that marker."""
    arguments: tuple[str, ...] = ()
    """Command line after the executable; `{config}` and `{targets}` are filled in."""
    verify: tuple[str, ...] = ()
    """Arguments that make the executable judge a config file and exit; `{config}` is filled in."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    live_keys: tuple[str, ...] = ()
    """Dotted config keys that take effect without a restart, or only matter at the next start."""
    protected: Mapping[str, str] = field(default_factory=dict[str, str])
    """Dotted config keys that `config-overrides` may not set, and why."""
    limits_key: str = ""
    """Dotted place in the config where the same limits are valid as in the runtime file."""
    replicated: str
    """The role whose units hold the copies: their number decides the replication factor."""
    peers: tuple[str, ...] = ()
    """Roles that others reach by one unit's name; the choice is sticky."""
    rings: tuple[Ring, ...] = ()
    flush: tuple[Verb, ...] = ()
    """Calls that make a leaving unit hand over what it holds, in order."""
    tenant: str = "anonymous"
    """The tenant that everything belongs to while tenancy is off."""
    ready: str = "/ready"
    minimal: tuple[tuple[str, tuple[str, ...], int], ...] = ()
    """The smallest coherent set: (worker, roles, units)."""
    recommended: tuple[tuple[str, tuple[str, ...], int], ...] = ()
    """A set that survives the loss of any one unit."""
    max_body: str = "10m"
    """Largest request that the product itself accepts, in nginx's notation."""
    query_timeout_s: int = 300

    def line(self, name: str) -> Line:
        """Return the line of that name; empty means the default. Raises KeyError."""
        if not name:
            return self.lines[0]
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(name)

    def port(self, name: str) -> int:
        """Return the number of the port of that name; raises KeyError."""
        for port in self.ports:
            if port.name == (name or "http"):
                return port.number
        raise KeyError(name)
