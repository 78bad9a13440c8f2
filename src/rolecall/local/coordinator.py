"""Carry out a coordinator's decisions on this machine."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rolecall.core import changes, coordinator, forget, periods, trial, wire
from rolecall.core.model import Deployment, Group, ObjectStore, Problem, Report, Telemetry
from rolecall.core.product import Product, Settings
from rolecall.local import home as disk
from rolecall.local import memory
from rolecall.local.builds import Build
from rolecall.local.front import GatewayError, LocalGateway, Wish
from rolecall.local.home import Home
from rolecall.local.readiness import Asker
from rolecall.local.worker import Place, decoded_document, decoded_report

_REMEMBERED = 50
_FORGET_S = 15.0
"""How long a ring may take to answer: it tries for nine seconds to change what isn't there any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorHost:
    """The coordinator of one cluster on this machine."""

    product: Product
    deployment: Deployment
    settings: Settings
    groups: tuple[Group, ...]
    places: tuple[Place, ...]
    store: ObjectStore
    secret: str
    wish: Wish
    home: Home
    binary: str
    build: Build
    gateway: LocalGateway
    asker: Asker
    pages: tuple[forget.Page, ...] = ()
    """What ready units say of their rings."""
    reports: Mapping[str, Report] | None = None
    """Reports to use instead of the published ones, for a look that changes nothing."""
    problems: tuple[Problem, ...] = ()
    refused: list[GatewayError] = field(default_factory=list[GatewayError])
    """What the gateway refused to load."""
    telemetry: Telemetry = field(default_factory=Telemetry)

    def observe(self) -> coordinator.Observed:
        """Look at the cluster."""
        members = {place.unit: self._member(place) for place in self.places}
        return coordinator.Observed(
            deployment=self.deployment,
            settings=self.settings,
            groups=self.groups,
            members={unit: member for unit, member in members.items() if member is not None},
            unheard=frozenset(unit for unit, member in members.items() if member is None),
            store=self.store,
            secret=self.secret,
            restarts=restarts(self.home),
            front=self.gateway.observe(self.product, self.wish, self.settings),
            telemetry=self.telemetry,
            published=decoded_document(self.home),
            day=periods.day_of(time.time()),
            verified=verdicts(self.home, self.build),
            paused=memory.paused(self.home),
            memory=memory.recall(self.home),
            pages=self.pages,
            problems=self.problems,
        )

    def _member(self, place: Place) -> coordinator.Member | None:
        if self.reports is not None:
            report = self.reports.get(place.unit)
        else:
            report = decoded_report(self.home, place.unit)
        return None if report is None else coordinator.Member(group=place.group, report=report)

    def diff(
        self, observed: coordinator.Observed, decision: coordinator.Decision
    ) -> tuple[changes.Action, ...]:
        """Compare the cluster with what it should be."""
        state = changes.CoordinatorState(
            published=observed.published,
            gateway=self.gateway.loaded,
            serving=observed.front.serving,
            memory=observed.memory,
        )
        return changes.diff_coordinator(state, decision.desired)

    def apply(self, action: changes.Action) -> None:
        """Do one action on this machine."""
        match action:
            case changes.LoadGateway(text, serving):
                try:
                    self.gateway.load(text, serving, admin=self.settings.flag("admin"))
                except GatewayError as error:
                    # What doesn't need the gateway goes on; who runs the cycle hears of it afterwards.
                    self.refused.append(error)
            case changes.VerifyConfig(digest, config):
                self._remember(digest, verify(self.product, self.binary, config))
            case changes.PublishDocument(document):
                disk.write_json(self.home.document, wire.encode(document))
            case changes.Remember(newest):
                memory.remember(self.home, newest)
            case changes.ForgetMember(one):
                url = f"http://{one.address}:{self.product.port('http')}{one.path}"
                self.asker.ask(
                    url, method="POST", headers=forget.FORM, body=one.body.encode(), timeout_s=_FORGET_S
                )
            case _:
                raise TypeError(f"cannot apply {action!r}: it isn't a coordinator's")

    def _remember(self, digest: str, said: str) -> None:
        known = {key: str(text) for key, text in disk.read_map(self.home.verified).items()}
        newest = trial.remembering(known, f"{self.build.mark} {digest}", said, _REMEMBERED)
        disk.write_json(self.home.verified, newest)


def restarts(home: Home) -> dict[str, int]:
    """Return how many restarts of each unit were asked for by hand."""
    return {unit: number for unit, number in disk.read_map(home.restarts).items() if isinstance(number, int)}


def verdicts(home: Home, build: Build) -> dict[str, str]:
    """Return what a build said of the configs it was shown; what another one said is worth nothing."""
    told = ((*key.rpartition(" "), str(said)) for key, said in disk.read_map(home.verified).items())
    return {digest: said for mark, _, digest, said in told if mark == build.mark}


def verify(product: Product, binary: str, config: str) -> str:
    """Have the binary judge a config; return what it says, empty when it is good."""
    with tempfile.TemporaryDirectory(prefix="rolecall-") as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(config)
        (Path(folder) / "runtime.yaml").write_text("{}\n")
        result = subprocess.run(
            trial.command(product, binary, str(path)),
            env={**os.environ, **trial.variables(product, folder)},
            capture_output=True,
            text=True,
            timeout=trial.TIMEOUT_S,
            check=False,
        )
    return trial.judged(product, result.returncode, result.stderr + result.stdout, folder)
