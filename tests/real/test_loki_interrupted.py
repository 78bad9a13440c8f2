"""`up` can be ended at any moment; the next one goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from loki_client import QUICK
from patience import until
from real_clusters import UP_S, Clusters, births, bring_up, leftovers, take_down, written

from rolecall.core.products.loki import LOKI
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

ROLES = {"write": 1, "read": 1, "backend": 1}
ROLECALL = Path(sys.executable).with_name("rolecall")

MOMENTS: Sequence[tuple[int, float, signal.Signals]] = (
    (0, 0.5, signal.SIGKILL),
    (1, 0.0, signal.SIGKILL),
    (1, 0.1, signal.SIGINT),
    (2, 0.0, signal.SIGINT),
    (4, 0.0, signal.SIGKILL),
    (4, 0.5, signal.SIGINT),
    (6, 0.0, signal.SIGKILL),
)
"""How many lines of progress there were, how much later, and how it ended."""


@pytest.fixture(scope="module")
def site(shared_clusters: Clusters) -> LocalCluster:
    return shared_clusters(written(LOKI, ROLES, settings=QUICK))


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment[0]}+{moment[1]}-{moment[2].name}")
def test_up_goes_on(site: LocalCluster, moment: tuple[int, float, signal.Signals]):
    """Ended after some line of progress, up converges when it is called again, and leaves no orphan."""
    lines, later_s, how = moment

    with rolecall_up(site) as command:
        command.await_lines(lines)
        command.end(how, later_s)
    bring_up(site)

    assert operations.check(site, timeout_s=60).ok
    assert one_process_each(site)
    take_down(site)


def test_a_rolling_change_goes_on(clusters: Clusters):
    """Ended while units restart, again and again, the change arrives at every unit, each once."""
    cluster = clusters(written(LOKI, ROLES, settings=QUICK))
    bring_up(cluster)
    changed = clusters.again(cluster, written(LOKI, ROLES, settings={**QUICK, "log-level": "warn"}))
    before = births(changed)

    for word, how in (
        ("leaves the gateway", signal.SIGKILL),
        ("restart", signal.SIGINT),
        ("leaves the gateway", signal.SIGINT),
        ("restart", signal.SIGKILL),
    ):
        with rolecall_up(changed) as command:
            command.await_word(word)
            command.end(how, 0.0)
    bring_up(changed)

    after = births(changed)
    units = before.keys() - {"gateway", "supervisor"}
    assert not [unit for unit in units if after[unit] == before[unit]]
    assert {unit: after[unit] for unit in ("gateway", "supervisor")} == {
        unit: before[unit] for unit in ("gateway", "supervisor")
    }
    assert changed.observe().rollout.remaining == ()
    assert one_process_each(changed)
    assert operations.check(changed, timeout_s=60).ok


def one_process_each(cluster: LocalCluster) -> bool:
    """Whether there is one process for each unit, the gateway and the supervisor, and no other one."""
    expected = {*(place.unit for place in cluster.places()), "gateway", "supervisor"}
    masters = {birth.pid for birth in births(cluster).values()}
    workers = {child.pid for pid in masters for child in psutil.Process(pid).children()}
    listed = {int(line.split()[1].rstrip(":")) for line in leftovers(cluster) if line.startswith("process")}
    assert births(cluster).keys() == expected
    assert listed <= masters | workers, leftovers(cluster)
    return True


class Command:
    """A running `rolecall up` and the lines it has printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        self.lines.extend(iter(self._process.stderr.readline, ""))

    def await_lines(self, number: int) -> None:
        """Wait until it has printed so many lines, or has ended."""
        until(
            lambda: len(self.lines) >= number or self._over, UP_S, f"{number} lines", seen=lambda: self.lines
        )

    def await_word(self, word: str) -> None:
        """Wait until a line has a word in it."""
        until(
            lambda: any(word in line for line in self.lines) or self._over,
            UP_S,
            f'a line with "{word}"',
            seen=lambda: self.lines,
        )

    @property
    def _over(self) -> bool:
        return self._process.poll() is not None

    def end(self, how: signal.Signals, later_s: float) -> None:
        """End it, unless it has ended by itself by then."""
        try:
            self._process.wait(later_s)
        except subprocess.TimeoutExpired:
            self._process.send_signal(how)
        self._process.wait(UP_S)
        self._reader.join(UP_S)


@contextmanager
def rolecall_up(cluster: LocalCluster) -> Generator[Command]:
    """Run the command as a person does."""
    file = Clusters.file(cluster)
    with subprocess.Popen(
        [ROLECALL, "up", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        cwd=file.parent,
    ) as process:
        command = Command(process)
        try:
            yield command
        finally:
            process.kill()
