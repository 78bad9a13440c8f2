"""The parts of a cluster in memory: units with their processes and files, and gateways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from msgspec.structs import replace

from rolecall.core import becoming, identity, worker
from rolecall.core.becoming import Part
from rolecall.core.handover import Disk, Drain, Handover, Sight, way_of
from rolecall.core.model import Document, ProcessSpec, Report
from rolecall.core.product import Blueprint, Product
from rolecall.core.routes import Ring, Verb
from rolecall.core.tree import Tree

STARTING, READY, UNWELL, DEAD = "starting", "ready", "unwell", "dead"


def lean(product: Product) -> Product:
    """Return a product with its roles, but with a config small enough to be rendered a million times."""
    return replace(
        product,
        config=_lean_config,
        routes=(),
        listeners=product.listeners[:1],
        live_keys=("live",),
        read_by={},
        protected={},
    )


READABLE_S = 10
"""How long readers take to find what was put into the object store."""
HEARTBEAT_S = 15
"""After how long without a heartbeat a ring calls a member unhealthy."""
RING = Ring(role="", path="/ring")
STOP = Verb(method="POST", path="/read-only", roles=())
_ASK = Verb(method="POST", path="/hand-over", roles=())
FLUSH = Verb(method="POST", path="/flush", roles=())
UNDO = Verb(method="DELETE", path="/hand-over", roles=())


def lean_drain(drain: Drain) -> Drain:
    """Return how units drain here: what they are asked, and what they say that they hold."""
    return Drain(
        roles=drain.roles,
        stop=(STOP,) if drain.stop else (),
        ask=(_ASK,),
        flush=(FLUSH,) if drain.flush else (),
        flushed=("held",) if drain.flush else (),
        uploads_at_end=drain.uploads_at_end,
        undo=(UNDO,),
        held={"held": "{count} writes are left"} if drain.held else {},
        found_s=READABLE_S if drain.held else 0,
        kept_s=READABLE_S,
        data=("data/",),
        leftovers=_unsent,
        reads_only=drain.reads_only,
    )


def _unsent(disk: Disk) -> tuple[str, ...]:
    return tuple(path for path in disk.sizes if path.startswith("unsent/"))


def _lean_config(blueprint: Blueprint) -> Tree:
    choices = blueprint.choices
    return {
        "live": list(choices.seeds),
        "copies": choices.replication_factor,
        "peers": dict(choices.peers),
        "roles": sorted(blueprint.roles),
    }


@lru_cache(maxsize=64)
def essence(config: str) -> object:
    """Return what a process would have to be restarted for."""
    tree = cast("Tree", identity.load(config))
    return {key: value for key, value in tree.items() if key != "live"}


def copies(config: str) -> int:
    """Return how many copies of each entry a process makes or asks for that has read a config."""
    return cast("Mapping[str, int]", essence(config)).get("copies", 0)


@dataclass(kw_only=True)
class Machine:
    """One unit: its process, its files, and what it knows."""

    unit: str
    group: str
    product: Product
    seen: worker.Observed
    """What it sees of itself whatever happens, and the roles as they are written for it."""
    paths: worker.Paths
    leaving: bool = False
    forced: bool = False
    """Whether the administrator accepts the loss of what it doesn't hand over."""
    document: Document | None = None
    files: dict[str, str] = field(default_factory=dict[str, str])
    spec: ProcessSpec | None = None
    state: str = DEAD
    read: str = ""
    """The config that its process read when it started."""
    ran: tuple[str, ...] = ()
    """The roles that its process was last started with."""
    report: Report | None = None
    handover: Handover = field(default_factory=Handover)
    born_s: float = 0.0
    quiet: bool = False
    """Whether it takes no writes."""
    asked: bool = False
    """Whether it hands over at its end."""
    holds: set[int] = field(default_factory=set[int])
    """Writes that nobody else has, in its memory and on its disk."""
    wrote: set[int] = field(default_factory=set[int])
    """Writes that it ever took."""
    single: set[int] = field(default_factory=set[int])
    """Those that it took while there was one copy of each."""
    asked_to_stop: bool = False
    """Whether a ready process was asked to stop, and none has been ready since."""
    decided: tuple[worker.Observed, worker.Desired] | None = None

    @property
    def part(self) -> Part:
        """Return the roles that it has now."""
        return becoming.part_of(
            self.product,
            self.document,
            written=self.seen.roles,
            spec=self.spec,
            last=self.report,
            leaving=self.leaving,
        )

    @property
    def going(self) -> bool:
        """Whether it is to go, or to hand over for other roles."""
        return self.leaving or bool(self.part.becomes)

    @property
    def expanded(self) -> tuple[str, ...]:
        """The roles with which its process would be started now."""
        return self.product.lines[0].expand(self.part.roles)

    @property
    def drain(self) -> Drain | None:
        """How what its process holds is handed over."""
        return way_of(self.product.drains, self.ran)

    @property
    def ready(self) -> bool:
        """Whether the process would answer ready."""
        return self.spec is not None and self.state == READY

    def process(self) -> worker.Process:
        """Return the process as the worker's host sees it."""
        running = self.spec is not None and self.state != DEAD
        return worker.Process(spec=self.spec, running=running, ready=self.ready)

    def observe(self, now_s: float) -> worker.Observed:
        """Return all that the worker's decision depends on."""
        part = self.part
        return replace(
            self.seen,
            roles=part.roles,
            becomes=part.becomes,
            paths=self.paths,
            leaving=self.going,
            stored=self.report.stored if self.report else 0,
            found=self.report.found if self.report else 0,
            document=self.document,
            process=self.process(),
            sight=self._sight(now_s),
            handover=self.handover,
        )

    def _sight(self, now_s: float) -> Sight:
        """Return what the host sees of a drain: it looks at nothing where nobody goes or was asked to."""
        flushes = self.document is not None and self.unit in self.document.flushing
        if not self.going and not flushes and self.handover == Handover():
            return Sight(now_s=0.0)
        process = self.process()
        lines = (f"process_start_time_seconds {self.born_s}", f"held {len(self.holds)}")
        files = {f"unsent/{write}": 1 for write in self.holds} | ({"data/wal": 1} if self.wrote else {})
        return Sight(
            now_s=now_s,
            metrics="\n".join(lines) if process.ready else "",
            disk=Disk(sizes={} if process.running else files),
            forced=self.forced,
        )

    def decide(self, product: Product, seen: worker.Observed) -> worker.Desired:
        """Decide for the unit; who sees the same as a moment ago decides the same."""
        if self.decided is None or self.decided[0] != seen:
            self.decided = seen, worker.decide(product, seen)
        return self.decided[1]

    @property
    def reads_only(self) -> bool:
        """Whether its process was started to be read from only."""
        more = self.drain.reads_only if self.drain else ()
        return bool(more) and self.spec is not None and self.spec.command[-len(more) :] == more

    def write(self, number: int) -> None:
        """Take a write, if it does and keeps any."""
        if self.ready and self.drain is not None and not (self.reads_only or self.quiet):
            self.holds.add(number)
            self.wrote.add(number)
            self.single |= {number} if copies(self.read) == 1 else set()

    def start(self, spec: ProcessSpec, now_s: float) -> None:
        """Start the process: it reads the config that lies there now, and what it had on its disk."""
        self.spec, self.state, self.born_s = spec, STARTING, now_s
        self.quiet = self.asked = False
        self.read = self.files.get(self.paths.config, "")
        self.ran = self.expanded


@dataclass(kw_only=True)
class Gateway:
    """One nginx: while it follows a new config, either may still be in use."""

    text: str = ""
    loaded: frozenset[str] = frozenset()
    loading: frozenset[str] = frozenset()

    @property
    def sends_to(self) -> frozenset[str]:
        """Units that may get a request now."""
        return self.loaded | self.loading
