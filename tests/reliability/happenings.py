"""What is done to a cluster in each row of the table, and when it is over."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Mapping

import psutil
from judging import CALM, FAULT
from patience import until
from real_clusters import births, bring_up, kill, leftovers, nginx_workers, written
from sites import Site, await_writes

from rolecall.local import operations, processes
from rolecall.testing.ledger import Ledger

Deed = Callable[[Site, Ledger], None]
BACK_S = 60.0
_ROLLED_S = 400.0
_SCALED_S = 400.0
"""Limit of an `up` that has two units drain, one after the other: the readers get their time for each."""
_RELOADS = 10
OUTAGE, _LONG_OUTAGE, _REFUSAL = 200, 2400, 100
"""Writes that are acknowledged while the store is away or refuses: those of 10, 120 and 5 seconds."""


def quiet(_: str) -> None:
    """Say nothing."""


def rolling_restart(site: Site, ledger: Ledger) -> None:
    """Restart every unit, as `rolecall restart` does."""
    before = site.births()
    ledger.phase(FAULT)
    outcome = operations.restart(site.cluster, tuple(site.units()), say=quiet, timeout_s=_ROLLED_S)
    ledger.phase(CALM)
    assert outcome.done, [str(problem) for problem in outcome.verdict.problems]
    after = site.births()
    assert [unit for unit in site.units() if after[unit] == before[unit]] == []


def kill_each_role(site: Site, ledger: Ledger) -> None:
    """Kill one unit of each worker, each when the one before is back."""
    for unit in site.one_of_each_worker():
        _killed(site, ledger, unit)
        await_writes(ledger)


def only_writer_killed(site: Site, ledger: Ledger) -> None:
    """Kill the one unit that keeps what is newest."""
    (writer,) = site.writers()
    _killed(site, ledger, writer)


def _killed(site: Site, ledger: Ledger, unit: str) -> None:
    before = site.births()[unit]
    ledger.phase(FAULT)
    kill(site.cluster, unit)
    until(lambda: site.births().get(unit, before) != before, BACK_S, f"{unit} to run again")
    calm(site, ledger)


def disk_gone(site: Site, ledger: Ledger) -> None:
    """Take a writer's disk away and kill it; then `up`, as for a machine that was replaced."""
    writer = site.writers()[0]
    data = site.cluster.home.unit(writer) / "data"
    assert data.is_dir()
    ledger.phase(FAULT)
    gone = data.with_name("gone")
    data.rename(gone)
    kill(site.cluster, writer)
    shutil.rmtree(gone)
    bring_up(site.cluster)
    site.await_whole()
    ledger.phase(CALM)


def gateway_reload(site: Site, ledger: Ledger) -> None:
    """Have nginx read its configuration again and again."""
    master = births(site.cluster)["gateway"]
    ledger.phase(FAULT)
    for number in range(_RELOADS):
        old = nginx_workers(site.cluster)
        site.cluster.supervisor.signal("gateway", "SIGHUP")
        until(lambda old=old: nginx_workers(site.cluster) - old, BACK_S, f"new workers, reload {number}")
    ledger.phase(CALM)
    assert births(site.cluster)["gateway"] == master


def gateway_killed(site: Site, ledger: Ledger) -> None:
    """Kill nginx whole, its workers with it."""
    master = psutil.Process(births(site.cluster)["gateway"].pid)
    ledger.phase(FAULT)
    _kill_all([master, *master.children()])
    until(lambda: _other_gateway(site, master.pid), BACK_S, "another nginx")
    await_writes(ledger)
    ledger.phase(CALM)


def _other_gateway(site: Site, pid: int) -> bool:
    birth = births(site.cluster).get("gateway")
    return birth is not None and birth.pid != pid


def store_down_short(site: Site, ledger: Ledger) -> None:
    """Stop the object store for ten seconds."""
    _store_away(site, ledger, OUTAGE)


def store_down_two_minutes(site: Site, ledger: Ledger) -> None:
    """Stop the object store for two minutes."""
    _store_away(site, ledger, _LONG_OUTAGE)


def _store_away(site: Site, ledger: Ledger, writes: int) -> None:
    ledger.phase(FAULT)
    site.store.stop()
    try:
        await_writes(ledger, writes)
    finally:
        site.store.start()
    calm(site, ledger)


def store_forbidden(site: Site, ledger: Ledger) -> None:
    """Have the object store refuse everybody's keys; `up` says so."""
    ledger.phase(FAULT)
    site.store.stop()
    site.store.start(access_key="SOMEBODY-ELSE")
    try:
        await_writes(ledger, _REFUSAL)
        refused(site, "wrong-key")
    finally:
        site.store.stop()
        site.store.start()
    calm(site, ledger)


def store_bucket_gone(site: Site, ledger: Ledger) -> None:
    """Take the bucket away; `up` says so."""
    ledger.phase(FAULT)
    site.store.hide_bucket()
    try:
        await_writes(ledger, _REFUSAL)
        refused(site, "no-such-bucket")
    finally:
        site.store.show_bucket()
    calm(site, ledger)


def refused(site: Site, cause: str) -> None:
    """Have `up` name the store as what is wrong; it changes nothing."""
    before = site.births()
    outcome = operations.up(site.cluster, say=quiet)
    assert not outcome.done
    facts = {problem.code: dict(problem.facts) for problem in outcome.verdict.problems}
    assert facts["object-store"]["cause"] == cause
    assert site.births() == before


def calm(site: Site, ledger: Ledger) -> None:
    """The store is back; readers notice by themselves."""
    site.await_whole()
    await_reads(ledger)
    ledger.phase(CALM)


def await_reads(ledger: Ledger) -> None:
    """Wait until a read that began from now on is answered."""
    before = ledger.so_far()
    good = before.reads - before.failed_reads

    def answered() -> bool:
        now = ledger.so_far()
        # One may have been under way.
        return now.reads - now.failed_reads > good + 1

    until(answered, BACK_S, "a read that is answered", seen=ledger.so_far)


def supervisor_killed(site: Site, ledger: Ledger) -> None:
    """Kill Pebble, then `up`."""
    ledger.phase(FAULT)
    kill(site.cluster, "supervisor")
    bring_up(site.cluster)
    calm(site, ledger)


def reboot(site: Site, ledger: Ledger) -> None:
    """Kill every process, Pebble first, then `up`."""
    ledger.phase(FAULT)
    kill_everything(site)
    bring_up(site.cluster)
    calm(site, ledger)


def kill_everything(site: Site) -> None:
    """Kill every process, Pebble first."""
    running = processes.running(site.cluster.home.root)
    firsts = [psutil.Process(running.pop("supervisor").pid)]
    firsts += [psutil.Process(one.pid) for one in running.values()]
    _kill_all([process for first in firsts for process in (first, *_children(first, running))])
    # A killed process keeps its ports for a moment after the kernel has taken its memory.
    until(lambda: not leftovers(site.cluster), BACK_S, "every process to be gone and its ports to be free")


def _children(process: psutil.Process, running: Mapping[str, processes.Running]) -> list[psutil.Process]:
    """List the children that are no units themselves: those of nginx."""
    units = {one.pid for one in running.values()}
    return [child for child in process.children() if child.pid not in units]


def _kill_all(victims: list[psutil.Process]) -> None:
    """Kill processes, in this order."""
    for process in victims:
        os.kill(process.pid, signal.SIGKILL)


def scale_out(site: Site, ledger: Ledger) -> None:
    """Go from one writer to three; the replication factor follows."""
    _scaled(site, ledger, 3, {})


def scale_in_to_one(site: Site, ledger: Ledger) -> None:
    """Go from three writers to one; the replication factor follows."""
    _scaled(site, ledger, 1, {})


def scale_in_single_copies(site: Site, ledger: Ledger) -> None:
    """Go from three writers to two where each entry has a single copy."""
    _scaled(site, ledger, 2, SINGLE)


SINGLE: Mapping[str, object] = {"replication-factor": 1}


def _scaled(site: Site, ledger: Ledger, units: int, settings: Mapping[str, object]) -> None:
    ledger.phase(FAULT)
    have_writers(site, units, settings)
    site.await_whole()
    await_writes(ledger)
    ledger.phase(CALM)


def have_writers(site: Site, units: int, settings: Mapping[str, object] | None = None) -> None:
    """Have so many units of the minimal set keep what is newest."""
    want_writers(site, units, settings)
    bring_up(site.cluster, timeout_s=_SCALED_S)


def want_writers(site: Site, units: int, settings: Mapping[str, object] | None = None) -> None:
    """Have the file say so; nobody acts on it yet."""
    line = site.product.line("")
    workers = {
        ",".join(roles): units if site.product.replicated in line.expand(roles) else count
        for _, roles, count in site.product.minimal
    }
    store = site.store.server.store(site.store.bucket)
    text = written(site.product, workers, settings=settings, store=store)
    site.cluster = site.clusters.again(site.cluster, text)


FIRST: Mapping[str, Callable[[Site], None]] = {
    only_writer_killed.__name__: lambda site: have_writers(site, 1),
    scale_out.__name__: lambda site: have_writers(site, 1),
    scale_in_to_one.__name__: lambda site: have_writers(site, 3),
    scale_in_single_copies.__name__: lambda site: have_writers(site, 3, SINGLE),
}

DEEDS: Mapping[str, Deed] = {
    deed.__name__: deed
    for deed in (
        rolling_restart,
        kill_each_role,
        disk_gone,
        gateway_reload,
        gateway_killed,
        store_down_short,
        store_down_two_minutes,
        store_forbidden,
        store_bucket_gone,
        supervisor_killed,
        reboot,
        only_writer_killed,
        scale_out,
        scale_in_to_one,
        scale_in_single_copies,
    )
}
