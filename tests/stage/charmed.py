"""A product's cluster as charms, driven through jubilant, on the stage or on a real Juju.

Nothing here knows a product: what is written and read back is the product's own check.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jubilant
from patience import until
from stage_site import Site

from rolecall.core.product import Product
from rolecall.core.routes import Call

CHARMS = Path(__file__).resolve().parents[2] / "charms"
COORDINATOR, STORE, AUTHORITY = "coordinator", "store", "authority"
_ACTIVE_S = 240
_REQUEST_S = 15
_READ_S = 90


Workers = tuple[str, tuple[str, ...], int]
"""Name, roles and number of units of a worker application."""


@dataclass(frozen=True)
class Birth:
    """One process of a workload: a restart is another one."""

    pid: int
    started: int


@dataclass(frozen=True)
class Charmed:
    """One cluster."""

    site: Site
    product: Product

    @property
    def juju(self) -> jubilant.Juju:
        """The command."""
        return self.site.juju

    @property
    def endpoint(self) -> str:
        """The endpoint of coordinator and workers for each other."""
        return f"{self.product.name}-cluster"

    def deploy(
        self,
        workers: Iterable[tuple[str, tuple[str, ...], int]],
        *,
        coordinators: int,
        store: Mapping[str, str],
    ) -> None:
        """Deploy a coordinator, workers given as (name, roles, units), and the object store."""
        folder = CHARMS / self.product.name
        self.juju.deploy(folder / "coordinator", COORDINATOR, num_units=coordinators, trust=True)
        self.juju.deploy("s3-integrator", STORE, config=dict(store))
        for worker in workers:
            self.deploy_worker(*worker)
        self.juju.integrate(f"{COORDINATOR}:s3", f"{STORE}:s3-credentials")

    def deploy_worker(self, name: str, roles: tuple[str, ...], units: int) -> None:
        """Deploy a worker application and integrate it."""
        options = {f"role-{role}": True for role in roles}
        folder = CHARMS / self.product.name / "worker"
        self.juju.deploy(folder, name, num_units=units, config=options, trust=True)
        self.juju.integrate(f"{COORDINATOR}:{self.endpoint}", f"{name}:{self.endpoint}")

    def await_active(self, limit_s: float = _ACTIVE_S) -> None:
        """Wait until every unit is active, says so with no warning of a rollout, and has nothing to do."""
        until(self._at_rest, limit_s, "every unit to be active and idle", seen=self._statuses)

    def _at_rest(self) -> bool:
        status = self.juju.status()
        return jubilant.all_active(status) and jubilant.all_agents_idle(status)

    def _statuses(self) -> dict[str, str]:
        apps = self.juju.status().apps.values()
        return {
            name: f"{unit.workload_status.current}/{unit.juju_status.current}: {unit.workload_status.message}"
            for app in apps
            for name, unit in app.units.items()
        }

    def message(self, unit: str) -> tuple[str, str]:
        """Return a unit's status and its text."""
        found = self.juju.status().apps[unit.partition("/")[0]].units[unit].workload_status
        return found.current, found.message

    def gateways(self) -> tuple[str, ...]:
        """List the addresses of the coordinator's units."""
        units = self.juju.status().apps[COORDINATOR].units.values()
        return tuple(sorted(unit.address for unit in units))

    def leader(self) -> str:
        """Name the coordinator's leader."""
        units = self.juju.status().apps[COORDINATOR].units
        return next(name for name, unit in units.items() if unit.leader)

    def served(self, gateway: str, *, scheme: str = "http") -> str:
        """Return what a gateway says of itself: its config's digest and the units it sends to."""
        call = Call(method="GET", path="/gateway")
        return self.request(gateway, call, scheme=scheme)[1]

    def request(self, gateway: str, call: Call, *, scheme: str = "http") -> tuple[int, str]:
        """Make one request, over a connection of its own; return status and text, 0 for no answer."""
        named = {one.name: one.number for one in self.product.listeners}
        port = named[call.listener] if call.listener else self.product.listeners[0].number
        request = urllib.request.Request(  # noqa: S310 - a gateway of ours
            f"{scheme}://{gateway}:{port}{call.path}", data=call.body or None, method=call.method
        )
        for name, value in call.headers:
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(  # noqa: S310
                request, timeout=_REQUEST_S, context=_TRUSTING
            ) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")
        except OSError as error:
            return 0, str(error)

    def check(self, marker: str, *, write: str, read: str, scheme: str = "http") -> None:
        """Write through one gateway and read it back through another."""
        plan = self.product.check(marker, time.time_ns())
        status, text = self.request(write, plan.write, scheme=scheme)
        assert 200 <= status < 300, (status, text)
        answers: list[tuple[int, str]] = []

        def read_back() -> bool:
            answers.append(self.request(read, plan.read, scheme=scheme))
            return answers[-1][0] == 200 and plan.expect in answers[-1][1]

        until(read_back, _READ_S, f"{marker} to be read back", seen=lambda: answers[-1])

    def starts(self) -> dict[str, int]:
        """Count how often each worker's process was started, by its container's Pebble. On the stage only."""
        name = self.product.charm.container if self.product.charm else ""
        logs = self.site.home.glob(f"models/*/units/*/pod/containers/{name}/log")
        found = {log.parts[-5]: log.read_text().count(f'Service "{name}" starting') for log in logs}
        return {unit: count for unit, count in found.items() if not unit.startswith(COORDINATOR)}

    def end(self) -> None:
        """Take everything down, so that the next cluster has the machine to itself."""
        self.juju.cli("stage", "down", include_model=False)

    def births(self) -> dict[str, Birth]:
        """Map each worker unit of this cluster to its workload's process."""
        found: dict[str, Birth] = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                marks = _marks(folder)
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                # It has ended meanwhile, or is the machine's own.
                continue
            unit, identity = marks.get("ROLECALL_UNIT", ""), marks.get("ROLECALL_IDENTITY", "")
            # On the local host such a process knows its cluster's home as well.
            if unit and identity and "ROLECALL_HOME" not in marks and stat[0] != "Z":
                found[unit] = Birth(pid=int(folder.name), started=int(stat[19]))
        return found


def _marks(folder: Path) -> dict[str, str]:
    parts = (folder / "environ").read_bytes().split(b"\0")
    pairs = (part.decode(errors="replace").partition("=") for part in parts if part.startswith(b"ROLECALL_"))
    return {name: value for name, _, value in pairs}


def _trusting() -> ssl.SSLContext:
    """Trust any certificate: which one is served is looked at apart."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_TRUSTING = _trusting()


@dataclass
class Writer:
    """Writes through the gateways in turn, all the time, and keeps what was acknowledged and what failed."""

    cluster: Charmed
    name: str
    scheme: str = "http"
    acknowledged: dict[str, Call] = field(default_factory=dict[str, Call])
    """Marker to the request that reads it back."""
    expected: dict[str, str] = field(default_factory=dict[str, str])
    failed: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Writer:
        self._gateways = self.cluster.gateways()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(2 * _REQUEST_S)

    def _write(self) -> None:
        number = 0
        while not self._ended.wait(0.1):
            number += 1
            marker = f"{self.name}{number:05d}{os.urandom(3).hex()}"
            plan = self.cluster.product.check(marker, time.time_ns())
            gateway = self._gateways[number % len(self._gateways)]
            status, text = self.cluster.request(gateway, plan.write, scheme=self.scheme)
            if 200 <= status < 300:
                self.acknowledged[marker] = plan.read
                self.expected[marker] = plan.expect
            else:
                self.failed.append(f"{marker} by {gateway}: {status} {text[:200]}")

    def lost(self, gateway: str) -> list[str]:
        """List what was acknowledged and can't be read back now."""
        missing = list(self.acknowledged)

        def all_read() -> bool:
            missing[:] = [marker for marker in missing if not self._reads(gateway, marker)]
            return not missing

        try:
            until(all_read, _READ_S, "every acknowledged write to be read back")
        except AssertionError:
            return missing
        return []

    def _reads(self, gateway: str, marker: str) -> bool:
        status, text = self.cluster.request(gateway, self.acknowledged[marker], scheme=self.scheme)
        return status == 200 and self.expected[marker] in text
