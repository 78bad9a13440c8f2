"""A coordinator's own worker, in its container of the workload.

The relation of the coordinator's units is to it what the relation to the coordinator is to any other worker:
the document is read there, and it reports there. It follows what was published before its hook, as all do:
what the leader publishes in the same hook may still be lost with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ops
from msgspec.structs import replace

from rolecall.core import wire
from rolecall.core.bags import Bags
from rolecall.core.charm import Purpose
from rolecall.core.coordinator import Member
from rolecall.core.endpoints import charm_of, endpoint
from rolecall.core.model import Phase
from rolecall.core.solo import ROLES
from rolecall.juju import containers, departure, following, peers, status, store
from rolecall.juju.interfaces import bags
from rolecall.juju.net import unit_name
from rolecall.juju.worker_host import Me, WorkerHost

if TYPE_CHECKING:
    from rolecall.juju.coordinator import CoordinatorCharm

_SOON_S = 1


def follow(charm: CoordinatorCharm, *, wanted: bool, dismissed: bool = False) -> None:
    """Have the worker follow the document; it is no longer `wanted` when the option is off."""
    relation = _relation(charm)
    host = _host(charm, relation, dismissed=dismissed)
    _, decided = following.follow(host)
    # What a container that isn't up has on its storage can't be seen.
    ended = decided.report.phase is Phase.DRAINED or host.document is None
    if not wanted and ended and host.service.reachable and relation is not None:
        host.released()
        bags.write(relation, None, charm.unit, Bags(), keeps=host.keeps)


def follow_soon(charm: CoordinatorCharm) -> None:
    """Have the charm woken to follow what it has just published: Juju tells nobody what he wrote himself."""
    service = _host(charm, _relation(charm)).service
    if service.reachable:
        service.sleep_again()
        service.look_again(_SOON_S)


def parting(charm: CoordinatorCharm, relation: ops.Relation, event: Any) -> dict[str, Member]:
    """Return the workers that have parted and still answer, with the one that `event` says does so now.

    They serve, as units that are to go, until the own worker can: a relation that ends tells of it only
    when it has come about. The worker waits until no gateway sends to it (`departure`).
    """
    found = peers.read_parting(relation, charm.unit)
    cluster = endpoint(charm.product, Purpose.CLUSTER).name
    if isinstance(event, ops.RelationDepartedEvent) and event.relation.name == cluster and event.unit:
        report = wire.report_in(event.relation.data[event.unit])
        # Whoever goes with its whole application takes nobody's place.
        if event.departing_unit == event.unit and report is not None and charm.app.planned_units():
            name = event.unit.name.replace("/", "-")
            found[name] = Member(group=event.unit.app.name, report=replace(report, leaving=True))
    port, ready = charm.product.port("http"), charm.product.ready
    return {
        name: member
        for name, member in found.items()
        if charm.net.ask(f"http://{member.report.address}:{port}{ready}").status == 200
    }


def await_left_out(charm: CoordinatorCharm, event: ops.RelationDepartedEvent) -> None:
    """Have a worker that goes with its unit serve until the other coordinators' gateways leave it out.

    If several go together, it serves until it is the last of them.
    """
    # The bag of the one that the event is about can't be read among peers.
    others = {*event.relation.units, event.unit} - {charm.unit, None}
    names = {unit_name(charm.net, charm.app.name, one.name, charm.model.name) for one in others if one}
    unit = charm.unit.name.replace("/", "-")
    departure.await_forgotten(charm.product, charm.net, unit, sorted(names), departure.FORGET_S)

    def say(waits: str) -> None:
        status.show(charm.unit, ops.MaintenanceStatus(f"leaving: {waits}"))

    departure.await_turn(charm.roster, charm.net, charm.unit.name, departure.TURN_S, say)


def hand_over(charm: CoordinatorCharm) -> None:
    """Have a worker that goes with its unit hand over what it holds.

    Raises:
        NotHandedOverError: it hasn't in time.
    """

    def say(waits: str) -> None:
        status.show(charm.unit, ops.MaintenanceStatus(f"draining: {waits}"))

    following.hand_over(_host(charm, None, dismissed=True, hands_over=True), say)


def _relation(charm: CoordinatorCharm) -> ops.Relation | None:
    return charm.model.get_relation(endpoint(charm.product, Purpose.PEERS).name)


def _host(
    charm: CoordinatorCharm,
    relation: ops.Relation | None,
    *,
    dismissed: bool = False,
    hands_over: bool = False,
) -> WorkerHost:
    made = charm_of(charm.product)
    unit = charm.unit.name.replace("/", "-")
    document = peers.read_shared(relation, charm.app).document
    container = charm.unit.get_container(made.container)
    return WorkerHost(
        product=charm.product,
        charm=made,
        me=Me(unit=unit, address=charm.address, name=charm.host_name, roles=ROLES),
        container=container,
        service=containers.Service(container, container.name),
        unit=charm.unit,
        relation=relation,
        document=document,
        credentials=store.credentials_of(charm.model, document.secret) if document else None,
        net=charm.net,
        leaving=document is not None and (not document.solo or unit in document.outgoing),
        dismissed=dismissed,
        hands_over=hands_over,
        beside=True,
        keeps=frozenset((peers.CONSENT, peers.GOES, peers.PARTING)),
    )
