"""The contract that a product fills in: data, and a few pure functions over values.

Everything Rolecall knows of Loki, Mimir, Tempo or Pyroscope is one `Product`. No other module may
know a product's name; what seems to need one is a field that is missing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import cast

from msgspec import Struct, field

from rolecall.core.binary import Binary
from rolecall.core.charm import Charm
from rolecall.core.entries import Entries
from rolecall.core.handover import Drain
from rolecall.core.model import Choices, Deployment, ObjectStore, Problem
from rolecall.core.roles import Line
from rolecall.core.routes import Check, Listener, Port, Ring, Route
from rolecall.core.signals import Card, Datasource, Intake, Signal
from rolecall.core.tree import Tree

BESIDE = 10_000
"""How far above its number a port is that a process can't have, because a gateway at its address has it."""


class Kind(StrEnum):
    """Type of a setting; each has one parser in `settings`."""

    CHOICE = "choice"
    FLAG = "flag"
    DURATION = "duration"
    FACTOR = "factor"
    TEXT = "text"
    URL = "url"
    TREE = "tree"
    LIST = "list"


class Setting(Struct, frozen=True, kw_only=True):
    """One setting that an administrator may write under `settings:`."""

    name: str
    kind: Kind
    summary: str
    default: object = None
    choices: tuple[str, ...] = ()
    sends: Signal | None = None
    """For a URL: the signal that is sent there, so that a whole stack can be wired."""
    role: str = ""
    """The optional role that sends it."""


class Settings(Struct, frozen=True, kw_only=True):
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
        return dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else {}

    def listed(self, name: str) -> tuple[str, ...]:
        """Return a list of words; empty when unset."""
        value = self.values.get(name)
        return value if isinstance(value, tuple) else ()  # pyright: ignore[reportUnknownVariableType]


class Blueprint(Struct, frozen=True, kw_only=True):
    """All that a product's config depends on; nothing of a single unit is in it."""

    line: str
    deployment: Deployment
    settings: Settings
    store: ObjectStore
    choices: Choices
    roles: frozenset[str] = frozenset()
    """Roles that are deployed."""
    targets: frozenset[str] = frozenset()
    """The `-target` values of the processes that are deployed."""


def _no_config(_: Blueprint) -> Tree:
    return {}


def _no_variables(_: Blueprint) -> Mapping[str, str]:
    return {}


def _no_problems(_: Blueprint) -> tuple[Problem, ...]:
    return ()


def _nothing(_: str) -> bool:
    return False


class Product(Struct, frozen=True, kw_only=True):
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
    """In order of precedence: exact before prefix, a special path before the general one it is part of."""
    settings: tuple[Setting, ...] = ()
    """Settings that only this product has."""
    config: Callable[[Blueprint], Tree] = _no_config
    runtime: Callable[[Blueprint], Tree] = _no_config
    judge: Callable[[Blueprint], tuple[Problem, ...]] = _no_problems
    """What only this product can find wrong with a blueprint."""
    check: Callable[[str, int], Check]
    """(marker, now in ns) to the check that writes and reads that marker."""
    entries: Entries | None = None
    """How a load is written that all of can be read back; None: only `check` can be asked for."""
    arguments: tuple[str, ...] = ()
    """Command line after the executable; `{config}` and `{targets}` are filled in."""
    verify: tuple[str, ...] = ()
    """Arguments that make the executable judge a config file and exit; `{config}` is filled in."""
    tolerates: Callable[[str], bool] = _nothing
    """Whether what the executable said while it judged is no refusal, although it ended with an error."""
    beside: tuple[str, ...] = ("-server.http-listen-port={http}",)
    """Arguments that move the ports of a process that shares its address with a gateway; each moved port is
    filled in by its name. An argument counts more than the config (dskit server/server.go). What has no
    argument is moved by `${ROLECALL_<NAME>_PORT}`."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    variables: Callable[[Blueprint], Mapping[str, str]] = _no_variables
    """Environment that depends on the blueprint, beside `environment`; none of it secret."""
    folders: tuple[str, ...] = ()
    """Folders beneath a unit's data that the host makes before its process starts, where the product
    takes for granted that they are there."""
    live_keys: tuple[str, ...] = ()
    """Dotted config keys that take effect without a restart, or only matter at the next start."""
    read_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Dotted config keys that only these roles read: a change restarts no unit without one of them."""
    protected: Mapping[str, str] = field(default_factory=dict[str, str])
    """Dotted config keys that `config-overrides` may not set, and why."""
    periods: str = ""
    """Dotted config key of a list that says how data is laid out in the store, each entry from the day in its
    `from` on. What may hold data by then can only be found as it was written."""
    limits_key: str = ""
    """Dotted place in the config where the same limits are valid as in the runtime file."""
    replicated: str
    """The role whose units hold the copies: their number decides the replication factor."""
    volatile: str = ""
    """What dies with such a unit's process although its disk is kept; empty: a log that is written ahead
    brings everything back."""
    peers: tuple[str, ...] = ()
    """Roles that others reach by one unit's name; the choice is sticky."""
    dials: tuple[str, str] | None = None
    """Two roles: each unit of the first is given one unit of the second to dial, as `${ROLECALL_PEER}`, and
    a unit of the second that nobody dials is spare, because it could only keep its requests waiting. A unit
    of both dials itself."""
    rings: tuple[Ring, ...] = ()
    drains: tuple[Drain, ...] = ()
    """How units that keep something hand it over; the first that has one of a unit's roles is its own."""
    intakes: tuple[Intake, ...] = ()
    """What it takes in from others; the first is what it is for."""
    tracing: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables that make its processes send their own traces: `{otlp}` is the base of OTLP over HTTP,
    `{jaeger}` the address of a Jaeger collector, `{labels}` what tells them from all others."""
    datasource: Datasource | None = None
    card: Card | None = None
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
    charm: Charm | None = None
    """What its charms are called and have; None: it has none."""

    def line(self, name: str) -> Line:
        """Return the line of that name; empty means the default. Raises KeyError."""
        if not name:
            return self.lines[0]
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(name)

    def port(self, name: str, *, beside: bool = False) -> int:
        """Return the number of the port of that name; raises KeyError.

        `beside` asks for a process that shares its address with a gateway.
        """
        for port in self.ports:
            if port.name == (name or "http"):
                return self.moved.get(port.name, port.number) if beside else port.number
        raise KeyError(name)

    @property
    def moved(self) -> Mapping[str, int]:
        """Name to number of the ports that are elsewhere beside a gateway, because it has their numbers."""
        taken = {listener.number for listener in self.listeners}
        return {port.name: port.number + BESIDE for port in self.ports if port.number in taken}

    def opened(self, settings: Settings) -> tuple[Listener, ...]:
        """List the gateway's listeners that these settings open."""
        receivers = settings.listed("receivers")
        return tuple(one for one in self.listeners if not one.receiver or one.receiver in receivers)
