"""Carry out a coordinator's decisions: its gateway, what the workers read, what its peers read."""

from __future__ import annotations

import time
from collections.abc import Mapping

import ops
from msgspec import Struct, field
from msgspec.structs import replace

from rolecall.core import changes, consent, coordinator, gateway, periods, solo, trial, wire
from rolecall.core.charm import Charm
from rolecall.core.model import Deployment, Group, ObjectStore, Problem
from rolecall.core.product import Product, Settings
from rolecall.juju import containers, peers, store
from rolecall.juju.gateway import PASSWORDS, STATUS_PORT, GatewayError, Loaded, NginxGateway, Tls
from rolecall.juju.interfaces import bags
from rolecall.juju.peers import Shared
from rolecall.juju.rings import Rings, Seen

_REMEMBERED = 20
"""How many verdicts of the binary are kept."""
_TRIAL = "/tmp/rolecall"  # noqa: S108 - in a container that nobody else writes in


class UntriedError(Exception):
    """The binary could not be run: a later hook has to ask it again."""


class Given(Struct, frozen=True, kw_only=True):
    """What a hook finds around the charm, and what doesn't change while it runs."""

    deployment: Deployment
    settings: Settings
    store: ObjectStore | None
    secret: str = ""
    authority: str = ""
    tls: Tls = field(default_factory=Tls)
    listeners: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class CoordinatorHost(Struct, kw_only=True):
    """One coordinator unit, for one hook."""

    product: Product
    charm: Charm
    unit: ops.Unit
    app: ops.Application
    leads: bool
    workers: tuple[ops.Relation, ...]
    """The relations to the worker applications."""
    peers: ops.Relation | None
    container: ops.Container
    """The workload's, in which the product's own binary is."""
    gateway: NginxGateway
    address: str
    model: ops.Model
    given: Given
    shared: Shared
    rings: Rings
    solo: bool = False
    """Whether the coordinator's own workers are to serve while no others can."""
    parting: Mapping[str, coordinator.Member] = field(default_factory=dict[str, coordinator.Member])
    """Workers that have parted from this unit, and serve until its own take their place."""
    loaded: Loaded = field(default_factory=Loaded)
    """What the gateway did when it was last looked at."""
    refused: str = ""
    """What the gateway refused to load."""
    untried: str = ""
    """Why the binary could not be run, which says nothing of the config."""

    def observe(self) -> coordinator.Observed:
        """Look at the cluster."""
        self.loaded = self.gateway.observe()
        members = self.members()
        others = peers.read_consents(self.peers)
        seen = self.rings.look(members) if self.leads and self._all_heard(members) else Seen()
        return coordinator.Observed(
            deployment=self.given.deployment,
            settings=self.given.settings,
            groups=self._groups(members),
            own=Group(name=self.app.name, roles=solo.ROLES, units=len(self._own())) if self.solo else None,
            members=members,
            store=self.given.store,
            secret=self.given.secret,
            authority=self.given.authority,
            front=coordinator.Front(
                options=self._options(),
                dialect=self.gateway.dialect(),
                paths=self.gateway.paths(),
                serving=consent.serving(self.shared.hold, self.loaded.units, others, members),
            ),
            published=self.shared.document,
            day=periods.day_of(time.time()),
            verified=self.shared.verified,
            held=None if self.leads else self.shared.hold.units,
            paused=self.shared.paused,
            outgoing=self.shared.outgoing,
            pages=seen.pages,
            unheard=seen.departing,
            memory=self.shared.memory,
            problems=self.given.problems,
        )

    def _all_heard(self, members: Mapping[str, coordinator.Member]) -> bool:
        """Whether every unit has said what it is, in words that can be read."""
        beside = sum(member.beside for member in members.values())
        own = len(self._own()) if self.solo else beside
        others = sum(len(relation.units) for relation in self.workers)
        return own + others == len(members) - len(self._parting())

    def _parting(self) -> dict[str, coordinator.Member]:
        """Return those that have parted and are still sent to; who no longer is, is gone."""
        return {name: one for name, one in self.parting.items() if name in self.loaded.units}

    def _own(self) -> tuple[ops.Unit, ...]:
        """List the coordinator's units."""
        return (self.unit, *(self.peers.units if self.peers else ()))

    def diff(
        self, observed: coordinator.Observed, decision: coordinator.Decision
    ) -> tuple[changes.Action, ...]:
        """Compare the cluster with what it should be."""
        state = changes.CoordinatorState(
            published=observed.published,
            gateway=self.loaded.text,
            # Whom the gateway sends to is said by its text, and the others' gateways aren't ours to load.
            serving=decision.desired.serving,
            memory=observed.memory,
        )
        actions = changes.diff_coordinator(state, decision.desired)
        return tuple(action for action in actions if self._can(action))

    def _can(self, action: changes.Action) -> bool:
        """Whether this unit may do an action, and has what it takes."""
        match action:
            case changes.LoadGateway():
                return self.gateway.reachable and not self.refused
            case changes.VerifyConfig():
                return self.leads and self.container.can_connect() and not self.untried
            case changes.ForgetMember(one):
                return self.leads and self.rings.may_forget(one)
            case _:
                return self.leads

    def apply(self, action: changes.Action) -> None:
        """Do one action."""
        match action:
            case changes.LoadGateway(text, _):
                try:
                    self.gateway.load(text)
                except GatewayError as error:
                    # What doesn't need the gateway goes on; the status tells.
                    self.refused = str(error)
            case changes.VerifyConfig(digest, config):
                self._verify(digest, config)
            case changes.PublishDocument(document):
                self.shared = replace(self.shared, document=document)
            case changes.ForgetMember(one):
                if self.rings.may_forget(one):
                    self.rings.forget(one)
            case changes.Remember(memory):
                self.shared = replace(self.shared, memory=memory)
            case _:
                raise TypeError(f"cannot apply {action!r}: it isn't a coordinator's")

    def _verify(self, digest: str, config: str) -> None:
        try:
            said = verify(self.product, self.charm, self.container, config)
        except UntriedError as error:
            self.untried = str(error)
            return
        verified = trial.remembering(self.shared.verified, digest, said, _REMEMBERED)
        self.shared = replace(self.shared, verified=verified)

    def agree(self, decision: coordinator.Decision) -> bool:
        """Take note of whom the gateways are to leave out; return whether that is news."""
        if not self.leads:
            return False
        # A number is given anew: the next unit that bears it is another one.
        there = {unit.id for unit in decision.cluster.units}
        outgoing = tuple(name for name in self.shared.outgoing if name in there)
        self.shared = replace(self.shared, outgoing=outgoing)
        hold = consent.held_next(self.shared.hold, decision.rollout.held)
        news, self.shared = hold != self.shared.hold, replace(self.shared, hold=hold)
        return news

    def publish(self) -> bool:
        """Tell the workers and the peers, as far as it is news to them; return whether the document is."""
        own = consent.Consent(serving=self.loaded.units, revision=self.shared.hold.revision)
        if self.refused:
            # The gateway doesn't follow the newest hold, so it hasn't agreed to it.
            own = replace(own, revision=-1)
        app = self.app if self.leads else None
        self.shared = replace(self.shared, tidy=self.rings.tidy)
        news: tuple[str, ...] = ()
        if self.peers is not None:
            keeps = peers.REPORT if peers.reports(self.peers, self.unit) else frozenset[str]()
            told = peers.shared_bags(self.shared, own, self._parting())
            news = bags.write(self.peers, app, self.unit, told, keeps=keeps)
        if app is None or self.shared.document is None:
            return False
        document = wire.encode(self.shared.document)
        for relation in self.workers:
            said = relation.data[app].get("secret", "")
            written = bags.write_app(relation, app, document)
            if "secret" in written and said.partition("#")[0] != document["secret"].partition("#")[0]:
                store.grant(self.model, relation)
        return "revision" in news

    def foreign(self) -> tuple[Problem, ...]:
        """List the units that speak another version: all else takes them for absent."""
        found = ((unit, relation.data[unit]) for relation in self.workers for unit in relation.units)
        return tuple(
            Problem(
                code="foreign-version",
                text=f"cannot understand {unit.name}: it speaks version {bag['version']} "
                f"of the cluster's bags, this unit speaks {wire.VERSION}",
                remedy="refresh the older of the two charms",
            )
            for unit, bag in found
            if bag.get("version", str(wire.VERSION)) != str(wire.VERSION)
        )

    def members(self) -> dict[str, coordinator.Member]:
        """Return what the workers' units and the coordinators' own say of themselves, by unit."""
        found = dict(self._parting())
        for relation in self.workers:
            for unit in relation.units:
                report = wire.report_in(relation.data[unit])
                if report is not None and report.roles:
                    name = unit.name.replace("/", "-")
                    found[name] = coordinator.Member(group=relation.app.name, report=report)
        for unit, report in peers.read_reports(self.peers, self.unit).items():
            name = unit.replace("/", "-")
            found[name] = coordinator.Member(group=self.app.name, report=report, beside=True)
        return dict(sorted(found.items()))

    def _groups(self, members: Mapping[str, coordinator.Member]) -> tuple[Group, ...]:
        """List the worker applications that run something; their units say which roles."""
        reports = reversed(tuple((one.group, one.report) for one in members.values()))
        roles = {group: report.becomes or report.roles for group, report in reports}
        return tuple(
            Group(name=relation.app.name, roles=roles[relation.app.name], units=len(relation.units))
            for relation in self.workers
            if relation.app.name in roles
        )

    def _options(self) -> gateway.Options:
        options = gateway.options_of(
            self.product, self.given.settings, address=self.address, ports={}, admin_file=PASSWORDS
        )
        return replace(
            options,
            listeners=self.given.listeners,
            certificate=self.given.tls.certificate,
            key=self.given.tls.key,
            tells=True,
            status_port=STATUS_PORT,
        )


def verify(product: Product, charm: Charm, container: ops.Container, config: str) -> str:
    """Have the binary judge a config; return what it says, empty when it is good.

    Raises:
        UntriedError: it could not be run, or not to its end.
    """
    path = f"{_TRIAL}/config.yaml"
    containers.write_text(container, path, config)
    containers.write_text(container, f"{_TRIAL}/runtime.yaml", "{}\n")
    command = trial.command(product, charm.binary, path)
    environment = trial.variables(product, _TRIAL)
    ran = containers.run(container, command, timeout_s=trial.TIMEOUT_S, environment=environment)
    if ran.code == containers.NOT_RUN:
        raise UntriedError(f"{charm.binary} could not be run: {ran.errors}")
    return trial.judged(product, ran.code, ran.errors + ran.output, _TRIAL)
