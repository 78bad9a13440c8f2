"""What stands in the way of one unit only: a full disk, and a config that can't be used there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

import pytest
from happenings import BACK_S, OUTAGE, Deed, calm
from judging import FAULT
from patience import until
from real_clusters import Birth, bring_up, recommended, written
from sites import Site, await_writes, rolecall_up

from rolecall.core.model import Problem
from rolecall.local import operations, processes
from rolecall.local.cluster import LocalCluster
from rolecall.testing.ledger import Ledger

_DISK = "512m"
"""Room on the small disk: Mimir reserves 128 MiB for a file of its head at once."""
_HALTED_S = 150.0
"""How long `up` may take to restart two units, and to reach the third."""


def full_disk(site: Site, ledger: Ledger) -> None:
    """Fill the disk of one writer to the last byte, and make room again."""
    filler = site.cluster.home.unit(site.writers()[0]) / "data" / "filler"
    ledger.phase(FAULT)
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(2**20))
        assert shutil.disk_usage(filler.parent).free < 2**20
        await_writes(ledger, OUTAGE)
    finally:
        filler.unlink()
    calm(site, ledger)


@contextmanager
def small_disk(site: Site) -> Generator[None]:
    """Have a writer keep its data on a small disk of its own; skip where nothing can be mounted."""
    unit = site.writers()[0]
    data = site.cluster.home.unit(unit) / "data"
    kept = data.with_name("kept")
    _end(site, unit)
    data.rename(kept)
    data.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(data))
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
        if mounted.returncode:
            pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
        try:
            shutil.copytree(kept, data, dirs_exist_ok=True)
            bring_up(site.cluster)
            yield
        finally:
            _end(site, unit)
            shutil.copytree(data, kept, dirs_exist_ok=True)
            subprocess.run(("umount", "--lazy", str(data)), check=True)
    finally:
        data.rmdir()
        kept.rename(data)
        bring_up(site.cluster)


def _end(site: Site, unit: str) -> None:
    """Have a unit's process end in order."""
    site.cluster.supervisor.stop(unit)
    until(lambda: unit not in processes.running(site.cluster.home.root), BACK_S, f"{unit} to end")


_DOOR = "door"
"""A folder, but for one unit, that has a file there; paths are relative to the unit's own folder."""
_ODD: Mapping[str, Mapping[str, object]] = {
    "loki": {"ingester": {"wal": {"dir": f"{_DOOR}/wal"}}},
    "mimir": {"activity_tracker": {"filepath": f"{_DOOR}/activity.log"}},
}
"""Settings that a process can't start with where that is no folder."""


def bad_config_at_third(site: Site, ledger: Ledger) -> None:
    """Push a config that the third unit of a rollout can't become ready with; then take it back."""
    first, second, third, *_ = _in_order(site)
    for unit in site.units():
        if unit != third:
            (site.cluster.home.unit(unit) / _DOOR).mkdir(exist_ok=True)
    (site.cluster.home.unit(third) / _DOOR).touch()
    before = site.births()
    ledger.phase(FAULT)
    site.cluster = _with(site, _ODD[site.product.name])
    with rolecall_up(site) as up:
        until(lambda: _restarted(site, before) == {first, second, third}, _HALTED_S, f"{third} to be reached")
        await_writes(ledger, OUTAGE)
        assert up.poll() != 0
        assert third in {value for problem in _wrong(site) for name, value in problem.facts if name == "unit"}
        assert _restarted(site, before) == {first, second, third}
    site.cluster = _with(site, {})
    bring_up(site.cluster)
    calm(site, ledger)


def _in_order(site: Site) -> list[str]:
    """List the units as a rollout comes to them: by the most delicate of their roles, and by name."""
    line = site.product.line("")
    waves = {
        place.unit: min(line.role(role).wave for role in line.expand(place.roles))
        for place in site.cluster.places()
    }
    return sorted(waves, key=lambda unit: (waves[unit], unit))


def _restarted(site: Site, before: Mapping[str, Birth]) -> set[str]:
    """Return the units whose process is another one, or that have none."""
    now = site.births()
    return {unit for unit in before if now.get(unit) != before[unit]}


def _wrong(site: Site) -> tuple[Problem, ...]:
    return operations.status(site.cluster).verdict.wrong


def _with(site: Site, overrides: Mapping[str, object]) -> LocalCluster:
    """Return the cluster with other settings."""
    settings = {"config-overrides": dict(overrides)} if overrides else {}
    store = site.store.server.store(site.store.bucket)
    return site.clusters.again(
        site.cluster, written(site.product, recommended(site.product), settings=settings, store=store)
    )


DEEDS: Mapping[str, Deed] = {deed.__name__: deed for deed in (full_disk, bad_config_at_third)}
