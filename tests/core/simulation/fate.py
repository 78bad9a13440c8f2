"""What happens to a world, drawn from a seed: the same seed gives the same history."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from rolecall.core import roles as core_roles
from rolecall.core.model import Group
from rolecall.core.product import Product
from rolecall.core.roles import Combine
from simulation import judging
from simulation.acts import Acts
from simulation.parts import essence, lean
from simulation.world import World

_ACTS = 3
_STEPS = 25


def random_groups(random: Random, product: Product) -> tuple[Group, ...]:
    """Draw worker groups that make a coherent cluster, from nothing but the product's line."""
    line = product.lines[0]
    groups: list[tuple[str, ...]] = []
    present: set[str] = set()
    while missing := line.missing(present):
        written = {random.choice(missing)}
        if line.combine is Combine.ANY:
            written.update(random.sample(line.names, random.randint(0, len(line.names) // 2)))
        names = tuple(sorted(written))
        assert not core_roles.problems_of(line, product.name, "", names)
        groups.append(names)
        present.update(line.expand(names))
    return tuple(
        Group(name=f"g{number}", roles=names, units=random.choice((1, 2, 3)))
        for number, names in enumerate(groups)
    )


class Fate:
    """Draws what happens next."""

    def __init__(self, seed: int, product: Product) -> None:
        """Make the world of a seed."""
        self.random = Random(seed)  # noqa: S311 - the same seed has to give the same history
        self.world = World(lean(product), random_groups(self.random, product))
        self.acts = Acts(self.random, self.world)
        self.history: list[str] = []

    def run(self) -> None:
        """Live through a history, then see that the world comes to rest."""
        for _ in range(_ACTS):
            if self.random.random() < 0.3:
                self.settle()
            for _ in range(self.random.choice((1, 1, 2))):
                self.history.append(f"event: {self.acts.event()}")
            for _ in range(_STEPS):
                self.step()
        self.calm()
        self.settle()

    def step(self) -> None:
        """Do one thing."""
        world, random = self.world, self.random
        world.pass_time(1)
        kind = random.choices(("visit", "coordinate", "gateway", "event"), (24, 12, 6, 1))[0]
        self.history.append(kind)
        if kind == "coordinate":
            world.coordinate(self._stop_after())
        elif kind == "gateway":
            world.settle_gateway(random.randrange(len(world.gateways)))
        elif kind == "event":
            self.history[-1] = f"event: {self.acts.event()}"
        elif world.machines:
            self._visit(random.choice(sorted(world.machines)))

    def _visit(self, unit: str) -> None:
        """Let some of what may happen at a unit happen."""
        world = self.world
        steps: tuple[tuple[str, float, Callable[[], object]], ...] = (
            ("document", 0.5, lambda: world.deliver_document(unit)),
            ("work", 0.8, lambda: world.work(unit, self._stop_after())),
            ("supervise", 0.4, lambda: world.supervise(unit)),
            ("progress", 0.7, lambda: world.progress(unit)),
            ("work", 0.6, lambda: world.work(unit, self._stop_after())),
            ("report", 0.5, lambda: world.deliver_report(unit)),
            ("release", 0.3, lambda: world.release(unit)),
        )
        self.history[-1] = f"visit {unit}:"
        for name, chance, act in steps:
            if self.random.random() < chance and unit in world.machines:
                self.history[-1] += f" {name}"
                act()
                judging.always(world)

    def _stop_after(self) -> int | None:
        """Sometimes end a host in the middle of its actions."""
        return self.random.randrange(3) if self.random.random() < 0.1 else None

    def calm(self) -> None:
        """End all trouble: a good config, nothing refused, a unit for every group."""
        self.world.refused = ()
        self.world.store_down = False
        self.world.resume()
        self.acts.revert_config()
        for name, group in sorted(self.world.groups.items()):
            if not group.units:
                self.world.join(name)

    def settle(self) -> None:
        """Let everybody work in turn until nothing is left to do, in a bounded number of rounds."""
        empty = not all(group.units for group in self.world.groups.values())
        trouble = self.acts.raw != self.acts.good or self.world.refused or self.world.store_down
        undone = self.world.memory.undone
        if trouble or empty or undone:  # There is trouble, so nothing has to rest.
            return
        bound = 40 + 16 * len(self.world.machines)
        for _ in range(bound):
            if not self._round():
                self._judge_rest()
                return
        raise AssertionError(f"no rest after {bound} rounds: {self._stuck()}")

    def _round(self) -> bool:
        """Let everybody work once, in a random order; say whether anything was done or is under way."""
        world = self.world
        before = self._look()
        done = bool(world.coordinate())
        units = sorted(world.machines)
        self.random.shuffle(units)
        for unit in units:
            world.supervise(unit)
            world.deliver_document(unit)
            done |= bool(world.work(unit))
            judging.always(world)
            if not world.machines[unit].ready and self.random.random() < 0.7:
                world.progress(unit)
                done |= bool(world.work(unit))
            world.deliver_report(unit)
            world.release(unit)
        for number in range(len(world.gateways)):
            world.settle_gateway(number)
        judging.always(world)
        world.pass_time(5)
        return (
            done
            or bool(world.ghosts())
            or before != self._look()
            or not all(machine.ready and not machine.going for machine in world.machines.values())
        )

    def _look(self) -> tuple[object, ...]:
        world = self.world
        return set(world.machines), dict(world.seen), [gateway.sends_to for gateway in world.gateways]

    def _judge_rest(self) -> None:
        """Judge the world at rest: everything runs what it should, is ready, and is sent to."""
        world = self.world
        decision = world.decide(world.observe())
        assert world.document is not None
        assert not decision.rollout.remaining, self._stuck()
        assert not world.document.grants, self._stuck()
        for gateway in world.gateways:
            assert gateway.sends_to == frozenset(world.machines) - decision.spare, self._stuck()
        for machine in world.machines.values():
            assert machine.ready, self._stuck()
            fresh = essence(machine.read) == essence(world.document.config)
            assert fresh or machine.unit in decision.spare, self._stuck()

    def _stuck(self) -> str:
        world = self.world
        return f"{world.coordinate()} {world.document and world.document.grants} {world.seen}"
