"""A rolling change of Loki while clients write and read, and where its secrets are."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from loki_client import Loki, loki_of
from real_clusters import Clusters, births, bring_up, recommended, written
from s3_server import S3Server
from traffic import gateway_complaints, traffic, watching

from rolecall.core.products.loki import LOKI
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

WORKERS = recommended(LOKI)


@pytest.fixture(scope="module")
def running(shared_clusters: Clusters, s3: S3Server) -> LocalCluster:
    """Bring the recommended set up on S3."""
    shared_clusters.environment = s3.environment
    cluster = shared_clusters(written(LOKI, WORKERS, store=s3.store(s3.bucket())))
    bring_up(cluster)
    return cluster


def levelled(clusters: Clusters, cluster: LocalCluster, s3: S3Server, level: str) -> LocalCluster:
    store = cluster.spec.store
    bucket = getattr(store, "bucket", "")
    text = written(LOKI, WORKERS, settings={"log-level": level}, store=s3.store(bucket))
    return clusters.again(cluster, text)


def test_a_rolling_change_loses_no_request(
    running: LocalCluster,
    shared_clusters: Clusters,
    s3: S3Server,
    record_testsuite_property: Callable[[str, object], None],
):
    """Every unit restarts, one at a time and out of the gateway; no write and no read of the time fails.

    A read must give back everything that was acknowledged before it began.
    """
    old, before = len(gateway_complaints(running)), births(running)
    changed = levelled(shared_clusters, running, s3, "warn" if _level(running) != "warn" else "error")

    with ExitStack() as stack:
        clients = {
            "once": Client(stack.enter_context(loki_of(running, keep=False)), job="once"),
            "kept": Client(stack.enter_context(loki_of(running)), job="kept"),
        }
        calls = {f"{name} write": client.write for name, client in clients.items()}
        calls |= {f"{name} read": client.read for name, client in clients.items()}
        with watching(running) as seen, traffic(calls) as tally:
            outcome = bring_up(changed)
        for client in clients.values():
            client.loki.await_lines(client.acknowledged, job=client.job)
        resent = clients["kept"].loki.resent

    assert tally.failed == []
    assert min(tally.served.values()) > 100, tally.served
    units = sorted(births(running).keys() - {"gateway", "supervisor"})
    assert sorted(seen.restarted) == units
    assert seen.together == []
    assert seen.served_while_away == []
    assert gateway_complaints(running)[old:] == []
    assert births(running)["gateway"] == before["gateway"]
    assert outcome.verdict.wrong == ()
    # Each reload closes the connections that are idle at that moment: at most one for each client's two.
    assert len(resent) <= 4 * len(units), resent
    record_testsuite_property("rolled", f"{outcome.seconds:.1f} s, {tally.served}, {len(resent)} sent again")


@dataclass
class Client:
    """Writes lines, and reads back all that was acknowledged before the read began."""

    loki: Loki
    job: str
    acknowledged: set[str] = field(default_factory=set[str])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, number: int) -> None:
        """Write one line."""
        line = f"line {number}"
        self.loki.push([line], job=self.job)
        with self.lock:
            self.acknowledged.add(line)

    def read(self, _: int) -> None:
        """Read all lines."""
        with self.lock:
            expected = set(self.acknowledged)
        missing = expected - self.loki.read(job=self.job)
        assert not missing, f"{len(missing)} of {len(expected)} lines, such as {min(missing)}"


def _level(cluster: LocalCluster) -> str:
    document = cluster.document()
    assert document is not None
    return next(line.split()[-1] for line in document.config.splitlines() if "log_level" in line)


def test_a_secret_is_nowhere_but_in_its_files(running: LocalCluster, s3: S3Server):
    """G10: the object store's keys are in no argument, environment, log, status, and in 0600 files only."""
    keys = (s3.access_key, s3.secret_key)
    root = Clusters.file(running).parent

    holding = [path for path in _files(root) if any(key.encode() in path.read_bytes() for key in keys)]
    shown = repr((operations.status(running), running, running.document(), running.pending()))
    processes_holding = [
        process.pid for process in _processes(running) if any(key in _told(process) for key in keys)
    ]

    assert holding
    assert {stat.S_IMODE(path.stat().st_mode) for path in holding} == {0o600}
    assert {path.name for path in holding} == {"credentials", "object-store.json"}
    assert not [key for key in keys if key in shown]
    assert len(list(_processes(running))) >= 9
    assert processes_holding == []


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file() and os.access(path, os.R_OK))


def _processes(cluster: LocalCluster) -> Iterator[psutil.Process]:
    for birth in births(cluster).values():
        process = psutil.Process(birth.pid)
        yield process
        yield from process.children()


def _told(process: psutil.Process) -> str:
    return repr((process.cmdline(), process.environ()))
