"""`up` ended at any moment, or its supervisor: calling it again goes on, and nothing is orphaned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from loki_client import loki_of
from patience import until
from real_clusters import Clusters, bring_up, kill, leftovers, take_down, written

from rolecall.core.products.loki import LOKI
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

_FOUR = {"write": 2, "read": 1, "backend": 1}
_MOMENTS_S = (0.05, 0.3, 0.45, 0.6, 0.75, 0.9, 1.2, 1.8, 3.0, 5.0)
"""From the first import to the last unit's readiness, where most happens densest."""


def _rolecall(cluster: LocalCluster, *words: str) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).with_name("rolecall")), *words]
    tools = cluster.tools
    variables = {
        **os.environ,
        LOKI.binary.variable: str(tools.product),
        "ROLECALL_PEBBLE": str(tools.pebble),
        "ROLECALL_NGINX": str(tools.nginx),
    }
    return subprocess.Popen(
        command,
        cwd=Clusters.file(cluster).parent,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.real
def test_up_that_was_ended_at_any_moment_goes_on(clusters: Clusters):
    """Ended by Ctrl-C or kill -9 at each of ten moments, `up` converges in the end and leaves no orphan."""
    cluster = clusters(written(LOKI, _FOUR))
    for number, moment_s in enumerate(_MOMENTS_S):
        process = _rolecall(cluster, "up")
        try:
            process.wait(timeout=moment_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL if number % 2 else signal.SIGINT)
        code = process.wait(timeout=30)
        # Before the interpreter has its own handler, the signal itself ends it.
        assert code in (0, 130, -signal.SIGINT, -signal.SIGKILL), f"ended after {moment_s} s with {code}"
        if number in (3, 6):
            take_down(cluster)

    assert _rolecall(cluster, "up").wait(timeout=180) == 0

    status = operations.status(cluster)
    assert status.verdict.coherent
    assert all(unit.ready for unit in status.units)
    assert operations.check(cluster).ok
    take_down(cluster)


@pytest.mark.real
def test_a_rolling_change_that_was_ended_goes_on(clusters: Clusters):
    """Ended in the middle of a rolling change, `up` goes on with the rest of it."""
    cluster = clusters(written(LOKI, _FOUR))
    bring_up(cluster)
    cluster = clusters.again(cluster, written(LOKI, _FOUR, settings={"log-level": "warn"}))
    process = _rolecall(cluster, "up")
    until(lambda: not all(u.in_gateway for u in operations.status(cluster).units), 60, "a unit to be held")
    process.kill()
    process.wait(timeout=30)

    assert _rolecall(cluster, "up").wait(timeout=180) == 0

    assert operations.status(cluster).remaining == ()
    assert operations.check(cluster).ok


@pytest.mark.real
def test_a_killed_supervisor_is_replaced(clusters: Clusters):
    """With Pebble killed, `up` ends what it left behind, starts anew and keeps the data."""
    cluster = clusters(written(LOKI, _FOUR))
    bring_up(cluster)
    with loki_of(cluster) as loki:
        loki.push(["before"])
        kill(cluster, "supervisor")

        bring_up(cluster)

        loki.await_lines(["before"])
    take_down(cluster)
    assert leftovers(cluster) == []


@pytest.mark.real
def test_data_outlives_down_and_up(clusters: Clusters):
    """What was written before `down` is read after `up`."""
    cluster = clusters(written(LOKI, _FOUR))
    bring_up(cluster)
    with loki_of(cluster) as loki:
        loki.push(["kept"])
    take_down(cluster)

    bring_up(cluster)

    with loki_of(cluster) as loki:
        loki.await_lines(["kept"])
