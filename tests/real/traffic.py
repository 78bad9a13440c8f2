"""Clients that go on and on while something happens to a cluster, and a watch over its units."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from real_clusters import Birth, births

from rolecall.local import processes
from rolecall.local.cluster import LocalCluster
from rolecall.local.home import read_list
from rolecall.local.readiness import Asker
from rolecall.local.worker import Place, ready_url

END_S = 60.0
READY_S = 15.0


@dataclass
class Tally:
    """How often each client was served, and every failure."""

    served: dict[str, int] = field(default_factory=dict[str, int])
    failed: list[str] = field(default_factory=list[str])


@contextmanager
def traffic(calls: Mapping[str, Callable[[int], None]], *, pause_s: float = 0.05) -> Generator[Tally]:
    """Make each call again and again, in a thread of its own, until the block ends.

    A call gets its number and raises when it isn't served.
    """
    tally, stop = Tally(dict.fromkeys(calls, 0)), threading.Event()
    began = time.monotonic()

    def run(name: str, call: Callable[[int], None]) -> None:
        number = 0
        while not stop.is_set():
            try:
                call(number)
            except Exception as error:  # whatever it is, it is counted and shown
                at = time.monotonic() - began
                tally.failed.append(f"{name} {number} after {at:.1f} s: {type(error).__name__}: {error}")
            else:
                tally.served[name] += 1
            number += 1
            stop.wait(pause_s)

    threads = [threading.Thread(target=run, args=item) for item in calls.items()]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        stop.set()
        for thread in threads:
            thread.join(END_S)
        assert not any(thread.is_alive() for thread in threads), f"a client hung for {END_S:g} s"


@dataclass
class Seen:
    """What a watch saw of a cluster's units."""

    restarted: list[str] = field(default_factory=list[str])
    """Units whose process was another one than before, in that order."""
    together: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    """Sets of more than one unit that were away or not ready at once."""
    served_while_away: list[str] = field(default_factory=list[str])
    """Units that the gateway sent to although they were stopping, away or starting."""
    looks: int = 0


@contextmanager
def watching(cluster: LocalCluster) -> Generator[Seen]:
    """Look at every unit again and again until the block ends."""
    seen, stop = Seen(), threading.Event()
    places = {place.unit: place for place in cluster.places()}

    def run() -> None:
        known = _own(births(cluster), places)
        with Asker() as asker:
            while not stop.is_set():
                known = _look(cluster, places, known, seen, asker)
                stop.wait(0.02)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(END_S)
        assert not thread.is_alive()


def _look(
    cluster: LocalCluster, places: Mapping[str, Place], known: dict[str, Birth], seen: Seen, asker: Asker
) -> dict[str, Birth]:
    busy = cluster.supervisor.busy() & places.keys()
    now = _own(births(cluster), places)
    away = busy | (places.keys() - now.keys())
    # Read last: a unit comes back to the gateway seconds after it was seen to be away.
    serving = frozenset(read_list(cluster.home.serving))
    seen.served_while_away.extend(sorted(away & serving))
    seen.restarted.extend(sorted(unit for unit in now.keys() & known.keys() if now[unit] != known[unit]))
    urls = {unit: ready_url(cluster.spec.product, place.address) for unit, place in places.items()}
    answers = {unit: asker.ask(url, timeout_s=READY_S) for unit, url in urls.items()}
    down = away | {unit for unit, answer in answers.items() if answer.status != 200}
    if len(down) > 1:
        seen.together.append(tuple(sorted(down)))
    seen.looks += 1
    return {**known, **now}


def _own(all_births: Mapping[str, Birth], places: Mapping[str, Place]) -> dict[str, Birth]:
    return {unit: birth for unit, birth in all_births.items() if unit in places}


def gateway_complaints(cluster: LocalCluster) -> list[str]:
    """List what nginx said of units that it couldn't reach."""
    log = cluster.home.log.read_text(errors="replace")
    return [line for line in log.splitlines() if "[gateway]" in line and "upstream" in line]


def alive(cluster: LocalCluster) -> frozenset[str]:
    """List the units that run."""
    return frozenset(processes.running(cluster.home.root)) - {"gateway", "supervisor"}
