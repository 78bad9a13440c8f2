"""Histories of a cluster, each from a seed: 10,000 of them, of which `make test` lives through a part.

A failure names its seed; `ROLECALL_SEED=17 pytest tests/core/simulation` lives through that history again,
for every product; `ROLECALL_SEED=100-199` through a hundred.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from rolecall.core import changes
from rolecall.core.products import PRODUCTS
from rolecall.testing import a_group
from simulation.fate import Fate
from simulation.parts import HEARTBEAT_S, lean
from simulation.world import World

_HISTORIES = 2500
"""Of each of the four products."""
_QUICK = 750
"""So many of these in every run; the others are lived through by `make reliability`."""
_CHUNK = 50


def chunks() -> list[Any]:
    """List the seeds to live through, in chunks that are each one test."""
    chosen = os.environ.get("ROLECALL_SEED")
    if chosen:
        first, _, last = chosen.partition("-")
        return [pytest.param(range(int(first), int(last or first) + 1), id=chosen)]
    return [_chunk(range(first, first + _CHUNK)) for first in range(0, _HISTORIES, _CHUNK)]


def _chunk(seeds: range) -> Any:
    marks = [pytest.mark.full] if seeds.start >= _QUICK else []
    return pytest.param(seeds, id=f"{seeds.start}-{seeds.stop - 1}", marks=marks)


@pytest.mark.parametrize("seeds", chunks())
@pytest.mark.parametrize("product", PRODUCTS)
def test_history(product: str, seeds: range):
    """Whatever happens, G3 to G7 hold at every step, and the world comes to rest when it ends."""
    for seed in seeds:
        fate = Fate(seed, PRODUCTS[product])
        try:
            fate.run()
        except Exception as error:
            error.add_note(f"{product}, seed {seed}: ROLECALL_SEED={seed} lives through it again")
            error.add_note("\n".join(fate.history[-40:]))
            raise


@pytest.mark.parametrize("product", PRODUCTS)
def test_same_seed_same_history(product: str):
    """The same seed gives the same history, to the last byte of what was published."""
    first, second = Fate(3, PRODUCTS[product]), Fate(3, PRODUCTS[product])

    first.run()
    second.run()

    assert first.history == second.history
    assert first.world.document == second.world.document


def _begun_again(begun: World) -> Iterator[World]:
    """Yield what becomes of a world when all hosts end after their first, their second… their last action."""
    actions, whole = 0, False
    while not whole:
        actions += 1
        world = deepcopy(begun)
        world.patience = actions
        world.settle()
        whole = bool(world.patience)
        world.patience = None
        world.settle()
        yield world


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_scale_in_goes_on_wherever_its_hosts_were_ended(product: str):
    """All hosts end together after their first, their second… their last action, and begin again."""
    one = PRODUCTS[product]
    begun = World(lean(one), tuple(a_group(name, roles, 2) for name, roles, _ in one.minimal))
    begun.settle()
    leaver = next(unit for unit, machine in sorted(begun.machines.items()) if machine.drain)
    begun.leave(leaver)
    worlds = list(_begun_again(begun))
    assert len(worlds) > 8
    for world in worlds:
        assert leaver not in world.machines


@pytest.mark.parametrize("product", PRODUCTS)
def test_g6_roles_that_keep_data_are_swapped_for_such_that_keep_none(product: str):
    """Each unit hands over before it gets its new roles, wherever its hosts were ended."""
    one = PRODUCTS[product]
    begun = World(lean(one), tuple(a_group(*rest) for rest in one.minimal), gateways=1)
    begun.settle()
    keeper = next(machine for machine in begun.machines.values() if machine.drain)
    free = next(machine.group for machine in begun.machines.values() if not machine.drain)
    held = sorted(keeper.holds)
    roles = begun.groups[keeper.group].roles, begun.groups[free].roles
    begun.reassign(keeper.group, roles[1])
    begun.reassign(free, roles[0])
    for world in _begun_again(begun):
        assert held
        assert world.stored.keys() >= {*held}
        for machine in world.machines.values():
            assert machine.ran == world.line.expand(world.groups[machine.group].roles)


@pytest.mark.parametrize("product", PRODUCTS)
def test_g7_a_unit_that_has_said_nothing_is_not_forgotten(product: str):
    """It got into the ring, then its host ended and it was asked to go: it may still come back."""
    one = PRODUCTS[product]
    world = World(lean(one), tuple(a_group(*rest) for rest in one.minimal))
    world.settle()
    unit = world.join(next(machine.group for machine in world.machines.values() if machine.drain))
    world.deliver_document(unit)
    world.work(unit)
    world.progress(unit)
    world.leave(unit)
    world.crash(unit, dead=True)
    world.pass_time(HEARTBEAT_S)

    assert unit in world.beats
    assert not [action for action in world.coordinate() if isinstance(action, changes.ForgetMember)]


@pytest.mark.parametrize("product", [name for name, one in PRODUCTS.items() if one.dials])
def test_who_is_dialed_by_all_can_go_though_nobody_dials_who_stays(product: str):
    """The others are told to dial who stays once the one that they dial has gone: it can't wait for that."""
    one = PRODUCTS[product]
    assert one.dials is not None
    world = World(lean(one), tuple(a_group(*rest) for rest in one.minimal))
    world.settle()
    leaver = next(unit for unit, machine in world.machines.items() if one.dials[1] in machine.expanded)
    stays = world.join(world.machines[leaver].group)
    world.settle()

    world.leave(leaver)
    world.settle()

    assert world.document is not None
    assert leaver not in world.machines
    assert set(world.document.choices.dialed.values()) == {world.machines[stays].seen.name}
