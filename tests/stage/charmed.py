"""A product's cluster as charms, driven through jubilant, on the stage or on a real Juju.

Nothing here knows a product: what is written and read back is the product's own check.
"""

from __future__ import annotations

import http.client
import os
import ssl
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
from rolecall.core.rings import members_of
from rolecall.core.routes import Call
from stage.charm import read

CHARMS = Path(__file__).resolve().parents[2] / "charms"
PACKED = os.environ.get("ROLECALL_CHARMS", "")
"""Folder with the packed charms to deploy; empty: as they are here. A real Juju needs packed ones."""
COORDINATOR, STORE, AUTHORITY = "coordinator", "store", "authority"
ACTION_S = 240
"""How long an action may wait for what its unit does already, and take."""
_ACTIVE_S = 300
_REQUEST_S = 15
_STORE_CHANNEL = "2/edge"
"""Of the real integrator: the one that takes its keys as a secret. The stage's own has no channels."""
_TAKEN_S = 30
_READ_S = 90


Workers = tuple[str, tuple[str, ...], int]
"""Name, roles and number of units of a worker application."""


@dataclass(frozen=True)
class Birth:
    """One process of a workload: a restart is another one."""

    pid: int
    """0 on a real Juju."""
    started: str


@dataclass(frozen=True)
class Charmed:
    """One cluster."""

    site: Site
    product: Product
    planted: set[str] = field(default_factory=set[str])
    """The keys of the object store that were ever used, to be looked for."""

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
        solo: bool = False,
    ) -> None:
        """Deploy a coordinator, workers given as (name, roles, units), and the object store."""
        self.planted.update((store["access-key"], store["secret-key"]))
        # With `admin` the coordinator keeps a password.
        self._deploy("coordinator", COORDINATOR, coordinators, {"admin": True, "solo": solo})
        address = {name: store[name] for name in ("endpoint", "bucket", "region")}
        secret = self.juju.add_secret(STORE, _keys(store["access-key"], store["secret-key"]))
        self.juju.deploy("s3-integrator", STORE, config=address, channel=_STORE_CHANNEL)
        self.juju.grant_secret(STORE, STORE)
        self.juju.config(STORE, {"credentials": secret})
        for worker in workers:
            self.deploy_worker(*worker)
        self.juju.integrate(f"{COORDINATOR}:s3", f"{STORE}:s3-credentials")

    def deploy_worker(self, name: str, roles: tuple[str, ...], units: int) -> None:
        """Deploy a worker application and integrate it."""
        self._deploy("worker", name, units, {f"role-{role}": True for role in roles})
        self.juju.integrate(f"{COORDINATOR}:{self.endpoint}", f"{name}:{self.endpoint}")

    def _deploy(self, kind: str, name: str, units: int, options: Mapping[str, bool]) -> None:
        charm = CHARMS / self.product.name / kind
        metadata = read(charm)
        if PACKED:
            (charm,) = Path(PACKED).resolve().glob(f"{metadata.name}_*.charm")
        # A stage has rocks of its own for them.
        images = {key: str(one["upstream-source"]) for key, one in metadata.resources.items()}
        self.juju.deploy(
            charm,
            name,
            num_units=units,
            config=dict(options),
            trust=True,
            resources=images if self.site.real else None,
        )

    def rotate(self, access: str, secret: str) -> None:
        """Give the object store's integrator other keys."""
        self.planted.update((access, secret))
        self.juju.update_secret(STORE, _keys(access, secret))

    def await_active(self, limit_s: float = _ACTIVE_S) -> None:
        """Wait until every unit is active, says so with no warning of a rollout, and has nothing to do."""
        until(self._at_rest, limit_s, "every unit to be active and idle", seen=self._statuses)

    def _at_rest(self) -> bool:
        # A unit's agent that hasn't begun with what it is to do says that it is idle, too.
        idle, status = self.site.is_idle(), self.juju.status()
        return idle and jubilant.all_active(status) and jubilant.all_agents_idle(status)

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

    def address(self, unit: str) -> str:
        """Return where a unit is."""
        return self.juju.status().apps[unit.partition("/")[0]].units[unit].address

    def leader(self) -> str:
        """Name the coordinator's leader."""
        units = self.juju.status().apps[COORDINATOR].units
        return next(name for name, unit in units.items() if unit.leader)

    def served(self, gateway: str, *, scheme: str = "http") -> str:
        """Return what a gateway says of itself: its config's digest and the units it sends to."""
        call = Call(method="GET", path="/gateway")
        answers: list[tuple[int, str]] = []

        def answered() -> bool:
            answers.append(self.request(gateway, call, scheme=scheme))
            return answers[-1][0] == 200

        until(answered, _TAKEN_S, f"the gateway at {gateway} to tell of itself", seen=lambda: answers[-1])
        return answers[-1][1]

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
        except (OSError, http.client.HTTPException) as error:
            return 0, f"{type(error).__name__}: {error}"

    def ring(self, unit: str) -> dict[str, str]:
        """Return the members of the first ring that a unit has a page of, to their states."""
        path, port = self.product.rings[0].path, self.product.port("http")
        request = urllib.request.Request(
            f"http://{self.address(unit)}:{port}{path}", headers={"Accept": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=_REQUEST_S) as answer:  # noqa: S310
            return members_of(answer.read().decode())

    def check(self, marker: str, *, write: str, read: str, scheme: str = "http") -> None:
        """Write through one gateway and read it back through another."""
        plan = self.product.check(marker, time.time_ns())
        answers: list[tuple[int, str]] = []

        def taken() -> bool:
            answers.append(self.request(write, plan.write, scheme=scheme))
            return 200 <= answers[-1][0] < 300

        def read_back() -> bool:
            answers.append(self.request(read, plan.read, scheme=scheme))
            return answers[-1][0] == 200 and plan.expect in answers[-1][1]

        until(taken, _TAKEN_S, f"{marker} to be taken", seen=lambda: answers[-1])
        until(read_back, _READ_S, f"{marker} to be read back", seen=lambda: answers[-1])

    def starts(self) -> dict[str, int]:
        """Count how often each worker's process was started, by its container's Pebble. On the stage only."""
        self.site.need_stage("the logs of containers' Pebbles")
        name = self.product.charm.container if self.product.charm else ""
        logs = self.site.home.glob(f"models/*/units/*/pod/containers/{name}/log")
        found = {log.parts[-5]: log.read_text().count(f'Service "{name}" starting') for log in logs}
        return {unit: count for unit, count in found.items() if not unit.startswith(COORDINATOR)}

    def lose(self, unit: str) -> None:
        """Lose a unit's pod with all its processes; another comes when `give_back` is called. Stage only."""
        self.site.need_stage("juju stage lose-pod --away")
        self.juju.cli("stage", "lose-pod", unit, "--away")

    def give_back(self, unit: str) -> None:
        """Give a unit another pod, with the storage that it had. On the stage only."""
        self.juju.cli("stage", "return-pod", unit)

    def abandon(self, app: str) -> None:
        """Remove an application's unit with the highest number, whose pod is lost: nothing hands over."""
        self.juju.remove_unit(app, num_units=1, force=True)

    def storage(self, unit: str) -> Path:
        """Return the folder on this machine of a unit's storage. On the stage only."""
        app, _, number = unit.partition("/")
        (folder,) = self.site.home.glob(f"models/*/storage/{app}-*-{number}")
        return folder

    def births(self) -> dict[str, Birth]:
        """Map each worker unit of this cluster to its workload's process."""
        if self.site.real:
            return self._real_births()
        found: dict[str, Birth] = {}
        home = str(self.site.home)
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                marks = _marks(folder)
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                ours = "ROLECALL_IDENTITY" in marks and home in (folder / "mountinfo").read_text()
            except OSError:
                # It has ended meanwhile, or is the machine's own.
                continue
            if ours and stat[0] != "Z":
                found[marks["ROLECALL_UNIT"]] = Birth(pid=int(folder.name), started=stat[19])
        return found

    def _real_births(self) -> dict[str, Birth]:
        """Ask each worker's Pebble since when its service runs."""
        container = self.product.charm.container if self.product.charm else ""
        apps = self.juju.status().apps
        units = [
            unit for app in apps if app not in (COORDINATOR, STORE, AUTHORITY) for unit in apps[app].units
        ]
        question = ("/charm/bin/pebble", "services", "--abs-time", container)
        said = {unit: self.juju.ssh(unit, *question, container=container).split() for unit in units}
        return {
            unit.replace("/", "-"): Birth(pid=0, started=words[-1])
            for unit, words in said.items()
            if "active" in words
        }


def _keys(access: str, secret: str) -> dict[str, str]:
    return {"access-key": access, "secret-key": secret}


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
