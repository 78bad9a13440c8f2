"""What an administrator or chance does to a world."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from msgspec.structs import replace

from rolecall.core.handover import way_of
from rolecall.core.model import Problem
from rolecall.core.roles import Combine
from simulation.world import World


class Acts:
    """Draws what is done, and to whom."""

    def __init__(self, random: Random, world: World) -> None:
        """Act upon a world in which nothing was changed yet."""
        self.random = random
        self.world = world
        self.good: dict[str, object] = {}
        """The last settings that every unit can become ready with."""
        self.raw = self.good
        self.number = 0

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
            self.break_units,
            self.break_units,
            self.revert_config,
            self.undo,
            self.resume,
            self.refuse_config,
            self.refuse_settings,
            self.join,
            self.leave,
            self.leave,
            self.stay,
            self.force,
            self.change_roles,
            self.swap_roles,
            self.swap_roles,
            self.change_leader,
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

    def break_units(self) -> str:
        """Change the config to one that one or two units, whichever these are, can't become ready with."""
        units = sorted(self.world.machines)
        bad_for = ",".join(self.random.sample(units, min(len(units), self.random.choice((1, 2)))))
        return self._set({"config-overrides": {"simulation": {"number": self._next(), "bad_for": bad_for}}})

    def refuse_config(self) -> str:
        """Change the config to one that the binary refuses."""
        return self._set({"config-overrides": {"simulation": {"number": self._next(), "refused": True}}})

    def revert_config(self) -> str:
        """Go back to the last good config."""
        return self._set(self.good)

    def undo(self) -> str:
        """Go back to the last settings that all units ran with."""
        return f"undo: {self.world.undo()}"

    def resume(self) -> str:
        """Let the newest settings hold."""
        self.world.resume()
        return "resume"

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

    def force(self) -> str:
        """Lose patience with a unit that is to go."""
        leaving = sorted(unit for unit, machine in self.world.machines.items() if machine.leaving)
        if not leaving:
            return "nothing"
        unit = self.random.choice(leaving)
        self.world.machines[unit].forced = True
        return f"force {unit}"

    def change_roles(self) -> str:
        """Give a group other roles, such that none is missing."""
        world, line = self.world, self.world.line
        name = self.random.choice(sorted(world.groups))
        most = 1 if line.combine is Combine.ONE else len(line.names)
        roles = tuple(sorted(self.random.sample(line.names, self.random.randint(1, most))))
        others = {role for group in world.groups.values() if group.name != name for role in group.roles}
        if line.missing(line.expand({*roles, *others})):
            return "nothing"
        world.reassign(name, roles)
        return f"roles of {name}: {', '.join(roles)}"

    def swap_roles(self) -> str:
        """Give a group that keeps data the roles of one that keeps none, and the other way round."""
        world = self.world
        drains = {
            name: way_of(world.product.drains, world.line.expand(group.roles))
            for name, group in sorted(world.groups.items())
        }
        keeping = [name for name, way in drains.items() if way]
        others = [name for name, way in drains.items() if not way]
        if not keeping or not others:
            return "nothing"
        one, other = self.random.choice(keeping), self.random.choice(others)
        roles = world.groups[one].roles, world.groups[other].roles
        world.reassign(one, roles[1])
        world.reassign(other, roles[0])
        return f"roles of {one} and {other} are swapped"

    def change_leader(self) -> str:
        """Let another coordinator lead."""
        self.world.change_leader()
        return "another leader"

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
