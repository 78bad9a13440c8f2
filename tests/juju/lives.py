"""Many lives of clusters of one product, each in a process of its own: `python lives.py loki 0 128`.

To deploy a cluster and let it come to rest is the larger half of a short life, so several lives share it:
each goes on in a copy of the process that deployed. Prints a line for each good life; of those that broke a
guarantee all that happened goes to standard error, and the end is 1 if there is one.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from clusters import lean
from fates import SHARE, Fate
from forks import each

from rolecall.core.products import PRODUCTS

_LIMIT_S = 120
"""What one life may take; it takes less than one second."""


def main(product: str, first: str, count: str) -> int:
    """Live through `count` lives; return the exit code."""
    # Nobody looks at what the framework says of each hook, and no process here lives long enough for its
    # garbage to matter: the two would cost a quarter of the time each.
    logging.disable(logging.DEBUG)
    gc.disable()
    seeds = range(int(first), int(first) + int(count))
    starts = {f"deployment {start}": partial(_start, product, start, seeds) for start in _starts(seeds)}
    lived = 0
    for name, told, well in each(starts, at_once=_cores(), limit_s=_LIMIT_S * SHARE):
        (sys.stdout if well else sys.stderr).write(told if well else f"{product}, {name}: {told}\n")
        lived += told.count("\n") if well else 0
    return 0 if lived == len(seeds) else 1


def _starts(seeds: range) -> range:
    return range(seeds.start // SHARE, (seeds.stop - 1) // SHARE + 1)


def _start(product: str, start: int, seeds: range) -> str:
    """Deploy a cluster, and live all of its lives one after the other."""
    fate = Fate(start, lean(PRODUCTS[product]))
    fate.begin()
    own = [seed for seed in range(start * SHARE, (start + 1) * SHARE) if seed in seeds]
    return "".join(_lives(product, fate, own))


def _lives(product: str, fate: Fate, seeds: list[int]) -> Iterator[str]:
    root = fate.deployed.juju.root
    kept = root.with_name(f"{root.name}-kept")
    _copy(root, kept)
    try:
        for seed in seeds:
            ((_, told, well),) = each({"life": partial(_live, fate, seed)}, at_once=1, limit_s=_LIMIT_S)
            if well:
                yield f"{seed}: {told}\n"
            else:
                sys.stderr.write(f"ROLECALL_SEED={seed}, {product}: {told}\n")
            shutil.rmtree(root)
            _copy(kept, root)
    finally:
        shutil.rmtree(kept)
        fate.deployed.juju.close()


def _live(fate: Fate, seed: int) -> str:
    fate.go_on(seed)
    return told_of(fate)


def told_of(fate: Fate) -> str:
    """Return how many hooks ran, and a digest of all that they were and left."""
    trace = fate.deployed.juju.trace
    lines = "\n".join((*fate.history, *(f"{dispatch} {dispatch.log}" for dispatch in trace)))
    return f"{len(trace)} hooks, {hashlib.sha256(lines.encode()).hexdigest()[:16]}"


def _copy(root: Path, to: Path) -> None:
    """Copy a folder; a storage is a link by its whole path, so a copy works only where the folder was."""
    shutil.copytree(root, to, symlinks=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
