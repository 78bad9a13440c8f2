"""A fake world around the charms of one cluster: processes that become ready, nginx, and the network.

It also watches: what may never happen, even for a moment, is kept in `violations` as it happens, because
afterwards nothing shows it.
"""

# ruff: noqa: ARG002 -- a fake takes what the real one takes

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from driver import UPDATE_STATUS, Event, Life, StillWorld, Unit, check_failed, check_recovered
from fake_rings import FakeRings
from ops import pebble, testing

from rolecall.core import options, roles, solo, wire
from rolecall.core.model import Grant, Report
from rolecall.core.product import Product
from rolecall.core.routes import Answer
from rolecall.juju import metadata
from rolecall.juju.containers import IDENTITY, LOOK, STARTING
from rolecall.juju.net import Request

_NGINX, _EXPORTER = "nginx", "nginx-prometheus-exporter"
_IDLE_S = 10.0
"""How much time passes while no hook waits."""
_CONFIG = "etc/rolecall/config.yaml"
_TOLD = re.compile(r'location = /gateway \{\s+return 200 (?P<quote>["\'])(?P<text>.*?)(?P=quote);', re.DOTALL)


@dataclass
class Process:
    """One process of a workload."""

    identity: str
    roles: tuple[str, ...]
    """What it runs, as written by the administrator."""
    read: str
    """The config that it read when it started."""
    ready: bool = False


@dataclass(kw_only=True)
class ClusterWorld(StillWorld):
    """Processes that are ready a while after they started, unless their config is a bad one."""

    product: Product
    bad: str = ""
    """Text in a config with which no process becomes ready."""
    refused: str = ""
    """Text in a config that the workload's binary refuses."""
    processes: dict[str, Process] = field(default_factory=dict[str, Process])
    """Unit to its process, while it runs."""
    births: dict[str, int] = field(default_factory=dict[str, int])
    """Unit to how often its process was started."""
    down: set[str] = field(default_factory=set[str])
    """Units whose ready process was stopped on purpose, and that haven't been ready since."""
    reached: set[str] = field(default_factory=set[str])
    """Units that were ready and were restarted into the bad config."""
    replaced: set[str] = field(default_factory=set[str])
    """Applications whose pods Kubernetes replaces: it asks nobody whether it may."""
    ordered: set[str] = field(default_factory=set[str])
    """Applications that the administrator takes out of the cluster, all units at once."""
    outgoing: set[str] = field(default_factory=set[str])
    """Units that the administrator has asked to hand over ahead of their removal."""
    waited: set[str] = field(default_factory=set[str])
    """Units that waited, in a hook, for the gateways to leave them out."""
    handed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Unit to each call that has its process hand over what it holds."""
    now_s: float = 1000.0
    deaf: set[str] = field(default_factory=set[str])
    """Units that hear of no ring's members, although they have the pages."""
    rings: FakeRings = field(init=False)
    planted: set[str] = field(default_factory=set[str])
    """Secret texts that may stand nowhere but in secrets and in files of mode 0600."""
    violations: list[str] = field(default_factory=list[str])
    units: dict[str, Unit] = field(default_factory=dict[str, Unit])
    """Units by address."""
    texts: dict[str, str] = field(default_factory=dict[str, str])
    """Coordinator unit to the config that its nginx follows."""
    taken: list[str] = field(default_factory=list[str])
    """What was sent to the gateways."""
    takes: int = 204
    """What the gateways answer to who sends."""
    unable: str = ""
    """Why the workload's binary can't be run now."""
    executed: list[tuple[str, tuple[str, ...]]] = field(default_factory=list[tuple[str, tuple[str, ...]]])
    """Unit and command of everything that was run in a container."""
    _told: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    _judged: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    def __post_init__(self) -> None:
        line = self.product.lines[0].name
        served = (ring for ring in self.product.rings if not ring.lines or line in ring.lines)
        self.rings = FakeRings.at(ring.path for ring in served)

    def seams(self, unit: Unit) -> Mapping[str, Any]:
        """Give the unit's hooks this world's network, and the model's list of units."""
        return {"net": FakeNet(self, unit), "roster": FakeRoster(self, unit)}

    def before(self, unit: Unit, state: testing.State) -> None:
        """Learn where the unit is."""
        if self.units.get(str(unit.address)) is not unit:
            self.units = {address: one for address, one in self.units.items() if one is not unit}
            self.units[str(unit.address)] = unit

    def roles_of(self, unit: Unit) -> tuple[str, ...]:
        """Return what a worker is to run: its options' roles, or its process's while those make none.

        A coordinator's own worker runs everything.
        """
        if _NGINX in unit.containers:
            return solo.ROLES
        chosen = options.roles_of(self.product, unit.app.config)
        process = self.processes.get(unit.name)
        wrong = roles.problems_of(self.product.lines[0], self.product.name, "", chosen)
        return process.roles if wrong and process else chosen

    def started(self, unit: Unit, container: str, service: pebble.Service) -> None:
        """Have nginx read its config, and a workload begin to start."""
        if container == _NGINX:
            self._follow(unit)
        elif service.environment.get(IDENTITY):
            self.births[unit.name] = self.births.get(unit.name, 0) + 1
            read = (unit.files(container) / _CONFIG).read_text()
            self.processes[unit.name] = Process(service.environment[IDENTITY], self.roles_of(unit), read)
            keys = service.environment.get("AWS_SHARED_CREDENTIALS_FILE", "")
            if keys and not (unit.files(container) / keys.lstrip("/")).exists():
                self.violations.append(f"{unit.name} was started without the keys to its bucket")
            if self.bad and self.bad in read and unit.name in self.down:
                # One that is removed or parted, and has yet to hand over, is out of sight.
                self.reached = {name for name in self.reached if not self._goes(name)} | {unit.name}
                if len(self.reached) > 1:
                    self.violations.append(f"G4: a bad config reached {', '.join(sorted(self.reached))}")

    def stopped(self, unit: Unit, container: str, service: str) -> None:
        """End a process, and judge whether it might be."""
        if container == _NGINX:
            self._unload(unit)
            return
        process = self.processes.pop(unit.name, None)
        self.rings.leave(_pod(unit))
        # A unit that is removed or parted takes with it what it has shown: the next one is tried then.
        self.reached.discard(unit.name)
        if process is None or not process.ready or unit.app.name in self.replaced:
            return
        pod = _pod(unit)
        # A coordinator that is being removed is no longer told what the others agree on; the new pod of one
        # that is being refreshed may begin to serve between a unit's wait for the gateways and its end.
        dying = {
            one.name for one in self.units.values() if one.life is Life.DYING or one.app.name in self.replaced
        }
        for coordinator in sorted(self._told.keys() - dying):
            if pod in self.told(coordinator)["units"] and unit.name not in self.waited:
                self.violations.append(f"G5: {coordinator} sends to {unit.name}, which is stopped")
        if unit.life is Life.DYING or unit.app.name in self.ordered or unit.name in self.outgoing:
            return
        for other in sorted(self.down - {unit.name}):
            if not self._goes(other) and self.share_a_ring(process, self.processes.get(other)):
                self.violations.append(f"G3: {unit.name} is stopped while {other} is down on purpose")
        self.down.add(unit.name)

    def _goes(self, name: str) -> bool:
        """Say whether a unit is removed or being removed, or parted from its coordinator."""
        return name in self.outgoing or any(
            unit.name == name and (unit.life in (Life.DYING, Life.GONE) or unit.app.name in self.ordered)
            for unit in self.units.values()
        )

    def share_a_ring(self, one: Process, other: Process | None) -> bool:
        """Say whether two processes are members of one ring."""
        line = self.product.lines[0]
        both = set(line.expand(one.roles)) & set(line.expand(other.roles if other else ()))
        return any(line.role(name).ring for name in both)

    def lost(self, unit: Unit) -> None:
        """End all processes of a pod."""
        self.processes.pop(unit.name, None)
        self.down.discard(unit.name)
        self.reached.discard(unit.name)
        self._unload(unit)

    def execute(self, unit: Unit, container: str, command: Sequence[str]) -> testing.Exec | None:
        """Answer the commands that charms run."""
        ran = tuple(command)
        self.executed.append((unit.name, ran))
        if ran[0] == _NGINX:
            return self._nginx(unit, ran)
        if ran[0] == "/charm/bin/pebble":
            return testing.Exec(ran)
        if container in (_NGINX, _EXPORTER):
            return None
        if self.unable:
            raise pebble.ConnectionError(self.unable)
        if ran[1:] == self.product.binary.identify:
            return testing.Exec(ran, stdout=f"{self.product.name}, version {self.product.binary.version}\n")
        path = next(word.rpartition("=")[2] for word in ran if word.endswith("config.yaml"))
        judged = (unit.files(container) / path.lstrip("/")).read_text()
        if self.refused and self.refused in judged:
            return testing.Exec(ran, return_code=1, stderr="field wrong not found in type config\n")
        return testing.Exec(ran)

    def _nginx(self, unit: Unit, command: tuple[str, ...]) -> testing.Exec | None:
        if command[1:] == ("-v",):
            return testing.Exec(command, stderr="nginx version: nginx/1.27.5\n")
        if command[-2:] == ("-s", "reload"):
            self._follow(unit)
            return testing.Exec(command)
        return testing.Exec(command) if "-t" in command else None

    def after(self, unit: Unit, state: testing.State) -> Iterable[Event]:
        """Judge what the hook left, and fail the check of a process that doesn't answer yet."""
        self._judge_texts(unit, state)
        self._judge_grants(unit, state)
        said = (wire.report_in(one.local_unit_data) for one in state.relations)
        if any(report and report.leaving for report in said):
            # Whoever has handed over is gone, and not down: a coordinator's own worker may come back.
            self.down.discard(unit.name)
        process = self.processes.get(unit.name)
        for container in state.containers:
            for info in container.check_infos:
                waits = info.name == STARTING and info.status == pebble.CheckStatus.UP
                if waits and not (process and process.ready):
                    _set(unit, container.name, info.name, pebble.CheckStatus.DOWN)
                    yield check_failed(container.name, info.name)

    def idle(self) -> Iterable[tuple[Unit, Event]]:
        """Let every process become ready, and wake whoever asked to be.

        Where a ring has changed, so much time passes that the coordinators look after themselves, too.
        """
        self.now_s += _IDLE_S
        self.rings.pass_time({_pod(unit) for unit in self.units.values() if unit.name in self.processes})
        if self.rings.stirred:
            self.rings.stirred = False
            coordinators = [unit for unit in self.units.values() if _NGINX in unit.containers]
            yield from ((unit, UPDATE_STATUS) for unit in coordinators if unit.life is Life.ALIVE)
        for unit in list(self.units.values()):
            process = self.processes.get(unit.name)
            if process is not None and not process.ready and not (self.bad and self.bad in process.read):
                process.ready = True
                self.rings.join(_pod(unit))
                self.down.discard(unit.name)
            for name, container in list(unit.pod.containers.items()):
                for info in container.check_infos:
                    if info.name == LOOK and info.status == pebble.CheckStatus.UP:
                        _set(unit, name, LOOK, pebble.CheckStatus.DOWN)
                        yield unit, check_failed(name, LOOK)
                    failed = info.name == STARTING and info.status == pebble.CheckStatus.DOWN
                    if failed and process is not None and process.ready:
                        _set(unit, name, STARTING, pebble.CheckStatus.UP)
                        yield unit, check_recovered(name, STARTING)

    def strangers(self) -> set[str]:
        """List the members that a page shows and that are no units any more."""
        line = self.product.lines[0]
        running = {role for process in self.processes.values() for role in line.expand(process.roles)}
        shown = {ring.path for ring in self.product.rings if ring.role in running} & self.rings.pages.keys()
        there = {_pod(unit) for unit in self.units.values() if unit.life is not Life.GONE}
        return {member for path in shown for member in self.rings.pages[path]} - there

    def judge_forgotten(self, member: str) -> None:
        """Judge whether a ring may forget a member."""
        if any(_pod(unit) == member and unit.life is not Life.GONE for unit in self.units.values()):
            self.violations.append(f"G7: {member} is forgotten, and its unit is still there")

    def _judge_texts(self, unit: Unit, state: testing.State) -> None:
        """Look for secrets in what a hook showed to others."""
        if not self.planted:
            return
        shown = [str(state.unit_status), str(state.app_status), state.workload_version]
        for relation in state.relations:
            shown += [*relation.local_unit_data.values(), *relation.local_app_data.values()]
        shown += [str(layer.to_dict()) for held in state.containers for layer in held.layers.values()]
        text = "\n".join(shown)
        for secret in sorted(self.planted):
            if secret in text:
                self.violations.append(f"G10: {unit.name} shows the secret {secret}")

    def _judge_grants(self, unit: Unit, state: testing.State) -> None:
        """Judge each new leave to go down on purpose by the reports that the leader had before it."""
        if unit.spec.meta["name"] != metadata.name(self.product, "coordinator"):
            return
        reports: dict[str, Report] = {}
        for relation in state.relations:
            if isinstance(relation, testing.Relation) and relation.remote_app_name:
                for number, bag in relation.remote_units_data.items():
                    # A report of another version counts as none, for the leader too.
                    if report := wire.report_in(bag):
                        reports[f"{relation.remote_app_name}-{number}"] = report
        for name, grant in _grants(state).items():
            if (name, grant.revision) in self._judged or not grant.since or not grant.digest:
                continue
            self._judged.add((name, grant.revision))
            self._judge_leave(name, reports)

    def _judge_leave(self, name: str, reports: Mapping[str, Report]) -> None:
        line = self.product.lines[0]
        own = set(line.expand(reports[name].roles)) if name in reports else set[str]()
        for other, report in reports.items():
            shared = own & set(line.expand(report.roles))
            # One that is being removed or parted is out of the coordinator's sight.
            if other == name or self._goes("/".join(other.rsplit("-", 1))):
                continue
            if not report.ready and any(line.role(role).ring for role in shared):
                self.violations.append(f"G3: {name} got its leave while {other} wasn't ready")

    def mend(self) -> None:
        """Let every config be a good one."""
        self.bad = self.refused = ""
        self.reached.clear()

    def rested(self) -> None:
        """Take note that nobody goes any longer."""
        self.replaced.clear()
        self.ordered.clear()
        self.waited.clear()

    def told(self, coordinator: str) -> dict[str, Any]:
        """Return what a coordinator's gateway says at `/gateway`."""
        return self._told.get(coordinator, {"config": "", "units": []})

    def _follow(self, unit: Unit) -> None:
        text = (unit.files(_NGINX) / "etc/nginx/nginx.conf").read_text()
        found = _TOLD.search(text)
        assert found is not None, "the gateway's config says at /gateway what it is"
        said = found["text"].replace('\\"', '"').replace("\\n", "").replace("\\\\", "\\")
        self._told[unit.name], self.texts[unit.name] = json.loads(said), text

    def _unload(self, unit: Unit) -> None:
        self._told.pop(unit.name, None)
        self.texts.pop(unit.name, None)


@dataclass
class FakeNet:
    """The network as one unit's hook sees it."""

    world: ClusterWorld
    unit: Unit
    looks_at_gateways: bool = False
    """Whether the hook asks gateways whom they send to."""

    def own_name(self) -> str:
        """Return a name that isn't the pod's, so that the charm has to build its own."""
        return "localhost"

    def pause(self, seconds: float) -> None:
        """Take no time: the hooks in which a gateway leaves out who goes run only after this one."""
        if self.looks_at_gateways:
            self.world.waited.add(self.unit.name)
        self.world.now_s += 30 * seconds

    def now(self) -> float:
        """Return the time, which passes faster here while somebody waits."""
        return self.world.now_s

    def tell(self, address: str, port: int, packet: bytes) -> None:
        """Refuse: no process here gossips."""
        raise AssertionError(f"a charm told {address}:{port} what nobody here knows: {packet!r}")

    def ask(
        self, url: str, *, method: str = "GET", timeout_s: float = 2.0, request: Request | None = None
    ) -> Answer:
        """Answer for the process at an address."""
        host = urlsplit(url).hostname or ""
        unit = self.world.units.get(host) or self._by_name(host)
        if unit is None:
            return Answer(0, "refused")
        beside = urlsplit(url).port == self.world.product.port("http", beside=True)
        if unit.name in self.world.texts and not beside:
            return self._gateway(unit, url, method, request)
        process = self.world.processes.get(unit.name)
        if process is None:
            return Answer(0, "refused")
        if (method, path := url.partition(urlsplit(url).netloc)[2]) in self._verbs():
            self.world.handed.append((unit.name, path))
            return Answer(204, "")
        if unit.name in self.world.deaf and urlsplit(url).path in self.world.rings.pages:
            return Answer(200, '{"shards":null}')
        return self._worker(process, url, method, request)

    def _worker(self, process: Process, url: str, method: str, request: Request | None) -> Answer:
        parts = urlsplit(url)
        if parts.path == self.world.product.ready:
            return Answer(200, "ready") if process.ready else Answer(503, "starting")
        if parts.path == "/metrics":
            return Answer(200, self._metrics())
        if parts.path == "/memberlist":
            return Answer(404, "no such page")
        if parts.path in self.world.rings.pages:
            return self.world.rings.answer(parts.path, method, request, self.world.judge_forgotten)
        raise AssertionError(f"a charm asked {method} {url}, which nobody here knows")

    def _gateway(self, unit: Unit, url: str, method: str, request: Request | None) -> Answer:
        """Answer as a gateway whose units keep what they are sent, and give all of it to who reads."""
        parts, text = urlsplit(url), self.world.texts[unit.name]
        if (parts.scheme == "https") != ("ssl_certificate " in text) or f":{parts.port}" not in text:
            return Answer(0, "refused")
        if parts.path == "/gateway":
            self.looks_at_gateways = True
            return Answer(200, json.dumps(self._told(unit.name)))
        if method == "POST" and request is not None:
            self.world.taken.append(request.body.decode())
            return Answer(self.world.takes, "")
        if parts.path in self.world.rings.pages:
            return Answer(403, "for administrators only")
        return Answer(200, "".join(self.world.taken))

    def _told(self, coordinator: str) -> dict[str, Any]:
        """Return what a gateway says, to one that waits as it will say it a little later."""
        told = self.world.told(coordinator)
        if self.unit.name not in self.world.waited:
            return told
        own = self.unit.name.replace("/", "-")
        units = [name for name in told["units"] if name != own]
        return {**told, "units": units, "rolling": False}

    def _verbs(self) -> set[tuple[str, str]]:
        drains = self.world.product.drains
        return {
            (verb.method, verb.path)
            for drain in drains
            for verb in (*drain.stop, *drain.ask, *drain.flush, *drain.leave, *drain.undo)
        }

    def _metrics(self) -> str:
        """Return what a process says that holds nothing any more."""
        held = [f"{name} 0" for drain in self.world.product.drains for name in drain.held]
        return "\n".join(("process_start_time_seconds 1", *held))

    def _by_name(self, host: str) -> Unit | None:
        pod = host.partition(".")[0]
        return next((one for one in self.world.units.values() if one.name.replace("/", "-") == pod), None)


@dataclass(frozen=True)
class FakeRoster:
    """The model's list of units."""

    world: ClusterWorld
    unit: Unit

    def units(self) -> frozenset[str]:
        """Return the units that are not gone, also those that are being removed."""
        return frozenset(unit.name for unit in self.world.units.values() if unit.life is not Life.GONE)

    def going(self) -> frozenset[str]:
        """Return the unit's siblings that are going; to one that waits, as it will be a little later."""
        dying = (one for one in self.world.units.values() if one.life is Life.DYING)
        names = frozenset(one.name for one in dying if one.app.name == self.unit.app.name)
        return names & {self.unit.name} if self.unit.name in self.world.waited else names


def _pod(unit: Unit) -> str:
    """Return what a unit's ring members are called."""
    return unit.name.replace("/", "-")


def _set(unit: Unit, container: str, check: str, status: pebble.CheckStatus) -> None:
    unit.pod.set_check(container, check, status, failures=1 if status == pebble.CheckStatus.DOWN else 0)


def _grants(state: testing.State) -> Mapping[str, Grant]:
    """Return the leaves that a leading coordinator has published, to workers and to its peers alike.

    A bag that something else was written into stays so until a hook in which the leader publishes.
    """
    told = (wire.document_in(one.local_app_data) for one in state.relations)
    return next((one.grants for one in told if one is not None and one.grants), dict[str, Grant]())
