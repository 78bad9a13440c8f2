"""G1 to G5 and G7 to G11 in lives of whole clusters of real charms, and that these heal.

A failure names its seed; `ROLECALL_SEED=17 pytest tests/juju/test_guarantees.py` lives through that life
again, in this process and for every product.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import lean
from fates import SHARE, Fate
from lives import told_of

from rolecall.core.products import PRODUCTS

_LIVES = 512
"""Of each of the four products."""
_CHUNK = 64
_LIMIT_S = 280


def chunks() -> list[range]:
    """List the seeds to live through, in chunks that are each one test."""
    chosen = os.environ.get("ROLECALL_SEED")
    if chosen is not None:
        return [range(int(chosen), int(chosen) + 1)]
    return [range(first, first + _CHUNK) for first in range(0, _LIVES, _CHUNK)]


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Let nobody format what the framework says of each hook: it costs a quarter of the time."""
    logging.disable(logging.DEBUG)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("seeds", chunks(), ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_no_life_breaks_a_guarantee(product: str, seeds: range):
    """Whatever happens, in whatever order, nothing ever happens that may not, and the cluster heals."""
    if len(seeds) == 1:
        Fate.of(seeds.start, lean(PRODUCTS[product])).deployed.juju.close()
    else:
        assert len(lived(product, seeds)) == len(seeds)


def test_a_seed_lives_the_same_life_wherever_it_is_lived():
    """In a process of its own after others from the same deployment, and here."""
    seed = 2 * SHARE - 1
    apart = lived("loki", range(SHARE, 2 * SHARE))

    here = Fate.of(seed, lean(PRODUCTS["loki"]))

    assert apart[seed] == told_of(here)


def lived(product: str, seeds: range) -> dict[int, str]:
    """Live in a program of its own: it copies itself for each life, which only one without threads may."""
    program = [sys.executable, "-W", "error", str(Path(__file__).with_name("lives.py"))]
    living = subprocess.Popen(
        [*program, product, str(seeds.start), str(len(seeds))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        told, errors = living.communicate(timeout=_LIMIT_S)
    finally:
        if living.returncode is None:
            # The copies go with it.
            os.killpg(living.pid, signal.SIGKILL)
            living.communicate()
    if living.returncode or errors:
        pytest.fail(errors or f"it ended with {living.returncode}", pytrace=False)
    lines = (line.partition(": ") for line in told.splitlines())
    return {int(seed): life for seed, _, life in lines}
