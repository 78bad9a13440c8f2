"""What happens to a world, drawn from a seed: the same seed gives the same history."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from msgspec.structs import replace

from rolecall.core import roles as core_roles
from rolecall.core.model import Group, Problem
from rolecall.core.product import Product
from rolecall.core.roles import Combine
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
        self.good: dict[str, object] = {}
        self.raw = self.good
        self.number = 0
        self.history: list[str] = []

    def run(self) -> None:
        """Live through a history, then see that the world comes to rest."""
        for _ in range(_ACTS):
            if self.random.random() < 0.3:
                self.settle()
            for _ in range(self.random.choice((1, 1, 2))):
                self.history.append(f"event: {self.event()}")
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
            self.history[-1] = f"event: {self.event()}"
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
                world.judge()

    def _stop_after(self) -> int | None:
        """Sometimes end a host in the middle of its actions."""
        return self.random.randrange(3) if self.random.random() < 0.1 else None

    def event(self) -> str:
        """Let the administrator or chance do something."""
        events: tuple[Callable[[], str], ...] = (
            self.change_config,
            self.change_config,
            self.change_config,
            self.change_limits,
            self.break_config,
            self.break_config,
            self.break_config,
            self.revert_config,
            self.refuse_config,
            self.refuse_settings,
            self.join,
            self.leave,
            self.leave,
            self.stay,
            self.vanish,
            self.crash,
            self.crash,
            self.upgrade,
            self.restart,
            self.lose_store,
        )
        return self.random.choice(events)()

    def change_config(self) -> str:
        """Change the config to another good one."""
        self.good = {"config-overrides": {"simulation": {"number": self._next()}}}
        return self._set(self.good)

    def change_limits(self) -> str:
        """Change only what is reloaded."""
        return self._set({**self.raw, "retention": f"{self._next()}d"})

    def break_config(self) -> str:
        """Change the config to one that some units can't become ready with."""
        bad_for = self.random.choice(("everything", *(role.name for role in self.world.line.roles)))
        return self._set({"config-overrides": {"simulation": {"number": self._next(), "bad_for": bad_for}}})

    def refuse_config(self) -> str:
        """Change the config to one that the binary refuses."""
        return self._set({"config-overrides": {"simulation": {"number": self._next(), "refused": True}}})

    def revert_config(self) -> str:
        """Go back to the last good config."""
        return self._set(self.good)

    def refuse_settings(self) -> str:
        """Find the settings bad, or good again."""
        problem = Problem(code="bad-setting", text="cannot use it", remedy="")
        self.world.refused = () if self.world.refused else (problem,)
        return f"settings refused: {bool(self.world.refused)}"

    def join(self) -> str:
        """Add a unit."""
        return "join " + self.world.join(self.random.choice(sorted(self.world.groups)))

    def leave(self) -> str:
        """Ask a unit to go."""
        if not self.world.machines:
            return "nothing"
        unit = self.random.choice(sorted(self.world.machines))
        self.world.leave(unit)
        return f"leave {unit}"

    def stay(self) -> str:
        """Change one's mind about the units that are to go."""
        leaving = sorted(unit for unit, machine in self.world.machines.items() if machine.leaving)
        for unit in leaving:
            self.world.stay(unit)
        return f"stay {leaving}"

    def vanish(self) -> str:
        """Lose a unit for good."""
        if len(self.world.machines) < 3 or self.random.random() < 0.5:
            return "nothing"
        unit = self.random.choice(sorted(self.world.machines))
        self.world.vanish(unit)
        return f"vanish {unit}"

    def crash(self) -> str:
        """Let a process end, or become unwell."""
        if not self.world.machines:
            return "nothing"
        unit, dead = self.random.choice(sorted(self.world.machines)), self.random.random() < 0.5
        self.world.crash(unit, dead=dead)
        return f"crash {unit} {'dead' if dead else 'unwell'}"

    def upgrade(self) -> str:
        """Put another binary in place."""
        number = self._next()
        for machine in self.world.machines.values():
            machine.paths = replace(machine.paths, binary=f"/usr/bin/product-{number}")
        return f"upgrade {number}"

    def restart(self) -> str:
        """Ask for a restart by hand."""
        if not self.world.machines:
            return "nothing"
        unit = self.random.choice(sorted(self.world.machines))
        self.world.restarts = {**self.world.restarts, unit: self.world.restarts.get(unit, 0) + 1}
        return f"restart {unit}"

    def lose_store(self) -> str:
        """Lose the object store for a while, or find it again."""
        self.world.store_down = not self.world.store_down
        return f"store down: {self.world.store_down}"

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _set(self, raw: dict[str, object]) -> str:
        self.raw = raw
        self.world.set(raw)
        return f"settings {raw}"

    def calm(self) -> None:
        """End all trouble: a good config, nothing refused, a unit for every group."""
        self.world.refused = ()
        self.world.store_down = False
        self._set(self.good)
        for name, group in sorted(self.world.groups.items()):
            if not group.units:
                self.world.join(name)

    def settle(self) -> None:
        """Let everybody work in turn until nothing is left to do, in a bounded number of rounds."""
        empty = not all(group.units for group in self.world.groups.values())
        trouble = self.raw != self.good or self.world.refused or self.world.store_down
        if trouble or empty:  # There is trouble, so nothing has to rest.
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
            world.judge()
            if not world.machines[unit].ready and self.random.random() < 0.7:
                world.progress(unit)
                done |= bool(world.work(unit))
            world.deliver_report(unit)
            world.release(unit)
        for number in range(len(world.gateways)):
            world.settle_gateway(number)
        world.judge()
        world.pass_time(5)
        return (
            done
            or before != self._look()
            or not all(machine.ready and not machine.leaving for machine in world.machines.values())
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
