"""The coordinator charm: the gateway of a product's cluster, and what its workers follow."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any, ClassVar

import ops
from msgspec.structs import replace

from rolecall import engine
from rolecall.core import coordinator, options
from rolecall.core.charm import Purpose
from rolecall.core.endpoints import charm_of, endpoint
from rolecall.core.model import Deployment, Problem, Severity, verdict_of
from rolecall.core.payloads import certificate, heard, s3
from rolecall.core.product import Product, Settings
from rolecall.juju import actions, events, integrations, passwords, peers, status, store
from rolecall.juju.containers import AUTHORITY
from rolecall.juju.coordinator_host import CoordinatorHost, Given
from rolecall.juju.gateway import NginxGateway, Tls
from rolecall.juju.interfaces.s3 import Bucket
from rolecall.juju.interfaces.tls import Certificates
from rolecall.juju.net import HttpNet, Net, unit_name
from rolecall.juju.rings import Rings
from rolecall.juju.roster import JujuRoster, Roster

_ROUNDS = 6
"""How often a hook looks again after it did something: hold, verify, publish, and once more."""


class CoordinatorCharm(ops.CharmBase):
    """A coordinator of one product."""

    product: ClassVar[Product]
    net: ClassVar[Net] = HttpNet()
    roster: ClassVar[Roster] = JujuRoster()

    def __init__(self, framework: ops.Framework) -> None:
        """Have every event reconcile the whole unit, and observe the actions."""
        super().__init__(framework)
        self.host_name = unit_name(self.net, self.app.name, self.unit.name, self.model.name)
        self.address = self._own_address()
        self.gateway = NginxGateway(self.unit, self.net, self.address, self.product.listeners[0].number)
        self.front = integrations.front_of(self)
        self._bucket = Bucket(self, self._name(Purpose.S3))
        self._certificates = Certificates(
            self,
            self._name(Purpose.CERTIFICATES),
            certificate.names(self.app.name, self.host_name, address=self.address, external=self.front.host),
        )
        events.observe(self, self._on_event)
        self._actions = actions.Actions(self)

    def _on_event(self, event: Any) -> None:
        relation = self.model.get_relation(self._name(Purpose.PEERS))
        if isinstance(event, ops.StopEvent) or relation is None or not relation.active:
            # The gateway serves until its container ends.
            self._end_own_worker(event, relation)
            return
        if not self._among_peers(event, relation):
            return
        if isinstance(event, ops.SecretRemoveEvent):
            store.forget(event)
        if self._has_own_worker(relation):
            _solo().follow(self, wanted=self._wants_own_worker)
        self.reconcile(self.host(event), idle=isinstance(event, ops.UpdateStatusEvent))

    def _among_peers(self, event: Any, relation: ops.Relation) -> bool:
        """Say whether this unit knows what the others agree on: not when it is to go.

        One that goes is parted from its peers one after the other, and may lead all the while: it would take
        those it no longer sees for units that send to nobody.
        """
        own = relation.data[self.unit]
        departs = isinstance(event, ops.RelationDepartedEvent) and event.relation.id == relation.id
        if departs and event.departing_unit == self.unit:
            own[peers.GOES] = "true"
            if self._has_own_worker(relation):
                _solo().await_left_out(self, event)
        return peers.GOES not in own

    @property
    def _wants_own_worker(self) -> bool:
        return self.config.get(options.SOLO.name) is True

    def _has_own_worker(self, relation: ops.Relation) -> bool:
        """Whether this unit's own worker is to be there, or hasn't ended yet."""
        return self._wants_own_worker or peers.reports(relation, self.unit)

    def _end_own_worker(self, event: Any, relation: ops.Relation | None) -> None:
        """Have the own worker end with its container, or for good with the relation in which it reports."""
        if relation is None or not peers.reports(relation, self.unit):
            return
        if isinstance(event, ops.RelationBrokenEvent) and event.relation.id == relation.id:
            _solo().hand_over(self)
        elif isinstance(event, ops.StopEvent):
            _solo().follow(self, wanted=True, dismissed=True)

    def reconcile(
        self, host: CoordinatorHost | None = None, *, idle: bool = False
    ) -> tuple[coordinator.Observed, coordinator.Decision]:
        """Bring this unit to what the whole cluster needs; `host` may know what an administrator asks for.

        Where nothing happened (`idle`) and nothing is to be done, other applications aren't looked at: all
        that they are told follows from what a hook of its own tells of.
        """
        host = host or self.host()
        problems: tuple[Problem, ...] = ()
        for _ in range(_ROUNDS):
            observed, decision, done = engine.reconcile(
                host, partial(coordinator.decide, self.product), host.diff
            )
            news = host.agree(decision)
            if not done and not news:
                break
            idle = False
        else:
            observed = host.observe()
            decision = coordinator.decide(self.product, observed)
        if host.publish() and host.peers is not None and self._has_own_worker(host.peers):
            _solo().follow_soon(self)
        self.gateway.keep_exporter()
        if not idle:
            integrations.publish(self, observed, decision)
        if host.refused:
            problems = (Problem(code="gateway-refused", text=host.refused, remedy="see debug-log"),)
        decision = replace(
            decision,
            verdict=verdict_of(
                (
                    *decision.verdict.problems,
                    *problems,
                    *host.rings.refused,
                    *host.foreign(),
                    *self._waiting(host, decision),
                )
            ),
        )
        rest = f"juju run {self.unit.name} diagnose"
        status.show(self.unit, status.status_of(decision.verdict, rest=rest))
        return observed, decision

    def host(self, event: Any = None) -> CoordinatorHost:
        """Put together what one hook works with."""
        relation = self.model.get_relation(self._name(Purpose.PEERS))
        shared, found = self._with_store(peers.read_shared(relation, self.app))
        workers = self.model.relations[self._name(Purpose.CLUSTER)]
        given = self._given(shared, found)
        return CoordinatorHost(
            product=self.product,
            charm=charm_of(self.product),
            unit=self.unit,
            app=self.app,
            leads=self.unit.is_leader(),
            workers=tuple(sorted((one for one in workers if one.active), key=lambda one: one.id)),
            peers=relation,
            container=self.unit.get_container(charm_of(self.product).container),
            gateway=self.gateway,
            address=self.address,
            model=self.model,
            given=given,
            shared=shared,
            solo=self._wants_own_worker,
            parting=_solo().parting(self, relation, event) if self._wants_own_worker and relation else {},
            rings=Rings(
                product=self.product,
                line=self.product.line(given.settings.text("line")),
                net=self.net,
                roster=self.roster,
                tidy=shared.tidy,
                beside=frozenset(one.address for one in peers.read_reports(relation, self.unit).values()),
            ),
        )

    def _with_store(self, shared: peers.Shared) -> tuple[peers.Shared, s3.Store]:
        """Look at the object store; its its keys are looked for only where they may be new."""
        basis = self._bucket.basis()
        if basis and basis == shared.keys.basis and not self._bucket.doubtful:
            return shared, self._bucket.read_without_keys()
        found = self._bucket.read()
        self._bucket.ask()
        reference = shared.keys.reference or (shared.document.secret if shared.document else "")
        if not self.unit.is_leader() or found.credentials is None:
            return replace(shared, keys=peers.Keys(reference=reference)), found
        reference = store.publish(self.app, self.model, found.credentials, reference)
        return replace(shared, keys=peers.Keys(basis=basis, reference=reference)), found

    def _given(self, shared: peers.Shared, found: s3.Store) -> Given:
        read = options.read(self.product, self.config)
        opened = integrations.opened(self, read.settings)
        settings = _receiving(self.product, read.settings, opened.value)
        if settings.flag("admin"):
            passwords.keep(self)
        return Given(
            deployment=Deployment(name=f"{self.model.name}-{self.app.name}", uuid=self.model.uuid),
            settings=settings,
            store=replace(found.s3, ca=AUTHORITY if found.authority else "") if found.s3 else None,
            secret=shared.keys.reference,
            authority=found.authority,
            tls=self._tls(),
            listeners=opened.value,
            problems=(
                *read.problems,
                *self._store_problems(found),
                *self.front.problems,
                *heard.problems(self._name(Purpose.INTAKE), opened.refused),
            ),
        )

    def _store_problems(self, found: s3.Store) -> tuple[Problem, ...]:
        if self._bucket.related:
            return found.problems
        name = self._name(Purpose.S3)
        return (
            Problem(
                code="no-object-store",
                text="cannot keep data: there is no object store",
                remedy=f"integrate {self.app.name}:{name} with an application that gives a bucket",
            ),
        )

    def _tls(self) -> Tls:
        """Return the certificate to serve with: the newest, else the last while there is somebody to sign."""
        if not self._certificates.related:
            return Tls()
        kept = self.gateway.kept_certificate()
        if kept.certificate and self.gateway.basis_of(kept) == self._certificates.basis():
            return kept
        assigned = self._certificates.assigned()
        if assigned is None:
            return kept
        basis = self._certificates.basis()
        return self.gateway.keep_certificate(assigned.chain, assigned.key.reveal(), basis)

    def _waiting(self, host: CoordinatorHost, decision: coordinator.Decision) -> tuple[Problem, ...]:
        """List what this very unit waits for."""
        problems: list[Problem] = []
        if not self.gateway.reachable:
            problems.append(_waits("gateway-down", "cannot serve yet: the container nginx is not up"))
        if self._certificates.related and not host.given.tls.certificate:
            problems.append(_waits("no-certificate", "cannot serve TLS yet: the certificate is not signed"))
        if decision.desired.candidate and not host.container.can_connect():
            text = f"cannot verify the config yet: the container {host.container.name} is not up"
            problems.append(_waits("not-verified", text))
        if host.untried:
            problems.append(_waits("not-verified", f"cannot verify the config yet: {host.untried}"))
        if host.shared.document is None and not self.unit.is_leader():
            problems.append(_waits("no-document", "cannot follow yet: the leader has published nothing"))
        return tuple(problems)

    def _own_address(self) -> str:
        binding = self.model.get_binding(self._name(Purpose.PEERS))
        return str((binding.network.bind_address if binding else None) or "")

    def _name(self, purpose: Purpose) -> str:
        return endpoint(self.product, purpose).name


def _solo() -> ModuleType:
    """Import what only a coordinator with a worker of its own needs: others' hooks are not to pay for it."""
    from rolecall.juju import solo

    return solo


def _receiving(product: Product, settings: Settings, opened: tuple[str, ...]) -> Settings:
    """Return settings by which the processes, too, take in what the gateway has open."""
    receivers = tuple(one.receiver for one in product.listeners if one.receiver and one.name in opened)
    if not receivers or set(receivers) <= set(settings.listed("receivers")):
        return settings
    both = dict.fromkeys((*settings.listed("receivers"), *receivers))
    return Settings(values={**settings.values, "receivers": tuple(sorted(both))})


def _waits(code: str, text: str) -> Problem:
    return Problem(code=code, text=text, remedy="", severity=Severity.WAITING)
