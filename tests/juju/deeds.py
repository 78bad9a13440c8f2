"""What an administrator, or chance, may do to a cluster: drawn from a seed, and allowed by Juju."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from clusters import COORDINATOR, STORE_APP, Deployed, charm
from driver import Life, Link, Unit

from rolecall.core.roles import Combine

Deed = Callable[[], str]

_MOST = 3
"""Units of one application."""
_GARBAGE = (
    "{",
    "null",
    "[]",
    '"x"',
    "1",
    "{{}}",
    "\x07",
    "ä" * 50,
    '{"version": 9}',
    "$(reboot)",
    "${HOME}",
)


class Deeds:
    """Does things to one cluster, and knows how to make them good again."""

    def __init__(self, random: Random, deployed: Deployed) -> None:
        """Remember what the cluster is like now: that is what `mend` goes back to."""
        self.random = random
        self.deployed = deployed
        self.juju = deployed.juju
        self.world = deployed.world
        self._number = 0
        self._trouble: dict[str, Callable[[], None]] = {}
        self._roles = {name: dict(self.juju.app(name).config) for name in deployed.workers}
        self.lost: list[str] = []
        """Units whose pod was lost since the last `mend`."""

    @property
    def silent(self) -> tuple[Deed, ...]:
        """List what may start no process but that of a unit that it is about."""
        return (
            self.add_worker_unit,
            self.remove_worker_unit,
            self.add_coordinator,
            self.remove_coordinator,
            self.change_leader,
            self.kill_in_hook,
            self.lose_unit,
            self.abandon_worker_unit,
            self.update_status,
            self.refuse_option,
            self.refuse_config,
            self.remove_store,
            self.pause,
            self.write_garbage,
            self.refresh_coordinator,
            self.break_roles,
        )

    @property
    def loud(self) -> tuple[Deed, ...]:
        """List what may restart everything."""
        return (
            self.change_level,
            self.change_level,
            self.rotate_keys,
            self.break_config,
            self.break_config,
            self.change_replication,
            self.part,
            self.refresh_worker,
        )

    def mend(self) -> None:
        """End all trouble, the last first; a relation is made anew only when the old one is gone."""
        for name in reversed(self._trouble):
            self._trouble[name]()
        self._trouble.clear()
        self.lost.clear()
        self.world.mend()
        for name in self.deployed.workers:
            if not self._staying(name):
                self.juju.add_unit(name)

    @property
    def parted(self) -> bool:
        """Whether a relation is gone: it can be made anew only when nothing is left of it."""
        return any(name == "store" or name.startswith("relation") for name in self._trouble)

    # Units.

    def add_worker_unit(self) -> str:
        """Add a worker."""
        name = self.random.choice(sorted(self._roles))
        if len(self._staying(name)) >= _MOST:
            return self.update_status()
        (unit,) = self.juju.add_unit(name)
        return f"add {unit.name}"

    def remove_worker_unit(self) -> str:
        """Remove a worker."""
        staying = [unit for name in sorted(self._roles) for unit in self._staying(name)]
        return self._remove(staying, least=1)

    def add_coordinator(self) -> str:
        """Add a coordinator."""
        if len(self._staying(COORDINATOR)) >= 2:
            return self.remove_coordinator()
        (unit,) = self.juju.add_unit(COORDINATOR)
        return f"add {unit.name}"

    def remove_coordinator(self) -> str:
        """Remove a coordinator."""
        return self._remove(self._staying(COORDINATOR), least=1)

    def _remove(self, units: list[Unit], *, least: int) -> str:
        if len(units) <= least:
            return self.update_status()
        unit = self.random.choice(units)
        self.juju.remove_unit(unit)
        return f"remove {unit.name}"

    def lose_unit(self) -> str:
        """Lose a pod."""
        unit = self._any()
        self.juju.lose_unit(unit)
        self.lost.append(unit.name)
        return f"lose {unit.name}"

    def abandon_worker_unit(self) -> str:
        """Remove a worker whose pod is gone, and that hands over nothing any more."""
        staying = [unit for name in sorted(self._roles) for unit in self._staying(name)]
        alive = [unit for unit in staying if unit.life is Life.ALIVE]
        if len(staying) < 2 or not alive:
            return self.update_status()
        unit = self.random.choice(alive)
        self.juju.remove_unit(unit, force=True)
        return f"abandon {unit.name}"

    def kill_in_hook(self) -> str:
        """Let the next hook of a unit die."""
        unit = self._any()
        self.juju.kill_in_hook(unit)
        self.juju.update_status()
        return f"kill {unit.name}"

    def change_leader(self) -> str:
        """Let another unit lead."""
        name = self.random.choice([COORDINATOR, *sorted(self._roles)])
        heirs = self._staying(name)
        if not heirs:
            return self.update_status()
        heir = self.random.choice(heirs)
        self.juju.change_leader(name, heir)
        return f"lead {heir.name}"

    def update_status(self) -> str:
        """Let everybody look."""
        self.juju.update_status()
        return "update-status"

    # Options.

    def change_level(self) -> str:
        """Change the config to another good one."""
        now = self.juju.app(COORDINATOR).config.get("log-level", "info")
        level = self.random.choice([one for one in ("debug", "info", "warn", "error") if one != now])
        return self._configure("log-level", level)

    def refuse_option(self) -> str:
        """Set an option to what it can't be."""
        before = self.juju.app(COORDINATOR).config.get("log-level")
        self._to_mend("option", lambda: self.juju.config(COORDINATOR, {"log-level": before}))
        return self._configure("log-level", "loud")

    def refuse_config(self) -> str:
        """Set what the binary refuses."""
        if self.world.refused:
            return self.update_status()
        self.world.refused = f"refused-{self._next()}"
        return self._override(self.world.refused)

    def break_config(self) -> str:
        """Set what no process becomes ready with."""
        if self.world.bad:
            return self.update_status()
        self.world.bad = f"bad-{self._next()}"
        return self._override(self.world.bad)

    def _override(self, marker: str) -> str:
        self._to_mend("override", lambda: self.juju.config(COORDINATOR, {"config-overrides": None}))
        return self._configure("config-overrides", f"simulation: {marker}")

    def change_replication(self) -> str:
        """Ask for a number of copies, perhaps for too many."""
        self._to_mend("copies", lambda: self.juju.config(COORDINATOR, {"replication-factor": None}))
        return self._configure("replication-factor", self.random.choice(("1", "3", "auto")))

    def break_roles(self) -> str:
        """Choose roles that make no process."""
        name = self.random.choice(sorted(self._roles))
        line, before = self.deployed.product.lines[0], self._roles[name]
        off = dict.fromkeys(before, False)
        two = line.combine is Combine.ONE and self.random.random() < 0.7
        wrong = (
            {**off, **{f"role-{role}": True for role in self.random.sample(line.names, 2)}} if two else off
        )
        self._to_mend(
            f"roles of {name}",
            lambda: self.juju.config(name, {**dict.fromkeys(self.juju.app(name).config), **before}),
        )
        self.juju.config(name, wrong)
        return f"config {name} {wrong}"

    def _configure(self, option: str, value: str) -> str:
        self.juju.config(COORDINATOR, {option: value})
        return f"{option}={value}"

    # Integrations.

    def rotate_keys(self) -> str:
        """Give the bucket other keys."""
        key = f"planted-secret-key-{self._next()}"
        self.world.planted.add(key)
        self.juju.config(STORE_APP, {"secret-key": key})
        return "rotate the keys"

    def remove_store(self) -> str:
        """End the relation to the store."""
        if "store" in self._trouble:
            return self.update_status()
        self.deployed.remove_store()
        self._to_mend("store", self.deployed.add_store)
        return "remove the store"

    def part(self) -> str:
        """End the relation of a worker application."""
        if len(self.deployed.workers) < 2:
            return self.update_status()
        name = self.random.choice(sorted(self.deployed.workers))
        self.deployed.part(name)
        self.world.ordered.add(name)
        self._to_mend(f"relation of {name}", lambda: self.deployed.relate(name))
        return f"part {name}"

    def write_garbage(self) -> str:
        """Let one side of a relation say what nobody understands, or say it in another version."""
        links = [self.deployed.link(name) for name in sorted(self.deployed.workers)]
        bags = [(link, name, link.unit_bags[name]) for link in links for name in sorted(link.scope)]
        bags += [(link, COORDINATOR, link.app_bags[COORDINATOR]) for link in links]
        link, owner, bag = self.random.choice(bags)
        for key in sorted(bag):
            of_juju = key in ("egress-subnets", "ingress-address", "private-address")
            if not of_juju and self.random.random() < 0.5:
                bag[key] = self.random.choice(_GARBAGE)
        if self.random.random() < 0.3:
            bag["version"] = self.random.choice(("2", "99", "x"))
        if self.random.random() < 0.3:
            bag["unheard-of"] = "1"
        self._tell(link, owner)
        self.juju.update_status()
        return f"garbage in {owner}'s bag of relation {link.id}"

    def _tell(self, link: Link, owner: str) -> None:
        """Tell the other side, as Juju does of every change."""
        for unit in list(link.scope.values()):
            if owner == COORDINATOR and unit.app.name != COORDINATOR:
                self.juju.emit(unit, link.event(unit, "changed"))
            elif unit.app.name == COORDINATOR and owner in link.members[unit.name]:
                self.juju.emit(unit, link.event(unit, "changed", owner))

    # The rest.

    def pause(self) -> str:
        """Pause the rollout."""
        leader = self.juju.app(COORDINATOR).leader
        if leader is None or leader.life is not Life.ALIVE:
            return self.update_status()
        self.deployed.act(leader.name, "rollout", {"action": "pause"})
        self._to_mend("pause", self._resume)
        return "pause"

    def _resume(self) -> None:
        leader = self.juju.app(COORDINATOR).leader
        assert leader is not None
        self.deployed.act(leader.name, "rollout", {"action": "resume"})

    def refresh_coordinator(self) -> str:
        """Upgrade the coordinator."""
        self.juju.refresh(COORDINATOR, charm(self.deployed.product, "coordinator"))
        self.world.replaced.add(COORDINATOR)
        return "refresh coordinator"

    def refresh_worker(self) -> str:
        """Upgrade a worker."""
        name = self.random.choice(sorted(self._roles))
        self.juju.refresh(name, charm(self.deployed.product, "worker"))
        self.world.replaced.add(name)
        return f"refresh {name}"

    def _to_mend(self, name: str, remedy: Callable[[], None]) -> None:
        self._trouble.setdefault(name, remedy)

    def _any(self) -> Unit:
        names = [COORDINATOR, *sorted(self._roles)]
        units = [unit for name in names for unit in self._staying(name) if unit.life is Life.ALIVE]
        return self.random.choice(units)

    def _staying(self, app: str) -> list[Unit]:
        return [unit for unit in self.juju.app(app).units if unit.life is not Life.DYING]

    def _next(self) -> int:
        self._number += 1
        return self._number
