"""The worker charm: one unit that runs the roles that its options name."""

from __future__ import annotations

from typing import Any, ClassVar

import ops

from rolecall.core import options, wire, worker
from rolecall.core.becoming import line_of
from rolecall.core.endpoints import charm_of, worker_endpoints
from rolecall.core.handover import way_of
from rolecall.core.model import Document, Phase, Problem, Severity, verdict_of
from rolecall.core.product import Product
from rolecall.core.roles import problems_of
from rolecall.juju import containers, departure, events, following, status, store
from rolecall.juju.net import HttpNet, Net, unit_name
from rolecall.juju.roster import JujuRoster, Roster
from rolecall.juju.worker_host import Me, WorkerHost, release_of, reported

_ROLLED_S = 300.0
"""How long a unit that is to go waits, if it holds data, for those that have to restart because it goes."""


class WorkerCharm(ops.CharmBase):
    """A worker of one product."""

    product: ClassVar[Product]
    net: ClassVar[Net] = HttpNet()
    roster: ClassVar[Roster] = JujuRoster()

    def __init__(self, framework: ops.Framework) -> None:
        """Have every event reconcile the whole unit."""
        super().__init__(framework)
        self._endpoint = worker_endpoints(self.product)[0].name
        self._complaint = ""
        events.observe(self, self._on_event)

    def _on_event(self, event: Any) -> None:
        leaves = isinstance(event, ops.RelationDepartedEvent) and event.departing_unit == self.unit
        if isinstance(event, ops.RelationBrokenEvent):
            host = self._host(leaving=False, dismissed=True, hands_over=True)
            observed, decided = following.hand_over(host, self._tell_drain)
        else:
            # A pod that stops comes back with its storage, or has handed over when its relation ended.
            host = self._host(leaving=leaves, dismissed=isinstance(event, ops.StopEvent))
            observed, decided = following.follow(host)
        if isinstance(event, ops.RelationDepartedEvent):
            # When the whole relation goes, Juju says only that each coordinator does; and one that goes by
            # itself leaves out every worker, too.
            gateways = self._gateways(event, leaves=leaves)
            departure.await_forgotten(self.product, self.net, observed.unit, gateways, departure.FORGET_S)
            if leaves and self._holds(observed):
                self._tell_leaving("the units that stay restart first")
                departure.await_rolled(self.product, self.net, gateways, _ROLLED_S)
                departure.await_turn(
                    self.roster, self.net, self.unit.name, departure.TURN_S, self._tell_leaving
                )
        if isinstance(event, ops.PebbleReadyEvent):
            self._tell_version(event.workload)
        status.show(self.unit, self._status(observed, decided))

    def _holds(self, observed: worker.Observed) -> bool:
        """Whether the unit has something to hand over, as far as its roles tell."""
        roles = line_of(self.product, observed.document).expand(observed.roles)
        return observed.process.running and way_of(self.product.drains, roles) is not None

    def _tell_leaving(self, waits: str) -> None:
        status.show(self.unit, ops.MaintenanceStatus(f"leaving: {waits}"))

    def _tell_drain(self, waits: str) -> None:
        status.show(self.unit, ops.MaintenanceStatus(f"draining: {waits}"))

    def _tell_version(self, container: ops.Container) -> None:
        """Tell `juju status` which version the image holds; a container is never given another one."""
        if version := release_of(self.product, charm_of(self.product), container):
            self.unit.set_workload_version(version)

    def _host(self, *, leaving: bool, dismissed: bool, hands_over: bool = False) -> WorkerHost:
        relation = self.model.get_relation(self._endpoint)
        if relation is not None and not relation.active:
            relation = None
        document = self._document(relation)
        me = self._me(relation, document)
        container = self.unit.get_container(charm_of(self.product).container)
        return WorkerHost(
            product=self.product,
            charm=charm_of(self.product),
            me=me,
            container=container,
            service=containers.Service(container, container.name),
            unit=self.unit,
            relation=relation,
            document=document,
            credentials=store.credentials_of(self.model, document.secret) if document else None,
            net=self.net,
            leaving=leaving or (document is not None and me.unit in document.outgoing),
            dismissed=dismissed,
            hands_over=hands_over,
        )

    def _me(self, relation: ops.Relation | None, document: Document | None) -> Me:
        binding = self.model.get_binding(self._endpoint)
        address = binding.network.bind_address if binding else None
        return Me(
            unit=self.unit.name.replace("/", "-"),
            address=str(address or ""),
            name=unit_name(self.net, self.app.name, self.unit.name, self.model.name),
            roles=self._roles(relation, document),
        )

    def _roles(self, relation: ops.Relation | None, document: Document | None) -> tuple[str, ...]:
        """Return the roles to run: the options', or the last ones while those make no process."""
        chosen = options.roles_of(self.product, self.config)
        line = line_of(self.product, document)
        if not problems_of(line, self.product.name, self.app.name, chosen):
            return chosen
        last = reported(relation, self.unit)
        return last.roles if last else ()

    def _document(self, relation: ops.Relation | None) -> Document | None:
        if relation is None:
            return None
        bag = relation.data[relation.app]
        if not bag.get("version"):
            return None
        try:
            return wire.decode_document(bag).value
        except wire.UnknownVersionError as error:
            self._complaint = str(error)
            return None

    @staticmethod
    def _gateways(event: ops.RelationDepartedEvent, *, leaves: bool) -> tuple[str, ...]:
        """List the addresses, as Juju writes them, of the gateways that this unit is parted from.

        The coordinator that the event is about is no longer among the relation's units, though it serves on.
        """
        relation = event.relation
        units = {*(relation.units if leaves else ()), *((event.unit,) if event.unit else ())}
        found = (relation.data[unit].get("ingress-address", "") for unit in units)
        return tuple(sorted(address for address in found if address))

    def _status(self, observed: worker.Observed, decided: worker.Desired) -> ops.StatusBase:
        """Say how the unit is: what is wrong, most severe first, or which roles run."""
        if observed.leaving and decided.report.phase is Phase.DRAINED:
            return ops.WaitingStatus("drained: it has handed over, and may be removed")
        if observed.leaving and decided.report.handover:
            return ops.MaintenanceStatus(f"draining: {decided.report.handover}")
        problems = self._lacking(observed) or self._waiting(observed, decided)
        return status.status_of(verdict_of(tuple(problems)), fine=f"{', '.join(observed.roles)} ready")

    def _lacking(self, observed: worker.Observed) -> list[Problem]:
        """List what only the administrator can give."""
        problems: list[Problem] = []
        chosen = options.roles_of(self.product, self.config)
        if not chosen:
            known = options.worker_options(self.product)
            names = ", ".join(option.name.removeprefix(options.ROLE) for option in known)
            problems.append(
                Problem(
                    code="no-role",
                    text="cannot run: no role is set",
                    remedy=f"set one or more of its options {options.ROLE}NAME to true; NAME is {names}",
                )
            )
        else:
            line = line_of(self.product, observed.document)
            problems.extend(problems_of(line, self.product.name, self.app.name, chosen))
        if self.model.get_relation(self._endpoint) is None:
            problems.append(
                Problem(
                    code="no-coordinator",
                    text="cannot run: there is no coordinator",
                    remedy=f"integrate {self.app.name}:{self._endpoint} with a coordinator of "
                    + self.product.title,
                )
            )
        if self._complaint:
            problems.append(Problem(code="wire", text=self._complaint, remedy=""))
        return problems

    def _waiting(self, observed: worker.Observed, decided: worker.Desired) -> list[Problem]:
        """List what heals by itself."""
        if observed.process.ready:
            why = decided.report.problem
            return [Problem(code="stale", text=why, remedy="", severity=Severity.WARNING)] if why else []
        if observed.document is None:
            text = "cannot start yet: the coordinator has published nothing"
            remedy = "see its status"
        else:
            text = f"cannot serve yet: {decided.report.problem or 'the process is not ready'}"
            remedy = ""
        return [Problem(code="not-ready", text=text, remedy=remedy, severity=Severity.WAITING)]
