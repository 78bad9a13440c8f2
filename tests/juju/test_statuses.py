"""Every status that an administrator can meet, as text files: what was done, and what each unit says then.

A line of the input is a deed; after the last one everything settles, and every unit but the store's tells
its status. `restarted:` lists the processes that were started more than once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from clusters import COORDINATOR, STORE_APP, Deployed, charm, deploy
from neighbours import teller

from rolecall.core.endpoints import endpoint
from rolecall.core.products import PRODUCTS

Handler = Callable[[str, str], str]
Golden = Callable[[Path, Mapping[str, Handler]], None]

FILES = sorted((Path(__file__).parent / "cases").glob("*.case"))


class Story:
    """What is done to one cluster."""

    def __init__(self, product: str) -> None:
        """Deploy a coordinator and a store that nothing is related to."""
        self.made: Deployed = deploy(PRODUCTS[product], (), store=False)

    def do(self, line: str) -> None:
        """Do what a line says."""
        verb, *words = line.split()
        deeds: Mapping[str, Callable[[list[str]], None]] = {
            "alone": self._alone,
            "bad": self._bad,
            "config": self._config,
            "hear": self._hear,
            "integrate-store": lambda _: self.made.add_store(),
            "integrate": lambda names: self.made.relate(names[0]),
            "lead": lambda names: self.made.juju.change_leader(COORDINATOR, names[0]),
            "lose": lambda names: self.made.juju.lose_unit(names[0]),
            "part": lambda names: self.made.part(names[0]),
            "part-store": lambda _: self.made.remove_store(),
            "refused": self._refused,
            "remove": lambda names: self.made.juju.remove_unit(names[0]),
            "rollout": self._rollout,
            "settle": lambda _: self.made.settle(),
            "steps": self._steps,
            "unable": self._unable,
            "version": self._version,
            "worker": self._worker,
            "workers": self._workers,
        }
        deeds[verb](words)

    def _workers(self, _: list[str]) -> None:
        for name, roles, units in self.made.product.minimal:
            self.made.add_worker(name, roles, units)

    def _worker(self, words: list[str]) -> None:
        self.made.add_worker(words[0], words[1].split(","), int(words[2]))

    def _alone(self, words: list[str]) -> None:
        config = {f"role-{role}": True for role in words[1:]}
        self.made.juju.deploy(charm(self.made.product, "worker"), words[0], config=config)

    def _config(self, words: list[str]) -> None:
        values: dict[str, str | bool | int | None] = {}
        for name, _, text in (word.partition("=") for word in words[1:]):
            known = {"true": True, "false": False, "": None}
            values[name] = known.get(
                text, int(text) if text.isdecimal() and name != "replication-factor" else text
            )
        self.made.juju.config(words[0], values)

    def _bad(self, words: list[str]) -> None:
        self.made.world.bad = words[0]
        self.made.juju.config(COORDINATOR, {"config-overrides": f"analytics: {{seed_file_path: {words[0]}}}"})

    def _refused(self, words: list[str]) -> None:
        self.made.world.refused = words[0]
        self.made.juju.config(COORDINATOR, {"config-overrides": f"analytics: {{{words[0]}: true}}"})

    def _unable(self, words: list[str]) -> None:
        self.made.world.unable = " ".join(words)

    def _hear(self, words: list[str]) -> None:
        """Integrate an application that says what comes after the endpoint's purpose: KEY=TEXT."""
        used = endpoint(self.made.product, words[0])
        says = {key: text for key, _, text in (word.partition("=") for word in words[1:])}
        self.made.juju.deploy(teller(used.interface, "provides"), "other", config={"says": json.dumps(says)})
        self.made.juju.integrate(f"{COORDINATOR}:{used.name}", "other:it")

    def _rollout(self, words: list[str]) -> None:
        leader = self.made.juju.app(COORDINATOR).leader
        assert leader is not None
        self.made.act(leader.name, "rollout", {"action": words[0]})

    def _steps(self, words: list[str]) -> None:
        for _ in range(int(words[0])):
            self.made.juju.step()

    def _version(self, words: list[str]) -> None:
        """Let one side of a relation speak another version."""
        worker, side, version = words
        link = self.made.link(worker)
        bags = link.app_bags[COORDINATOR] if side == "coordinator" else link.unit_bags[f"{worker}/0"]
        bags["version"] = version
        for unit in link.scope.values():
            if side == "coordinator" and unit.app.name == worker:
                self.made.juju.emit(unit, link.event(unit, "changed"))
            if side == "worker" and unit.app.name == COORDINATOR:
                self.made.juju.emit(unit, link.event(unit, "changed", f"{worker}/0"))
        self.made.juju.step()

    def told(self) -> str:
        """Say how every unit is."""
        others = (STORE_APP, "other")
        units = [unit for unit in self.made.juju.model.units if unit.app.name not in others]
        again = sorted(name for name, births in self.made.world.births.items() if births > 1)
        lines = [f"{unit.name}: {unit.status}" for unit in units]
        return "\n".join((*lines, f"restarted: {', '.join(again)}") if again else lines)


def tell(product: str, text: str) -> str:
    """Do what the lines say, and let everything settle unless the last line counts steps."""
    story = Story(product)
    lines = text.splitlines()
    for line in lines:
        story.do(line)
    if not lines[-1:] or not lines[-1].startswith(("steps", "version")):
        story.made.settle()
    told = story.told()
    assert not story.made.world.violations, story.made.world.violations
    return told


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_status(path: Path, golden: Golden):
    """Every unit says, to the letter, what the case says."""
    golden(path, {"tell": tell})
