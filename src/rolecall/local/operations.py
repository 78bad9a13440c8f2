"""What a person can ask of a cluster on this machine: up, down, status, restart, check."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from rolecall import roundtrip
from rolecall.core.model import Phase, Report, Verdict
from rolecall.core.routes import Answer, Call
from rolecall.core.telemetry import AGENTS
from rolecall.local import farewell, preflight, processes
from rolecall.local import home as disk
from rolecall.local.cluster import LocalCluster
from rolecall.local.convergence import Course, Outcome, Say, Told, converge
from rolecall.local.supervisor import GATEWAY
from rolecall.roundtrip import Checked

_LONGEST_KILL_S = 330.0


def up(
    cluster: LocalCluster,
    *,
    say: Say,
    timeout_s: float = 300.0,
    least_free_bytes: int = preflight.LEAST_FREE_BYTES,
) -> Outcome:
    """Bring a cluster to what its file says; can be interrupted at any moment and called again."""
    (outcome,) = up_all(((cluster, say),), timeout_s=timeout_s, least_free_bytes=least_free_bytes)
    return outcome


def up_all(
    clusters: Sequence[tuple[LocalCluster, Say]],
    *,
    timeout_s: float = 300.0,
    least_free_bytes: int = preflight.LEAST_FREE_BYTES,
    forced: bool = False,
) -> tuple[Outcome, ...]:
    """Bring several clusters up at once, each with what is told its progress: one waits while another works.

    What keeps one of them from coming up keeps no other. With `forced`, units that are to go don't wait until
    what they hold can be read without them.
    """
    began = time.monotonic()
    with ExitStack() as locks:
        for cluster, _ in clusters:
            locks.enter_context(disk.exclusive(cluster.home.root))
        for cluster, _ in clusters if forced else ():
            for unit in leavers(cluster):
                farewell.force(cluster.home, unit)
        courses = [Course(cluster=cluster, told=Told(say=say)) for cluster, say in clusters]
        for course in courses:
            course.prepare(least_free_bytes)
        converge([course for course in courses if not course.blocking], timeout_s)
    return tuple(course.outcome(began, timeout_s) for course in courses)


def leavers(cluster: LocalCluster) -> tuple[str, ...]:
    """List the units that are to go."""
    return tuple(place.unit for place in cluster.places() if place.leaving)


def down(cluster: LocalCluster, *, say: Say, purge: bool = False) -> int:
    """Stop every process of a cluster; with `purge` remove all its data too. Return how many ran."""
    with disk.exclusive(cluster.home.root):
        others = ("supervisor", GATEWAY, *AGENTS)
        running = [unit for unit in processes.running(cluster.home.root) if unit not in others]
        if running:
            say(f"stopping {', '.join(sorted(running))}")
        cluster.supervisor.shut_down(timeout_s=_LONGEST_KILL_S)
        cluster.home.serving.unlink(missing_ok=True)
        for unit in cluster.home.known_units():
            _silence(cluster, unit)
    if purge:
        shutil.rmtree(cluster.home.root, ignore_errors=False)
    return len(running)


def _silence(cluster: LocalCluster, unit: str) -> None:
    """Forget how a stopped unit was: its process is gone, its place and data stay."""
    (cluster.home.unit(unit) / "process.json").unlink(missing_ok=True)


def restart(cluster: LocalCluster, units: tuple[str, ...], *, say: Say, timeout_s: float = 300.0) -> Outcome:
    """Restart units one after the other, each out of the gateway first."""
    began = time.monotonic()
    with disk.exclusive(cluster.home.root):
        for unit in units:
            say(f"restart {unit}")
            cluster.request_restart(unit)
        course = Course(cluster=cluster, told=Told(say=say))
        converge([course], timeout_s)
    return course.outcome(began, timeout_s)


def check(cluster: LocalCluster, *, timeout_s: float = 30.0) -> Checked:
    """Write through the gateway and read it back, as a client does."""

    def ask(call: Call) -> Answer:
        return _request(cluster, call, timeout_s)

    return roundtrip.check(cluster.spec.product, ask, time.sleep, timeout_s)


def _request(cluster: LocalCluster, call: Call, timeout_s: float) -> Answer:
    import httpx2

    product = cluster.spec.product
    listener = call.listener or product.listeners[0].name
    url = f"http://{cluster.spec.gateway_address}:{cluster.spec.gateway_ports[listener]}{call.path}"
    headers = dict(call.headers)
    if cluster.spec.settings.flag("multi-tenant"):
        headers["X-Scope-OrgID"] = "rolecall-check"
    try:
        with httpx2.Client(trust_env=False, timeout=timeout_s) as client:
            answer = client.request(call.method, url, headers=headers, content=call.body or None)
    except httpx2.HTTPError as error:
        return Answer(0, type(error).__name__)
    return Answer(answer.status_code, answer.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStatus:
    """One unit for a person."""

    unit: str
    group: str
    roles: tuple[str, ...]
    address: str
    phase: str
    ready: bool
    pid: int
    started: int
    """Kernel clock ticks since boot at which its process started."""
    in_gateway: bool
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One cluster for a person or a program."""

    cluster: str
    product: str
    line: str
    url: str
    running: bool
    verdict: Verdict
    units: tuple[UnitStatus, ...]
    gateway_running: bool
    remaining: tuple[str, ...]
    replication_factor: int
    store: str
    rings: dict[str, dict[str, str]]
    """Ring page to its members and their states, as one ready unit sees them."""


def status(cluster: LocalCluster) -> Status:
    """Look at a cluster and change nothing."""
    decision, places = cluster.observe(), cluster.places()
    running = processes.running(cluster.home.root)
    reports = {unit.id: unit for unit in decision.cluster.units}
    serving = frozenset(disk.read_list(cluster.home.serving))
    units = tuple(
        UnitStatus(
            unit=place.unit,
            group=place.group,
            roles=place.roles,
            address=place.address,
            phase=_phase(
                place.unit in running, reports[place.unit].report.phase if place.unit in reports else None
            ),
            ready=place.unit in reports and reports[place.unit].ready,
            pid=running[place.unit].pid if place.unit in running else 0,
            started=running[place.unit].started if place.unit in running else 0,
            in_gateway=place.unit in serving and GATEWAY in running,
            problem=_trouble(reports[place.unit].report) if place.unit in reports else "",
        )
        for place in places
    )
    document = cluster.document()
    return Status(
        cluster=cluster.spec.name,
        product=cluster.spec.product.name,
        line=cluster.spec.product.line(cluster.spec.settings.text("line")).name,
        url=cluster.url,
        running=bool(running),
        verdict=decision.verdict,
        units=units,
        gateway_running=GATEWAY in running,
        remaining=decision.rollout.remaining,
        replication_factor=document.choices.replication_factor if document else 0,
        store=cluster.store_text(),
        rings={
            page.ring.path: dict(page.members)
            for page in cluster.rings.pages(
                (unit.roles, unit.address) for unit in decision.cluster.units if unit.ready
            )
        },
    )


def _trouble(report: Report) -> str:
    """Say why a unit isn't ready, or what keeps one that is to go."""
    return report.handover or report.problem


def _phase(runs: bool, phase: Phase | None) -> str:
    return phase.value if runs and phase else "stopped"
