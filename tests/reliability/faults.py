"""The table: what may fail when something breaks, by fault and product. Tests and docs follow it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rolecall.core.products import PRODUCTS

WHILE_DOWN = math.inf
IN_FLIGHT_S = 5.0
"""Requests that were under way when a process died, and what a client sends until others have taken over."""
EVERYTHING = math.inf


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What a product promises when a fault happens."""

    loses_s: float = 0.0
    """What was acknowledged in so many seconds before the fault, or while it lasted, may be lost."""
    fails_s: float = 0.0
    """For so many seconds after the fault began, requests may fail."""
    reads_fail_s: float | None = None
    """The same for reads, where it differs."""
    away_s: float = math.inf
    """In so many seconds in all, at most, may writes fail."""
    gaps: bool = False
    """Whether what was readable may be missing from answers while the fault lasts."""
    gaps_after: bool = False
    """Whether it may still be missing from some answers when the fault is over, until it is in the store."""
    why: str = ""
    """Why it promises no more, and the setting that closes it."""

    @property
    def reading_fails_s(self) -> float:
        """For how long reads may fail."""
        return self.fails_s if self.reads_fail_s is None else self.reads_fail_s


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row."""

    name: str
    title: str
    copies: int = 3
    """The replication factor."""
    cell: Cell
    """What every product promises that isn't named in `but`."""
    but: Mapping[str, Cell] = field(default_factory=dict[str, Cell])
    long: bool = False
    """Whether it takes more than a minute."""
    quick: frozenset[str] = frozenset()
    """Products for which every run of the tests has it; the others have it in the whole suite."""
    without: Mapping[str, str] = field(default_factory=dict[str, str])
    """Products for which it can't be made to happen, and why."""

    def of(self, product: str) -> Cell:
        """Return what a product promises."""
        return self.but.get(product, self.cell)


def _of(*products: str) -> frozenset[str]:
    return frozenset(products)


_NONE = Cell()
_IN_FLIGHT = Cell(fails_s=IN_FLIGHT_S)
_DOWN = Cell(fails_s=WHILE_DOWN, gaps=True)
_RESTARTS = Cell(fails_s=WHILE_DOWN, away_s=20, gaps=True)
"""The single writer has to restart to follow another replication factor."""
_HEAD = (
    "Its ingester has no write-ahead log: what it holds in memory dies with it. Replication factor 3 covers "
    "the loss of any one unit; `pyroscopedb.max_block_duration` (1h) bounds what is in memory."
)
_LIVE = (
    "A trace is on disk once it has rested for `ingester.trace_idle_period` (2s here): the newest seconds "
    "die with the process. Replication factor 3 covers the loss of any one unit. Where all die at once, and "
    "one of three had it on disk, some answers miss a trace until that uploads it."
)
_ALL_DIE = Cell(loses_s=5.0, fails_s=WHILE_DOWN, gaps=True, gaps_after=True, why=_LIVE)
_ONE_LEFT = (
    "A trace is sure to be with two of three ingesters (the third write ends with its request, "
    "modules/distributor/distributor.go), and a search hears two. Once one of these has lost what it had, "
    "its disk, the last 2s in its memory, or what came while its disk was full, some answers miss a trace "
    "that one alone still has, until that "
    "uploads it: `ingester.max_block_duration` (30m) bounds that. Nothing is lost. Replication factor 3 has "
    "to be there before."
)
_TWO_OF_THREE = Cell(fails_s=IN_FLIGHT_S, gaps=True, gaps_after=True, why=_ONE_LEFT)

_STARTS_AGAIN = Cell(
    fails_s=WHILE_DOWN,
    away_s=5,
    gaps=True,
    why="Its ingester starts again once before it goes: requests in these seconds may fail or miss its "
    "profiles (up to 6 reads and 2 seconds were seen, and no write). Replication factor 3 closes both.",
)

_SINGLE_MOVES = {
    "loki": Cell(
        fails_s=WHILE_DOWN,
        away_s=2,
        gaps=True,
        why="A writer with a single copy starts again once before it goes: requests in these seconds may fail"
        " or miss its lines (2 seconds were seen, and none failed). Replication factor 3 closes both.",
    ),
    "mimir": Cell(
        fails_s=WHILE_DOWN,
        away_s=3,
        why="An ingester with a single copy refuses for a moment what comes in while it compacts, and "
        "queries fail when a new one is known before it answers. Replication factor 3 closes both.",
    ),
    "pyroscope": Cell(
        loses_s=1.0,
        fails_s=WHILE_DOWN,
        away_s=10,
        gaps=True,
        why="An ingester takes profiles up to its end, and what comes after its last flush is lost (2 of "
        "1,781 were seen); while it comes or goes, requests fail, and its last profiles are found once the "
        "store-gateways have looked. Replication factor 3 closes all of that.",
    ),
}

FAULTS = (
    Fault(name="rolling_restart", title="rolling restart of every unit", cell=_NONE, long=True),
    Fault(
        name="kill_each_role",
        title="kill -9 of one unit of each worker in turn",
        cell=_IN_FLIGHT,
        but={"tempo": _TWO_OF_THREE},
        quick=_of("loki", "pyroscope"),
    ),
    Fault(
        name="disk_gone",
        title="a writer gone with its disk",
        cell=_IN_FLIGHT,
        but={"tempo": _TWO_OF_THREE},
        quick=_of("mimir", "pyroscope"),
    ),
    Fault(
        name="full_disk",
        title="disk of one writer full for 10 seconds",
        cell=_NONE,
        but={"tempo": Cell(gaps=True, gaps_after=True, why=_ONE_LEFT)},
        long=True,
        quick=_of("loki"),
    ),
    Fault(
        name="bad_config_at_third",
        title="a config that the third unit of a rollout can't use, then the good one",
        cell=_NONE,
        but={
            "loki": Cell(
                gaps=True,
                why="Replication factor 3 covers one unit at a time: what came in while one writer was down "
                "has two copies. When one of these two restarts, some answers miss it until the readers have "
                "found what that uploaded (1 second was seen).",
            )
        },
        without=dict.fromkeys(
            ("pyroscope", "tempo"),
            "no key of its config that may be set names anything that is there on some units only.",
        ),
        long=True,
    ),
    Fault(
        name="gateway_reload",
        title="nginx reloaded under load, ten times",
        cell=_NONE,
        quick=_of("loki", "tempo"),
    ),
    Fault(
        name="gateway_killed",
        title="kill -9 of nginx",
        cell=_DOWN,
        quick=_of("mimir"),
    ),
    Fault(
        name="store_down_short",
        title="object store down for 10 seconds",
        cell=Cell(reads_fail_s=WHILE_DOWN),
        quick=_of("loki"),
    ),
    Fault(
        name="store_down_two_minutes",
        title="object store down for 2 minutes",
        cell=Cell(reads_fail_s=WHILE_DOWN),
        long=True,
    ),
    Fault(
        name="store_forbidden",
        title="object store refuses the keys (403) after it worked",
        cell=Cell(reads_fail_s=WHILE_DOWN),
        quick=_of("pyroscope", "tempo"),
    ),
    Fault(
        name="store_bucket_gone",
        title="object store has no such bucket (404) after it worked",
        cell=Cell(reads_fail_s=WHILE_DOWN),
        long=True,
    ),
    Fault(
        name="supervisor_killed",
        title="Pebble killed, then `up`, which ends what it left behind",
        cell=_DOWN,
        but={
            "tempo": _ALL_DIE,
            "pyroscope": Cell(loses_s=EVERYTHING, fails_s=WHILE_DOWN, gaps=True, why=_HEAD),
        },
        long=True,
        quick=_of("loki"),
    ),
    Fault(
        name="reboot",
        title="every process gone at once, then `up`",
        cell=_DOWN,
        but={
            "tempo": _ALL_DIE,
            "pyroscope": Cell(loses_s=EVERYTHING, fails_s=WHILE_DOWN, gaps=True, why=_HEAD),
        },
        quick=_of("mimir"),
    ),
    Fault(
        name="only_writer_killed",
        title="kill -9 of the only ingester, disk kept",
        copies=1,
        cell=_DOWN,
        but={
            "tempo": Cell(loses_s=5.0, fails_s=WHILE_DOWN, gaps=True, why=_LIVE),
            "pyroscope": Cell(loses_s=EVERYTHING, fails_s=WHILE_DOWN, gaps=True, why=_HEAD),
        },
        quick=_of("loki"),
    ),
    Fault(
        name="scale_out",
        title="scale out 1 → 3 writers, replication factor 1 → 3",
        copies=1,
        cell=_RESTARTS,
        but={"pyroscope": replace(_SINGLE_MOVES["pyroscope"], away_s=20)},
        long=True,
    ),
    Fault(
        name="scale_in_to_one",
        title="scale in 3 → 1 writers, replication factor 3 → 1",
        copies=1,
        cell=_RESTARTS,
        long=True,
    ),
    Fault(
        name="scale_in_single_copies",
        title="scale in 3 → 2 writers, replication factor 1",
        copies=1,
        cell=_NONE,
        but={"pyroscope": _STARTS_AGAIN},
        long=True,
    ),
    Fault(
        name="drain_store_down",
        title="a drain asked for while the object store is down, and the store gone in the middle of one",
        copies=1,
        cell=Cell(reads_fail_s=WHILE_DOWN),
        but={"loki": _SINGLE_MOVES["loki"], "pyroscope": _STARTS_AGAIN},
        long=True,
        quick=_of("tempo"),
    ),
    Fault(
        name="up_killed_draining",
        title="`up` killed at each step of a scale-in 3 → 2, replication factor 1",
        copies=1,
        cell=_NONE,
        but={"pyroscope": _STARTS_AGAIN},
        long=True,
        quick=_of("tempo"),
    ),
    Fault(
        name="solo_to_roles",
        title="one process that runs everything becomes many: only the file and `up`",
        copies=1,
        cell=_NONE,
        but={**_SINGLE_MOVES, "pyroscope": _STARTS_AGAIN},
        long=True,
    ),
    Fault(
        name="roles_to_solo",
        title="many become one process again",
        copies=1,
        cell=_NONE,
        but=_SINGLE_MOVES,
        long=True,
    ),
    Fault(
        name="role_moved",
        title="the only writer moved to another worker",
        copies=1,
        cell=_NONE,
        but=_SINGLE_MOVES,
        long=True,
    ),
)
ROWS = tuple((product, fault) for product in PRODUCTS for fault in FAULTS if product not in fault.without)


def table() -> str:
    """Return the table as the docs have it."""
    head = ("fault", "copies", "acknowledged writes lost", "writes may fail", "reads may fail", "shown by")
    lines = [head, ("---",) * len(head)]
    notes: dict[str, str] = {}
    for fault in FAULTS:
        suite = " *(long)*" if fault.long else ""
        command = f"`.venv/bin/pytest tests/reliability -k {fault.name}`{suite}"
        cells = _words(fault.cell)
        lines.append((fault.title, str(fault.copies), *cells, command))
        for product, why in fault.without.items():
            lines.append((f"… {PRODUCTS[product].title}: not shown, {why}", *[""] * 5))
        for product, cell in fault.but.items():
            mark = notes.setdefault(cell.why, f"[{len(notes) + 1}]")
            lines.append((f"… {PRODUCTS[product].title} {mark}", str(fault.copies), *_words(cell), ""))
    rows = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join((*rows, "", *(f"{mark} {why}\n" for why, mark in notes.items())))


def _words(cell: Cell) -> tuple[str, str, str]:
    if cell.loses_s == EVERYTHING:
        lost = "what is not yet in the object store"
    else:
        lost = f"the last {cell.loses_s:g} s" if cell.loses_s else "0"
    if cell.gaps_after:
        lost += "; some answers miss some for a while"
    writes = f"{cell.away_s:g} s in all" if cell.away_s < math.inf else _for(cell.fails_s)
    return lost, writes, _for(cell.reading_fails_s)


def _for(seconds: float) -> str:
    if seconds == WHILE_DOWN:
        return "while it is down"
    return "in flight only" if seconds else "0"
