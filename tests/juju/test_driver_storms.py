"""The driver's own tests: whatever happens in whatever order, charms end where Juju would let them end."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from driver import DriverError, Juju, Life, Outcome, Unit
from toys import PROVIDER, RECORDER, REQUIRER

ENDS = ("provider:data", "requirer:data")


def storm(seed: int) -> Juju:
    """Do to a small model what may happen to one, while its hooks run."""
    chance = random.Random(seed)  # noqa: S311
    juju = Juju(seed=seed)
    juju.deploy(PROVIDER, "provider", num_units=2)
    juju.deploy(REQUIRER, "requirer", num_units=2)
    juju.deploy(RECORDER, "recorder", num_units=2)
    juju.integrate("provider:data", "recorder:data")
    for turn in range(25):
        for _ in range(chance.randrange(8)):
            juju.step()
        app = juju.app(chance.choice(["provider", "requirer", "recorder"]))
        unit = chance.choice([unit for unit in app.units if unit.life is not Life.DYING])
        chance.choice(BLOWS)(juju, unit, turn)
    if not related(juju):
        juju.integrate(*ENDS)
    juju.config("provider", {"greeting": "calm"})
    juju.settle()
    return juju


def related(juju: Juju) -> bool:
    apps = {juju.app("provider"), juju.app("requirer")}
    return any(
        {side.app for side in link.sides} == apps for link in juju.model.links.values() if not link.dying
    )


def toggle(juju: Juju, *_: object) -> None:
    (juju.remove_relation if related(juju) else juju.integrate)(*ENDS)


def remove(juju: Juju, unit: Unit, _: int) -> None:
    if unit.app.planned_units > 1:
        juju.remove_unit(unit)


def rotate(juju: Juju, _: Unit, turn: int) -> None:
    juju.config("provider", {"password": str(turn)})


BLOWS: tuple[Callable[[Juju, Unit, int], object], ...] = (
    toggle,
    remove,
    rotate,
    lambda juju, unit, _: juju.add_unit(unit.app),
    lambda juju, unit, _: juju.kill_in_hook(unit),
    lambda juju, unit, _: juju.lose_unit(unit),
    lambda juju, unit, _: juju.change_leader(unit.app, unit),
    lambda juju, unit, _: juju.refresh(unit.app),
    lambda juju, _, __: juju.update_status(),
)


@pytest.mark.parametrize("seed", range(20))
def test_after_a_storm_everybody_reads_what_is_written(seed: int):
    juju = storm(seed)

    password = juju.app("provider").config.get("password", "one")
    leader = juju.app("provider").leader
    assert leader
    for unit in juju.app("requirer").units:
        assert unit.status in (f"active: calm {password}", f"active: changed {password}")
    for unit in juju.app("provider").units:
        assert unit.status == f"active: led by {leader.name}"
    for held in juju.model.vault.owned_by("provider"):
        assert dict(held.revisions)[held.latest] == {"password": password}


@pytest.mark.parametrize("seed", range(20))
def test_in_a_storm_every_unit_is_told_a_legal_story(seed: int):
    juju = storm(seed)

    stories: dict[str, list[str]] = {}
    for dispatch in juju.trace:
        if dispatch.outcome is Outcome.DONE:
            stories.setdefault(dispatch.unit, []).append(str(dispatch.event))
    for story in stories.values():
        for far in {event for event in story if "-joined(" in event}:
            joined = [place for place, event in enumerate(story) if event == far]
            departed = [
                place for place, event in enumerate(story) if event == far.replace("joined", "departed")
            ]
            assert len(joined) - len(departed) in (0, 1)
            assert all(came < went for came, went in zip(joined, departed, strict=False))
        if "remove" in story:
            assert story[-2:] == ["stop", "remove"]


def test_a_seed_repeats_its_trace_in_another_process():
    program = "from test_driver_storms import storm; print(*storm(5).trace, sep='\\n')"
    traces = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parent,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]

    assert traces[0] == traces[1]
    assert traces[0].count("\n") > 100


def test_a_relation_that_is_not_there_cannot_be_removed():
    juju = Juju()
    juju.deploy(PROVIDER, "provider")
    juju.deploy(REQUIRER, "requirer")

    with pytest.raises(DriverError, match="there is none"):
        juju.remove_relation("provider:data", "requirer:data")
