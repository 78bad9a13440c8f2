"""Bring real clusters up for tests, of any product, and leave nothing behind."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import psutil
import pytest
import yaml
from patience import until
from s3_server import free_address

from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.local import operations, processes
from rolecall.local.addresses import network_of
from rolecall.local.cluster import LocalCluster
from rolecall.local.fetch import binaries, nginx_binary
from rolecall.local.fetch.helpers import PEBBLE
from rolecall.local.file import topology
from rolecall.local.file.topology import ClusterSpec
from rolecall.local.home import Home, read_map
from rolecall.local.readiness import Asker
from rolecall.local.tools import Tools

UP_S = 180.0
"""Limit of an `up` here: generous, since the machine may be busy with other tests."""


def tools_of(product: Product) -> Tools:
    """Return a product's executables; skip, naming the one that isn't at hand."""
    found = {binary.name: binaries.present(binary) for binary in (product.binary, PEBBLE)}
    for binary in (product.binary, PEBBLE):
        if found[binary.name] is None:
            pytest.skip(f"no {binary.name} at hand: name one in {binary.variable}, or let rolecall get it")
    nginx = nginx_binary.present_nginx()
    if nginx is None:
        pytest.skip("no nginx at hand: name one in ROLECALL_NGINX or install it")
    paths = {name: one.path for name, one in found.items() if one is not None}
    return Tools(
        product=paths[product.binary.name],
        pebble=paths[PEBBLE.name],
        nginx=nginx.path,
        nginx_version=nginx.version,
    )


def written(
    product: Product,
    workers: Mapping[str, int] | None = None,
    *,
    settings: Mapping[str, object] | None = None,
    store: Mapping[str, object] | None = None,
) -> str:
    """Write a rolecall.yaml; `workers` maps roles, such as `read,write`, to units."""
    cluster: dict[str, object] = {"product": product.name}
    if workers:
        cluster["workers"] = {
            _worker(roles): {"roles": roles.split(","), "units": units} for roles, units in workers.items()
        }
    if settings:
        cluster["settings"] = dict(settings)
    if store:
        cluster["object-store"] = dict(store)
    return yaml.safe_dump({"clusters": {"real": cluster}})


def _worker(roles: str) -> str:
    """Name a worker after its roles, shortly."""
    first, *others = roles.split(",")
    return "-".join((first, *others)) if len(roles) <= 40 else f"{first}-and-{len(others)}-more"


def recommended(product: Product) -> dict[str, int]:
    """Return the workers of a product's recommended set."""
    return {",".join(roles): units for _, roles, units in product.recommended}


@dataclass
class Clusters:
    """Makes clusters in folders of their own; each has a gateway on a loopback address of its own."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables that a file may name."""
    made: dict[Path, LocalCluster] = field(default_factory=dict[Path, LocalCluster])
    asker: Asker = field(default_factory=Asker)

    def __call__(self, wanted: str | ClusterSpec) -> LocalCluster:
        """Make a cluster from the text of a rolecall.yaml, or from its parsed form; don't start it."""
        folder = self.folder / f"site-{len(self.made)}"
        folder.mkdir()
        address, port = free_address(f"127.11.{secrets.randbelow(200) + 1}.{secrets.randbelow(200) + 1}")
        if isinstance(wanted, str):
            spec = self._parsed(folder, wanted, {"address": address, "port": port})
        else:
            main = wanted.product.listeners[0].name
            spec = replace(
                wanted, gateway_address=address, gateway_ports={**wanted.gateway_ports, main: port}
            )
        cluster = LocalCluster(
            spec=spec,
            home=Home(folder / ".rolecall" / spec.name),
            tools=tools_of(spec.product),
            asker=self.asker,
        )
        self.made[folder] = cluster
        return cluster

    def again(self, cluster: LocalCluster, text: str) -> LocalCluster:
        """Return the same cluster with another rolecall.yaml."""
        folder = self.file(cluster).parent
        main = cluster.spec.product.listeners[0].name
        gateway = {"address": cluster.spec.gateway_address, "port": cluster.spec.gateway_ports[main]}
        changed = replace(cluster, spec=self._parsed(folder, text, gateway))
        self.made[folder] = changed
        return changed

    @staticmethod
    def file(cluster: LocalCluster) -> Path:
        """Return where a cluster's rolecall.yaml is."""
        return cluster.home.root.parent.parent / "rolecall.yaml"

    def _parsed(self, folder: Path, text: str, gateway: Mapping[str, object]) -> ClusterSpec:
        tree = cast("dict[str, dict[str, dict[str, object]]]", yaml.safe_load(text))
        for cluster in tree["clusters"].values():
            cluster.setdefault("gateway", dict(gateway))
        file = folder / "rolecall.yaml"
        file.write_text(yaml.safe_dump(tree))
        parsed = topology.parse(
            file.read_text(),
            source=str(file),
            products=PRODUCTS,
            environment=self.environment,
            folder=folder,
        )
        assert not parsed.problems, parsed.problems
        return parsed.clusters[0]

    def close(self) -> None:
        """Take every cluster down, and say what is left of them."""
        left: dict[str, list[str]] = {}
        for folder, cluster in self.made.items():
            operations.down(cluster, say=_quiet)
            if still := leftovers(cluster):
                left[folder.name] = still
        with self.asker:
            assert not left, f"after down there is left: {left}"


def _quiet(_: str) -> None:
    """Say nothing."""


def bring_up(
    cluster: LocalCluster, *, say: Callable[[str], None] = _quiet, timeout_s: float = UP_S
) -> operations.Outcome:
    """Bring a cluster up; it must come up whole."""
    outcome = operations.up(cluster, say=say, timeout_s=timeout_s)
    assert outcome.done, [str(problem) for problem in outcome.verdict.problems]
    return outcome


def take_down(cluster: LocalCluster) -> None:
    """Take a cluster down; nothing of it may be left."""
    operations.down(cluster, say=_quiet)
    assert leftovers(cluster) == []


def leftovers(cluster: LocalCluster) -> list[str]:
    """List the processes and listeners of a cluster, by whatever they can be told from."""
    return [*_processes(cluster.home.root), *_listeners(cluster)]


def _processes(root: Path) -> Iterator[str]:
    mark = f"{processes.HOME_VARIABLE}={root}"
    for process in psutil.process_iter():
        try:
            named = process.environ().get(processes.HOME_VARIABLE) == str(root)
            words, folder = process.cmdline(), process.cwd()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if process.pid == psutil.Process().pid:
            continue
        if (
            named
            or mark in words
            or folder.startswith(f"{root}/")
            or any(f"{root}/" in word for word in words)
        ):
            yield f"process {process.pid}: {' '.join(words)}"


def _listeners(cluster: LocalCluster) -> Iterator[str]:
    network = f"{network_of(str(read_map(cluster.home.identity).get('uuid', '')))}."
    spec = cluster.spec
    for one in psutil.net_connections("inet"):
        address = cast("tuple[str, int]", one.laddr)
        if one.status not in (psutil.CONN_LISTEN, psutil.CONN_NONE) or not address:
            continue
        gateway = address[0] == spec.gateway_address and address[1] in spec.gateway_ports.values()
        if gateway or address[0].startswith(network):
            yield f"listener {address[0]}:{address[1]} of process {one.pid}"


@dataclass(frozen=True)
class Birth:
    """What tells one process from every other."""

    pid: int
    started: int


def births(cluster: LocalCluster) -> dict[str, Birth]:
    """Return each unit's process, and the gateway's and the supervisor's."""
    running = processes.running(cluster.home.root)
    return {unit: Birth(one.pid, one.started) for unit, one in running.items()}


def written_files(cluster: LocalCluster) -> dict[str, int]:
    """Return when each file of ours was last written: all but logs and what the processes themselves keep."""
    root = cluster.home.root
    theirs = (cluster.home.log, cluster.home.store, cluster.home.pebble)
    return {
        str(path.relative_to(root)): path.stat().st_mtime_ns
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and not any(path == one or one in path.parents for one in theirs)
        and ("data" not in path.relative_to(root).parts or path.name == "runtime.yaml")
        and not path.parent.name.endswith("_temp")
    }


def nginx_workers(cluster: LocalCluster) -> set[int]:
    """Return the gateway's own workers: a reload makes new ones."""
    master = processes.running(cluster.home.root)["gateway"].pid
    return {child.pid for child in psutil.Process(master).children()}


def kill(cluster: LocalCluster, unit: str) -> None:
    """End a unit's process with SIGKILL, or the supervisor's or the gateway's."""
    birth = births(cluster)[unit]
    psutil.Process(birth.pid).kill()
    until(lambda: births(cluster).get(unit) != birth, 20, f"{unit} to be gone")
