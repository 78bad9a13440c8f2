"""What a person can ask of a cluster on this machine: up, down, status, restart, check."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rolecall.core import changes
from rolecall.core.model import Phase, Problem, Severity, Verdict, verdict_of
from rolecall.core.product import Call
from rolecall.local import home as disk
from rolecall.local import logs, preflight, processes
from rolecall.local.cluster import Cycle, LocalCluster
from rolecall.local.front import GatewayError
from rolecall.local.supervisor import GATEWAY

Say = Callable[[str], None]

_PAUSE_S = 0.2
_LONGEST_KILL_S = 330.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an operation ended."""

    verdict: Verdict
    done: bool
    """Whether everything that was asked for is so."""
    seconds: float = 0.0


def up(
    cluster: LocalCluster,
    *,
    say: Say,
    timeout_s: float = 300.0,
    least_free_bytes: int = preflight.LEAST_FREE_BYTES,
) -> Outcome:
    """Bring a cluster to what its file says; can be interrupted at any moment and called again."""
    began = time.monotonic()
    with disk.exclusive(cluster.home.root):
        decision = cluster.observe()
        blocking = [*preflight.examine(cluster, least_free_bytes=least_free_bytes)]
        blocking += [problem for problem in decision.verdict.problems if problem.severity is Severity.BLOCKED]
        if blocking:
            return Outcome(verdict=verdict_of(tuple(blocking)), done=False)
        cluster.supervisor.ensure()
        last = _converge(cluster, say, timeout_s)
    problems = last.decision.verdict.problems
    if not last.settled:
        problems = (*problems, *_late(cluster, last, timeout_s))
    refused = any(problem.code == "config-refused" for problem in problems)
    return Outcome(
        verdict=verdict_of(problems),
        done=last.settled and not refused,
        seconds=time.monotonic() - began,
    )


def _converge(cluster: LocalCluster, say: Say, timeout_s: float) -> Cycle:
    """Run cycles until nothing is left to do, nothing can be done, or time is up."""
    end = time.monotonic() + timeout_s
    told = _Told(say=say)
    while True:
        try:
            cycle = cluster.cycle()
        except GatewayError as error:
            raise Failed("gateway-refused", str(error), f"look at {cluster.home.gateway}") from error
        told.tell(cycle)
        blocked = any(p.severity is Severity.BLOCKED for p in cycle.decision.verdict.problems)
        if cycle.settled or time.monotonic() > end or (blocked and not cycle.actions):
            return cycle
        if not cycle.actions:
            time.sleep(_PAUSE_S)


@dataclass(slots=True)
class _Told:
    """Progress that says each thing once."""

    say: Say
    ready: set[str] = field(default_factory=set[str])
    held: set[str] = field(default_factory=set[str])
    waited: float = field(default_factory=time.monotonic)

    def tell(self, cycle: Cycle) -> None:
        """Say what is new in a cycle, and every few seconds what is waited for."""
        for action in cycle.actions:
            if isinstance(action, changes.StartProcess | changes.RestartProcess | changes.StopProcess):
                self._say(changes.describe(action))
            elif isinstance(action, changes.VerifyConfig):
                self._say("verify the config with the binary")
        units = {unit.id: unit for unit in cycle.decision.cluster.units}
        for name in sorted(set(cycle.decision.rollout.held) - self.held):
            self._say(f"{name} leaves the gateway")
        self.held = set(cycle.decision.rollout.held)
        now_ready = {name for name, unit in units.items() if unit.ready}
        for name in sorted(now_ready - self.ready):
            self._say(f"{name} is ready at {units[name].address}")
        self.ready = now_ready
        if time.monotonic() - self.waited > 5:
            waiting = [f"{n} ({u.report.problem or 'starting'})" for n, u in units.items() if not u.ready]
            if waiting:
                self._say(f"waiting for {', '.join(waiting)}")

    def _say(self, text: str) -> None:
        self.waited = time.monotonic()
        self.say(text)


def _late(cluster: LocalCluster, cycle: Cycle, timeout_s: float) -> tuple[Problem, ...]:
    late = [unit.id for unit in cycle.decision.cluster.units if not unit.ready]
    if not late:
        return ()
    said = {unit: logs.last_error(cluster.home.log, unit) for unit in late}
    return tuple(
        Problem(
            code="not-ready-in-time",
            text=f"cannot call {unit} ready: it wasn't within {timeout_s:g} s"
            + (f"; its log says: {text}" if text else ""),
            remedy=f"see rolecall logs {unit}, and call up again",
            facts=(("unit", unit),),
        )
        for unit, text in said.items()
    )


class Failed(Exception):  # noqa: N818 - an outcome for a person, raised where nothing else can go on
    """An operation that couldn't go on, with its problem."""

    def __init__(self, code: str, text: str, remedy: str) -> None:
        """Build it from what a person is told."""
        super().__init__(f"{text}; {remedy}")
        self.problem = Problem(code=code, text=text, remedy=remedy)


def down(cluster: LocalCluster, *, say: Say, purge: bool = False) -> int:
    """Stop every process of a cluster; with `purge` remove all its data too. Return how many ran."""
    with disk.exclusive(cluster.home.root):
        running = [
            unit for unit in processes.running(cluster.home.root) if unit not in ("supervisor", GATEWAY)
        ]
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
        last = _converge(cluster, say, timeout_s)
    return Outcome(verdict=last.decision.verdict, done=last.settled, seconds=time.monotonic() - began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check through the gateway found."""

    ok: bool
    text: str
    write_ms: float = 0.0
    read_ms: float = 0.0


def check(cluster: LocalCluster, *, timeout_s: float = 30.0) -> Checked:
    """Write through the gateway and read it back, as a client does."""
    product = cluster.spec.product
    marker = secrets.token_hex(8)
    plan = product.check(marker, time.time_ns())
    began = time.monotonic()
    status, text = _request(cluster, plan.write, timeout_s)
    if not 200 <= status < 300:
        return Checked(ok=False, text=f"cannot write: {_said(status, text)}")
    written = time.monotonic()
    end = written + timeout_s
    while time.monotonic() < end:
        status, text = _request(cluster, plan.read, timeout_s)
        if status == 200 and plan.expect in text:
            return Checked(
                ok=True,
                text=f"wrote and read back {marker}",
                write_ms=(written - began) * 1000,
                read_ms=(time.monotonic() - written) * 1000,
            )
        time.sleep(_PAUSE_S)
    return Checked(
        ok=False, text=f"cannot read back what was written {timeout_s:g} s ago: {_said(status, text)}"
    )


def _said(status: int, text: str) -> str:
    return f"the gateway answered {status}: {text.strip()[:200]}" if status else f"nobody answered ({text})"


def _request(cluster: LocalCluster, call: Call, timeout_s: float) -> tuple[int, str]:
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
        return 0, type(error).__name__
    return answer.status_code, answer.text


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
            problem=reports[place.unit].report.problem if place.unit in reports else "",
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
        rings=cluster.rings([unit for unit in decision.cluster.units if unit.ready]),
    )


def _phase(runs: bool, phase: Phase | None) -> str:
    return phase.value if runs and phase else "stopped"
