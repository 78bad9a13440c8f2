"""Find out before anything is started what would keep it from working: ports, disk, object store."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

from rolecall.core import versions
from rolecall.core.coordinator import Decision
from rolecall.core.model import S3, Problem
from rolecall.local import probe, processes, stored
from rolecall.local.cluster import LocalCluster
from rolecall.local.supervisor import GATEWAY

LEAST_FREE_BYTES = 2**30
REFUSALS = frozenset({"config-refused", "line-refused"})
"""Problems by which what was asked for isn't so, although everything goes on."""


def examine(cluster: LocalCluster, *, least_free_bytes: int = LEAST_FREE_BYTES) -> tuple[Problem, ...]:
    """List everything on this machine that stands in the way, all at once."""
    return (
        *_ports(cluster),
        *_disk(cluster.home.root, least_free_bytes),
        *examine_build(cluster),
    )


def keeps_on(cluster: LocalCluster, decision: Decision) -> bool:
    """Whether units go on with the very config, keys and executable that they have.

    Not if one is to go: it would hand over to a store that isn't there, and be waited for in vain.
    """
    had, wanted = cluster.document(), decision.desired.document
    return (
        had is not None
        and not any(place.leaving for place in cluster.places())
        and wanted is not None
        and not decision.desired.candidate
        and (wanted.config, wanted.secret) == (had.config, had.secret)
        and not cluster.outdated()
    )


def examine_build(cluster: LocalCluster) -> tuple[Problem, ...]:
    """Judge an executable that units would restart into, before the first one does."""
    product, build = cluster.spec.product, cluster.build
    document = cluster.document()
    if document is None or not build.mark:
        return ()
    had = versions.newest(report.release for report in cluster.told().values())
    wanted = product.line(cluster.spec.settings.text("line"))
    if why := versions.refusal(product, wanted, had, build.release):
        text, _, remedy = why.partition("; ")
        return (_refused_build(cluster, text, remedy),)
    if not cluster.outdated():
        return ()
    return tuple(
        _refused_build(cluster, problem.text, problem.remedy)
        for problem in cluster.tried().problems
        if problem.code in REFUSALS
    )


def _refused_build(cluster: LocalCluster, text: str, remedy: str) -> Problem:
    return Problem(
        code="binary-refused",
        text=text,
        remedy=f"{remedy}; nothing was restarted",
        facts=(("binary", str(cluster.tools.product)), ("release", cluster.build.release)),
    )


def _ports(cluster: LocalCluster) -> Iterable[Problem]:
    running = processes.running(cluster.home.root)
    product = cluster.spec.product
    own = _listening(running[GATEWAY].pid) if GATEWAY in running else frozenset[tuple[str, int]]()
    for listener in product.opened(cluster.spec.settings):
        port = cluster.spec.gateway_ports[listener.name]
        if (cluster.spec.gateway_address, port) not in own:
            yield from _taken(cluster.spec.gateway_address, port, "the gateway", cluster.spec.name)
    for place in cluster.places():
        if place.unit in running or place.leaving:
            continue
        for port in product.ports:
            yield from _taken(place.address, port.number, f"unit {place.unit}", cluster.spec.name)


def _listening(pid: int) -> frozenset[tuple[str, int]]:
    """List where a process listens."""
    import psutil

    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return frozenset()
    return frozenset(
        (one.laddr.ip, one.laddr.port)
        for one in connections
        if one.status == psutil.CONN_LISTEN and one.laddr
    )


def _taken(address: str, port: int, who: str, cluster: str) -> Iterable[Problem]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as trial:
        # As the servers do: an address whose last connections are still closing is not taken.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError as error:
            holder = _holder(address, port)
            yield Problem(
                code="port-taken",
                text=f"cannot start {who}: {address}:{port} can't be listened on: "
                + (f"{holder} holds the port" if holder else str(error.strerror or error).lower()),
                remedy=f"stop it, or set clusters.{cluster}.gateway.port to another"
                if who == "the gateway"
                else "stop what listens there",
                facts=(("address", address), ("port", str(port)), ("holder", holder)),
            )


def _holder(address: str, port: int) -> str:
    import psutil

    # Whoever has all addresses has this one; others have the same port on addresses of their own.
    places = {(one, port) for one in (address, "0.0.0.0", "::")}  # noqa: S104
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr) in places:
            if connection.pid is None:
                return "another user's process"
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.NoSuchProcess:
                return ""
    return ""


def _disk(root: Path, least: int) -> Iterable[Problem]:
    existing = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < least:
        yield Problem(
            code="disk-full",
            text=f"cannot keep data in {root}: {free // 2**20} MiB are free, {least // 2**20} MiB are needed",
            remedy="free some space, or move rolecall.yaml to a larger disk",
            facts=(("free-bytes", str(free)),),
        )


def examine_store(cluster: LocalCluster) -> tuple[Problem, ...]:
    """Try the object store with the very settings that the workers get."""
    store, credentials = cluster.spec.store, cluster.spec.credentials
    if not isinstance(store, S3) or credentials is None:
        return ()
    result = probe.probe(stored.bucket(store, credentials), create_bucket=cluster.spec.create_bucket)
    if result.ok:
        return ()
    return (
        Problem(
            code="object-store",
            text=probe.message(result).rpartition("; ")[0],
            remedy=result.remedy,
            facts=(
                ("verb", result.verb),
                ("bucket", result.bucket),
                ("endpoint", result.endpoint),
                ("cause", str(result.cause or "")),
            ),
        ),
    )
