"""One cluster on this machine: its state on disk, and one cycle of coordinator and workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rolecall import engine
from rolecall.core import changes, coordinator, forget, worker
from rolecall.core import telemetry as core_telemetry
from rolecall.core.model import (
    Deployment,
    Directory,
    Document,
    ObjectStore,
    Phase,
    Report,
    Verdict,
)
from rolecall.local import home as disk
from rolecall.local import processes, register, stored
from rolecall.local.builds import Build, build_of
from rolecall.local.coordinator import CoordinatorHost, restarts
from rolecall.local.file.topology import ClusterSpec
from rolecall.local.front import GatewayError, LocalGateway, Wish
from rolecall.local.home import Home
from rolecall.local.readiness import Asker
from rolecall.local.rings import LocalRings
from rolecall.local.s3 import S3Target
from rolecall.local.supervisor import Supervisor
from rolecall.local.telemetry import WatchHost, view
from rolecall.local.tools import Tools
from rolecall.local.worker import (
    Place,
    WorkerHost,
    World,
    decoded_document,
    decoded_report,
    ready_url,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """What one cycle decided and did."""

    decision: coordinator.Decision
    actions: tuple[changes.Action, ...]
    busy: frozenset[str]
    places: tuple[Place, ...]
    refused: tuple[GatewayError, ...] = ()
    """What the gateway refused to load; everything else was done."""

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to do or to wait for."""
        return (
            not self.actions
            and not self.busy
            and not self.decision.rollout.remaining
            and not self.decision.desired.candidate
            and not any(problem.code == forget.LINGERS for problem in self.decision.verdict.problems)
            and all(unit.ready or unit.id in self.decision.spare for unit in self.decision.cluster.units)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCluster:
    """One cluster of a `rolecall.yaml`."""

    spec: ClusterSpec
    home: Home
    tools: Tools
    asker: Asker

    @property
    def supervisor(self) -> Supervisor:
        """The cluster's supervisor."""
        return Supervisor(self.home, self.tools.pebble)

    @property
    def gateway(self) -> LocalGateway:
        """The cluster's entrypoint."""
        return LocalGateway(
            home=self.home,
            binary=str(self.tools.nginx),
            version=self.tools.nginx_version,
            supervisor=self.supervisor,
        )

    @property
    def build(self) -> Build:
        """The build of the product's executable that is at hand."""
        return build_of(self.spec.product.binary, self.tools.product)

    @property
    def url(self) -> str:
        """Where clients reach the cluster."""
        main = self.spec.product.listeners[0].name
        return f"http://{self.spec.gateway_address}:{self.spec.gateway_ports[main]}"

    @property
    def store(self) -> ObjectStore:
        """The object store: the one asked for, or the embedded directory."""
        return self.spec.store or Directory(path=str(self.home.store))

    def store_text(self) -> str:
        """Return what the object store is, for a person."""
        store = self.store
        return (
            f"directory {store.path}"
            if isinstance(store, Directory)
            else f'bucket "{store.bucket}" at {store.endpoint}'
        )

    def places(self) -> tuple[Place, ...]:
        """List every unit: those that are wanted, and those that are to leave."""
        return register.places(self.home, self.spec.groups)

    def cycle(self) -> Cycle:
        """Reconcile once: the units report, the coordinator decides, the units follow."""
        places = self.places()
        world = self._look(places)
        actions: list[changes.Action] = []
        for place in places:
            actions.extend(self._tell(place, world))
        refused: list[GatewayError] = []
        decision, done = self._reconcile_coordinator(places, refused)
        if decision.desired.candidate:
            # The binary has just been asked; with its answer, nothing needs to start with an older config.
            actions.extend(done)
            decision, done = self._reconcile_coordinator(places, refused)
        actions.extend(done)
        world = replace(world, document=decoded_document(self.home))
        for place in places:
            actions.extend(self._reconcile_worker(place, world))
        actions.extend(self._watch(places, world).reconcile())
        return Cycle(
            decision=decision,
            actions=tuple(actions),
            busy=world.busy,
            places=places,
            refused=tuple(refused),
        )

    def observe(self) -> coordinator.Decision:
        """Look and decide, without doing anything."""
        places = self.places()
        host = self._coordinator(places, self._reports(places, self._look(places)))
        return coordinator.decide(self.spec.product, host.observe())

    def tried(self) -> Verdict:
        """Have the binary judge the next config, if it hasn't yet, and look and decide again."""
        places = self.places()
        host = self._coordinator(places, self._reports(places, self._look(places)))
        seen = host.observe()
        decision = coordinator.decide(self.spec.product, seen)
        for action in host.diff(seen, decision):
            if isinstance(action, changes.VerifyConfig):
                host.apply(action)
        return coordinator.decide(self.spec.product, host.observe()).verdict

    def outdated(self) -> tuple[str, ...]:
        """List the units whose process was started from another executable than the one at hand."""
        running = processes.running(self.home.root)
        units = [place.unit for place in self.places() if place.unit in running]
        return tuple(unit for unit in units if running[unit].build != self.build.mark)

    def pending(self) -> tuple[changes.Action, ...]:
        """List the actions that would be done next, and do none."""
        places = self.places()
        world = self._look(places)
        host = self._coordinator(places, self._reports(places, world))
        seen = host.observe()
        decision = coordinator.decide(self.spec.product, seen)
        actions = list(host.diff(seen, decision))
        ahead = replace(world, document=decision.desired.document)
        for place in places:
            worker_host = self._worker(place, ahead)
            observed = worker_host.observe()
            actions.extend(worker_host.diff(observed, worker.decide(self.spec.product, observed)))
        watch = self._watch(places, world)
        actions.extend(watch.diff(watch.observe(), core_telemetry.build(watch.view)))
        return tuple(actions)

    def request_restart(self, unit: str) -> None:
        """Ask for a restart by hand; it comes when the rollout reaches the unit."""
        counts = restarts(self.home)
        disk.write_json(self.home.restarts, {**counts, unit: counts.get(unit, 0) + 1})

    def document(self) -> Document | None:
        """Return the last published document."""
        return decoded_document(self.home)

    @property
    def rings(self) -> LocalRings:
        """The rings that its units are members of."""
        line = self.spec.product.line(self.spec.settings.text("line"))
        return LocalRings(product=self.spec.product, line=line, asker=self.asker)

    def _reports(self, places: tuple[Place, ...], world: World) -> dict[str, Report]:
        return {
            place.unit: worker.decide(self.spec.product, self._worker(place, world).observe()).report
            for place in places
        }

    def told(self) -> dict[str, Report]:
        """Read what the units last said of themselves."""
        found = {place.unit: decoded_report(self.home, place.unit) for place in self.places()}
        return {unit: report for unit, report in found.items() if report is not None}

    def _tell(self, place: Place, world: World) -> tuple[changes.Action, ...]:
        host = self._worker(place, world)
        observed = host.observe()
        actions = host.diff(observed, worker.decide(self.spec.product, observed))
        reports = tuple(action for action in actions if isinstance(action, changes.PublishReport))
        for action in reports:
            host.apply(action)
        return reports

    def _reconcile_coordinator(
        self, places: tuple[Place, ...], refused: list[GatewayError]
    ) -> tuple[coordinator.Decision, tuple[changes.Action, ...]]:
        host = replace(self._coordinator(places), refused=refused)
        _, decision, actions = engine.reconcile(
            host, partial(coordinator.decide, self.spec.product), host.diff
        )
        return decision, actions

    def _reconcile_worker(self, place: Place, world: World) -> tuple[changes.Action, ...]:
        host = self._worker(place, world)
        _, desired, actions = engine.reconcile(host, partial(worker.decide, self.spec.product), host.diff)
        if place.leaving and desired.report.phase is Phase.DRAINED and not actions:
            register.release(self.home, place.unit)
        return actions

    def _look(self, places: tuple[Place, ...]) -> World:
        supervisor = self.supervisor
        alive = supervisor.alive
        # First of all: who isn't busy by now is still the process that is looked at, however long that takes.
        busy = supervisor.busy() if alive else frozenset[str]()
        running = processes.running(self.home.root)
        answers = self.asker.ready(
            ready_url(self.spec.product, place.address) for place in places if place.unit in running
        )
        return World(
            document=decoded_document(self.home),
            credentials=self.spec.credentials,
            running=running,
            busy=busy,
            ended=supervisor.ended() if alive else frozenset(),
            answers=answers,
        )

    def _worker(self, place: Place, world: World) -> WorkerHost:
        return WorkerHost(
            product=self.spec.product,
            home=self.home,
            place=place,
            binary=str(self.tools.product),
            build=self.build,
            supervisor=self.supervisor,
            asker=self.asker,
            store=self._bucket(),
            world=world,
        )

    def _bucket(self) -> S3Target | Path | None:
        store, keys = self.store, self.spec.credentials
        if isinstance(store, Directory):
            return Path(store.path)
        return stored.bucket(store, keys) if keys else None

    def _watch(self, places: tuple[Place, ...], world: World) -> WatchHost:
        return WatchHost(view=self._view(places), supervisor=self.supervisor, busy=world.busy)

    @property
    def _uuid(self) -> str:
        return register.identity_of(self.home).uuid

    def _view(self, places: tuple[Place, ...]) -> core_telemetry.View:
        return view(
            self.spec, places, home=self.home, tools=self.tools, uuid=register.identity_of(self.home).uuid
        )

    def _coordinator(
        self, places: tuple[Place, ...], reports: Mapping[str, Report] | None = None
    ) -> CoordinatorHost:
        product = self.spec.product
        return CoordinatorHost(
            product=product,
            deployment=Deployment(name=f"{product.name}-{self.spec.name}", uuid=self._uuid),
            settings=self.spec.settings,
            groups=self.spec.groups,
            places=places,
            store=self.store,
            secret=register.secret_of(self.home, self.spec.credentials, external=self.spec.store is not None),
            wish=Wish(address=self.spec.gateway_address, ports=dict(self.spec.gateway_ports)),
            home=self.home,
            binary=str(self.tools.product),
            build=self.build,
            gateway=self.gateway,
            reports=reports,
            asker=self.asker,
            pages=self.rings.settled(places, self.told() if reports is None else reports),
            telemetry=self.spec.telemetry,
            problems=core_telemetry.judge(self._view(places)),
        )
