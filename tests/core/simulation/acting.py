"""What the actions of a coordinator's and of a worker's host do to a world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from rolecall.core import changes
from simulation import judging
from simulation.parts import DEAD, FLUSH, STOP, UNDO, Machine

if TYPE_CHECKING:
    from simulation.world import World


def coordinate(world: World, action: changes.Action) -> None:
    """Do what a coordinator wants."""
    match action:
        case changes.LoadGateway(text, serving):
            for gateway in world.gateways:
                # What it was still leaving behind is not left yet.
                gateway.loaded |= gateway.loading
                gateway.text, gateway.loading = text, serving
        case changes.VerifyConfig(digest, config):
            said = "field refused not found" if "refused: true" in config else ""
            world.verified = {**world.verified, digest: said}
        case changes.PublishDocument(document):
            assert world.document is None or document.revision > world.document.revision
            world.document = document
        case changes.Remember(memory):
            world.memory = memory
        case changes.ForgetMember(one):
            judging.forgotten(world, one.member)
            world.beats.pop(one.member, None)
        case _:
            raise TypeError(f"cannot apply {action!r}: it isn't a coordinator's")


def work(world: World, machine: Machine, action: changes.Action) -> None:
    """Do what a worker wants."""
    match action:
        case changes.WriteFile(file):
            machine.files[file.path] = file.content
        case changes.StartProcess(spec):
            assert machine.spec is None or machine.state == DEAD
            judging.start(world, machine)
            machine.start(spec, world.now_s)
        case changes.RestartProcess(spec):
            judging.restart(world, machine, spec)
            _hand_over(world, machine)
            judging.start(world, machine)
            machine.start(spec, world.now_s)
        case changes.StopProcess():
            judging.stop(world, machine)
            _stop(world, machine)
        case changes.AskUnit() | changes.KeepHandover():
            _drain(world, machine, action)
        case changes.PublishReport(_, report):
            machine.report = report
        case _:
            raise TypeError(f"cannot apply {action!r}: it isn't a worker's")


def _stop(world: World, machine: Machine) -> None:
    """End a process: it leaves its rings, and hands over if it was asked to."""
    _hand_over(world, machine)
    if machine.state != DEAD:
        world.beats.pop(machine.unit, None)
    machine.spec, machine.state = None, DEAD


def _hand_over(world: World, machine: Machine) -> None:
    """Let a process that ends put what it holds into the object store, if it was asked to, or always does."""
    always = machine.drain is not None and machine.drain.uploads_at_end
    if machine.ready and (machine.asked or always):
        world.put(machine)


def _drain(world: World, machine: Machine, action: changes.AskUnit | changes.KeepHandover) -> None:
    match action:
        case changes.AskUnit(verbs=verbs, then=then, otherwise=otherwise):
            assert machine.ready
            back, stops, stays = UNDO in verbs, STOP in verbs, FLUSH in verbs
            machine.quiet = stops or (machine.quiet and not back)
            went = back or stops or world.put(machine)
            machine.asked = machine.asked if stops or stays or not went else not back
            machine.handover = then if went else replace(otherwise, refused="the store is down")
        case changes.KeepHandover(handover):
            machine.handover = handover
