"""The parts of a cluster in memory: units with their processes and files, and gateways."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from msgspec.structs import replace

from rolecall.core import identity, worker
from rolecall.core.model import Document, ProcessSpec, Report
from rolecall.core.product import Blueprint, Product
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


def _lean_config(blueprint: Blueprint) -> Tree:
    choices = blueprint.choices
    return {
        "live": list(choices.seeds),
        "copies": choices.replication_factor,
        "peers": dict(choices.peers),
        "roles": sorted(blueprint.roles),
    }


def essence(config: str) -> object:
    """Return what a process would have to be restarted for."""
    tree = cast("Tree", identity.load(config))
    return {key: value for key, value in tree.items() if key != "live"}


@dataclass(kw_only=True)
class Machine:
    """One unit: its process, its files, and what it knows."""

    unit: str
    group: str
    expanded: tuple[str, ...]
    seen: worker.Observed
    paths: worker.Paths
    leaving: bool = False
    document: Document | None = None
    files: dict[str, str] = field(default_factory=dict[str, str])
    spec: ProcessSpec | None = None
    state: str = DEAD
    read: str = ""
    """The config that its process read when it started."""
    report: Report | None = None
    asked_to_stop: bool = False
    """Whether a ready process was asked to stop, and none has been ready since."""

    @property
    def ready(self) -> bool:
        """Whether the process would answer ready."""
        return self.spec is not None and self.state == READY

    def process(self) -> worker.Process:
        """Return the process as the worker's host sees it."""
        running = self.spec is not None and self.state != DEAD
        return worker.Process(spec=self.spec, running=running, ready=self.ready)

    def observe(self) -> worker.Observed:
        """Return all that the worker's decision depends on."""
        return replace(
            self.seen, paths=self.paths, leaving=self.leaving, document=self.document, process=self.process()
        )

    def start(self, spec: ProcessSpec) -> None:
        """Start the process: it reads the config that lies there now."""
        self.spec, self.state = spec, STARTING
        self.read = self.files.get(self.paths.config, "")


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
