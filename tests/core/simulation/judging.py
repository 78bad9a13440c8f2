"""G3 to G7, judged of a world at the very step at which they can be broken."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rolecall.core.handover import way_of
from rolecall.core.model import Phase, ProcessSpec
from rolecall.core.roles import KEEPS_NOTHING
from simulation.parts import READABLE_S, Machine, copies

if TYPE_CHECKING:
    from simulation.world import World


def restart(world: World, machine: Machine, spec: ProcessSpec) -> None:
    """Judge that a process is to be ended and started another way."""
    old = machine.spec
    assert old is not None
    before = (old.identity, old.command, old.environment)
    assert before != (spec.identity, spec.command, spec.environment), f"{machine.unit}: for nothing"
    was_ready = machine.ready
    stop(world, machine)
    config = machine.files[machine.paths.config]
    if was_ready and copies(config) > copies(machine.read):
        count_on_more(world, machine)
    if was_ready and world.bad_for(machine, config):
        reached = world.reached.setdefault(config, set())
        reached.add(machine.unit)
        assert len(reached) == 1, f"G4: a config that the first unit fell over reached {sorted(reached)}"


def count_on_more(world: World, reader: Machine) -> None:
    """Judge that a unit that will only read is to count on more copies: it won't ask everybody then."""
    good = world.memory.good
    wave = min((world.line.role(name).wave for name in reader.expanded), default=KEEPS_NOTHING)
    if good is None or good.choices.replication_factor > 1 or wave < KEEPS_NOTHING:
        return
    for keeper in world.machines.values():
        for write in keeper.single if keeper.drain and keeper.drain.can_stay and not keeper.going else ():
            since_s = world.now_s - world.stored.get(write, math.inf)
            assert since_s >= READABLE_S, (
                f"G12: {reader.unit} won't ask {keeper.unit}, and {write} isn't found"
            )


def start(world: World, machine: Machine) -> None:
    """Judge the roles that a process is to be started with: with them it hands over what the unit holds."""
    if way_of(world.product.drains, machine.expanded) is not machine.drain:
        release(world, machine)


def stop(world: World, machine: Machine) -> None:
    """Judge that a process is asked to stop: nothing is said of one that isn't ready."""
    if not machine.ready or machine.reads_only:
        return
    unit, revision = machine.unit, machine.document.revision if machine.document else 0
    for gateway in world.gateways:
        assert unit not in gateway.sends_to, f"G5: {unit} is asked to stop while a gateway sends to it"
    for other in sharing_a_ring(world, machine):
        assert not other.asked_to_stop, f"G3: {unit} and {other.unit} are down on purpose"
        known = other.unit in world.views[revision]
        assert not known, f"G3: {unit} goes down on purpose, {other.unit} was known not to be ready"
    machine.asked_to_stop = True


def release(world: World, machine: Machine) -> None:
    """Judge that a unit goes, or gets roles that keep nothing; one that is forced to may lose data."""
    if machine.forced:
        return
    assert not machine.holds, f"G6: {machine.unit} goes, and alone holds {sorted(machine.holds)}"
    for write in machine.wrote:
        since_s = world.now_s - world.stored[write]
        assert since_s >= READABLE_S, f"G6: {machine.unit} goes, and {write} is found by nobody yet"


def forgotten(world: World, member: str) -> None:
    """Judge that a ring is to forget a member."""
    assert member not in world.machines, f"G7: {member} is forgotten, and its unit is there"


def always(world: World) -> None:
    """Judge what must hold at any time."""
    for machine in world.machines.values():
        if not machine.asked_to_stop:
            continue
        for gateway in world.gateways:
            assert machine.unit not in gateway.sends_to, f"G5: a gateway sends to {machine.unit}"
        for other in sharing_a_ring(world, machine):
            assert not other.asked_to_stop, f"G3: {machine.unit} and {other.unit} are down on purpose"


def sharing_a_ring(world: World, machine: Machine) -> Iterator[Machine]:
    """Yield the other units that share a ring-bearing role with a unit, be it to run or be it run now.

    One that has said that it handed over is in no ring any more, whenever its host takes it away.
    """
    rings = {role.name for role in world.line.roles if role.ring} & {*machine.expanded, *machine.ran}
    for other in () if _handed_over(machine) else world.machines.values():
        if other is not machine and not _handed_over(other) and rings & {*other.expanded, *other.ran}:
            yield other


def _handed_over(machine: Machine) -> bool:
    report = machine.report
    return report is not None and report.phase is Phase.DRAINED and not report.becomes
