"""Lives of a cluster in the driver, each drawn from a seed: the same seed lives the same life.

A life is a deployment, which it shares with its next of kin, and then several acts. In a *quiet* act one
thing happens to a cluster at rest, so that it can be said exactly which processes may have started. In a
*storm* several things happen while the hooks of the earlier ones still run. After each act all trouble is
ended, and the cluster must come to rest in a state that is judged whole. At the end of the life everybody
looks once more, is shown the same in another order, and may do nothing.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from random import Random

from clusters import Deployed, Groups, deploy
from deeds import Deeds
from driver import Unit

from rolecall.core.model import Choices
from rolecall.core.product import Product
from rolecall.core.roles import Combine, problems_of

_QUIET = 0.6
"""How many of the acts are quiet."""
_STEPS = 16
"""The most hooks between two things that happen in a storm."""
_ACTS = (3, 3, 3, 3, 3, 4, 4, 8)
"""How many acts a life has, one as likely as the next."""
SHARE = 8
"""Lives that share a deployment: those of the seeds 0 to 7, of 8 to 15, and so on."""


def random_groups(random: Random, product: Product) -> Groups:
    """Draw worker applications that make a whole cluster."""
    line = product.lines[0]
    if random.random() < 0.5 and not line.missing(line.expand(("all",))):
        return (("w0", ("all",), random.choice((1, 2, 3))),)
    groups: list[tuple[str, ...]] = []
    present: set[str] = set()
    while missing := line.missing(present):
        written = {random.choice(missing)}
        if line.combine is Combine.ANY:
            written.update(random.sample(missing, random.randint(0, len(missing) - 1)))
        names = tuple(name for name in line.names if name in written)
        assert not problems_of(line, product.name, "", names)
        groups.append(names)
        present.update(line.expand(names))
    return tuple(
        (f"w{number}", names, random.choice((1, 1, 1, 2)) if len(groups) > 2 else random.choice((1, 2, 3)))
        for number, names in enumerate(groups)
    )


class Fate:
    """One life."""

    def __init__(self, start: int, product: Product) -> None:
        """Deploy the cluster of the lives of the seeds from `start * SHARE`; nothing has run yet."""
        self.random = Random(start)  # noqa: S311 - the same seed has to give the same life
        groups = random_groups(self.random, product)
        coordinators = self.random.choice((1, 1, 1, 2))
        self.deployed: Deployed = deploy(product, groups, coordinators=coordinators, seed=start)
        self.world = self.deployed.world
        self.world.planted |= {"AKIAPLANTED", "planted-secret-key"}
        self.deeds = Deeds(self.random, self.deployed)
        self.history = [f"deploy {groups}, {coordinators} coordinators"]

    @classmethod
    def of(cls, seed: int, product: Product) -> Fate:
        """Live through the life of a seed."""
        fate = cls(seed // SHARE, product)
        fate.begin()
        fate.go_on(seed)
        return fate

    def begin(self) -> None:
        """Let the deployed cluster come to rest."""
        with self._telling():
            self._rest()

    def go_on(self, seed: int) -> None:
        """Live through the acts of a seed."""
        self.random.seed(seed)
        self.deployed.juju.reseed(seed)
        with self._telling():
            for _ in range(self.random.choice(_ACTS)):
                if self.random.random() < _QUIET:
                    self._quiet()
                else:
                    self._storm()
                self._mend()
            self._look_again()

    @contextmanager
    def _telling(self) -> Generator[None]:
        """Let a failure tell what happened before it."""
        try:
            yield
        except Exception as error:
            error.add_note("\n".join(("what happened:", *(f"  {line}" for line in self.history))))
            raise

    def _quiet(self) -> None:
        """Let one thing happen, and judge who was started."""
        deed = self.random.choice(self.deeds.silent)
        before, made = dict(self.world.births), self._choices()
        self.history.append(f"quiet: {deed()}")
        self.deployed.settle()
        self._judge_always()
        # A choice that had to change (a unit that others reach by name is gone; a third writer came) is
        # allowed to restart whoever reads it.
        if self._choices() != made or self.deeds.parted:
            return
        # Who has gone may have come back for its readers in between; G1 is of all the others.
        there = {unit.name for unit in self.deployed.units()}
        started = {name: n - before.get(name, 0) for name, n in self.world.births.items() if name in there}
        guilty = {name: n for name, n in started.items() if n and name in before}
        for name in self.deeds.lost:
            if guilty.get(name) == 1:
                del guilty[name]
        assert not guilty, f"G1: started without need: {guilty}"

    def _storm(self) -> None:
        """Let several things happen before the cluster has come to rest."""
        for _ in range(self.random.choice((1, 2, 2))):
            deed = self.random.choice((*self.deeds.silent, *self.deeds.loud))
            self.history.append(f"storm: {deed()}")
            for _ in range(self.random.randrange(_STEPS)):
                self.deployed.juju.step()
        if self.random.random() < 0.5 or self.deeds.parted:
            self.deployed.settle()
            self._judge_always()

    def _mend(self) -> None:
        self.history.append("mend")
        self.deeds.mend()
        self._rest()

    def _rest(self) -> None:
        self.deployed.settle()
        self._judge_always()
        self._judge_rest()
        self.world.rested()

    def _look_again(self) -> None:
        """Show everybody the same in another order, and let nobody do anything."""
        juju, world = self.deployed.juju, self.world
        self.history.append("look again")
        before = self._everything()
        ran = len(world.executed)
        juju.shuffle(self.random)
        for path in self._files():
            os.utime(path, (0, 0))
        juju.update_status()
        self.deployed.settle()
        written = [str(path) for path in self._files() if path.stat().st_mtime]
        assert not written, f"G11: written without need: {written}"
        assert world.executed[ran:] == [], f"G11: run without need: {world.executed[ran:]}"
        assert self._everything() == before, "G2, G11: told or started without need"

    def _everything(self) -> object:
        """Return all that is kept anywhere and can be told from what was."""
        juju, world = self.deployed.juju, self.world
        bags = {link.id: (copy(link.app_bags), copy(link.unit_bags)) for link in juju.model.links.values()}
        plans = {
            unit.name: [container.plan.to_dict() for container in unit.containers.values()]
            for unit in juju.model.units
        }
        statuses = {unit.name: unit.status for unit in juju.model.units}
        return bags, plans, statuses, copy(world.births), copy(world.texts)

    def _files(self) -> Iterator[Path]:
        """List the files of all containers."""
        for unit in self.deployed.juju.model.units:
            for name in unit.containers:
                yield from (path for path in unit.files(name).rglob("*") if path.is_file())

    def _choices(self) -> Choices:
        """Return what was chosen for the cluster, less what takes effect without a restart."""
        document = self.deployed.shared().document
        chosen = document.choices if document else Choices()
        return Choices(replication_factor=chosen.replication_factor, peers=chosen.peers, dialed=chosen.dialed)

    def _judge_always(self) -> None:
        """Judge what holds whenever no hook waits, whatever is wrong with the cluster."""
        assert not self.world.violations, self.world.violations
        deployed, ready = self.deployed, self._ready()
        shared = deployed.shared()
        if shared.document is None:
            return
        there = {_pod(unit) for unit in deployed.units()}
        assert set(shared.hold.units) <= there, f"G7: held: {shared.hold.units}"
        assert set(shared.document.grants) <= there, f"G7: granted: {shared.document.grants}"
        assert set(shared.document.held) <= there, f"G7: held: {shared.document.held}"
        for name in deployed.workers:
            if self._speaks(name):
                assert deployed.document(name) == shared.document, f"{name} was told something else"
        for unit in deployed.coordinators():
            sends = set(self.world.told(unit.name)["units"])
            silent = ready - set(shared.hold.units) - sends
            assert sends <= ready, f"G8: {unit.name} sends to {sends - ready}, not ready"
            assert not silent or self._may_be_silent(silent), f"G8: {unit.name} doesn't send to {silent}"

    def _judge_rest(self) -> None:
        """Judge a cluster that nothing is wrong with."""
        deployed = self.deployed
        for unit in deployed.juju.model.units:
            assert unit.status.startswith(("active", "unknown")), f"{unit.name} is {unit.status}"
        for unit in deployed.units():
            process = self.world.processes.get(unit.name)
            assert process is not None and process.ready, f"{unit.name} doesn't run: {process}"
            fresh = process.identity == deployed.wanted(unit)
            assert fresh or self._may_be_silent({_pod(unit)}), f"{unit.name} runs something old"
        shared = deployed.shared()
        assert shared.document is not None, "nothing was published"
        assert not shared.hold.units and not shared.document.grants, f"left: {shared}"
        strangers = self.world.strangers()
        assert not strangers, f"G7: {strangers} are still members of the rings"
        names = {
            f"{_pod(unit)}.{unit.app.name}-endpoints.model.svc.cluster.local" for unit in deployed.units()
        }
        chosen = shared.document.choices
        assert set(chosen.seeds) <= names, f"G7: seeds: {chosen.seeds}"
        assert set(chosen.peers.values()) <= names, f"G7: peers: {chosen.peers}"
        assert set(chosen.dialed) <= {_pod(unit) for unit in deployed.units()}, f"G7: dialed: {chosen.dialed}"

    def _speaks(self, worker: str) -> bool:
        return bool(self.deployed.juju.app(worker).units)

    def _ready(self) -> set[str]:
        """List the units whose process is ready and whose coordinator knows them."""
        processes = self.world.processes
        running = [unit for unit in self.deployed.units() if unit.name in processes]
        return {_pod(unit) for unit in running if processes[unit.name].ready}

    def _may_be_silent(self, silent: set[str]) -> bool:
        """Whether requests may leave these units out: others dial the rest of their kind."""
        product, line = self.deployed.product, self.deployed.product.lines[0]
        if product.dials is None:
            return False
        running = {_pod(unit): line.expand(self.world.roles_of(unit)) for unit in self.deployed.units()}
        return all(product.dials[1] in running[name] for name in silent)


def _pod(unit: Unit) -> str:
    return unit.name.replace("/", "-")
