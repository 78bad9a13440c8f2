"""A rollout that halts names unit, change and log line; undone, every unit runs what all last ran with."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from properties.strategies import LINES, coherent_groups, of, raw_settings
from simulation import judging
from simulation.parts import UNWELL, essence, lean
from simulation.world import World

from rolecall.core import coordinator, undo
from rolecall.core import settings as core_settings
from rolecall.core.model import Problem, Severity
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.core.roles import Line
from rolecall.testing import settings_of

BAD: dict[str, object] = {"config-overrides": {"simulation": {"bad_for": "everything"}}}
SAYS = "its process ends again and again (code 1): it refuses its config: no such thing"


def a_world(data: st.DataObject, product: Product, line: Line) -> World:
    """Return a world whose units all run the first settings."""
    world = World(lean(product), data.draw(coherent_groups(line)), gateways=1)
    world.settle()
    return world


def rounds(world: World, number: int = 30) -> None:
    """Let everybody act, though it may come to no rest."""
    for _ in range(number):
        world.coordinate()
        for unit in sorted(world.machines):
            world.deliver_document(unit)
            world.work(unit)
            world.progress(unit)
            world.work(unit)
            judging.always(world)
            world.deliver_report(unit)
        for gateway in range(len(world.gateways)):
            world.settle_gateway(gateway)
        world.pass_time(5)


def told(world: World) -> dict[str, Problem]:
    """Return the problems of the verdict by their codes."""
    verdict = coordinator.decide(world.product, world.observe()).verdict
    return {problem.code: problem for problem in verdict.problems}


def halted(world: World) -> list[str]:
    """List the units that aren't ready."""
    return [unit for unit, machine in sorted(world.machines.items()) if machine.state == UNWELL]


per_line = pytest.mark.parametrize(
    "name", [one for one in LINES if PRODUCTS[one[0]].lines[0].name == one[1]], ids="-".join
)


@per_line
@settings(max_examples=5)
@given(data=st.data())
def test_a_halt_is_taken_back(name: tuple[str, str], data: st.DataObject):
    """G4: one unit alone gets the bad settings and is named with them; undone, all run what all ran."""
    world = a_world(data, *of(name))
    before = {unit: essence(machine.read) for unit, machine in world.machines.items()}
    births = {unit: machine.born_s for unit, machine in world.machines.items()}

    world.set(BAD)
    rounds(world)
    (unit,) = halted(world)
    world.seen[unit] = replace(world.seen[unit], cause="config", problem=SAYS)
    halt = told(world)["rollout-halted"]
    assert world.undo()
    world.settle()

    assert dict(halt.facts) == {"unit": unit, "changed": "config simulation.bad_for"}
    assert SAYS in halt.text
    assert {unit: essence(machine.read) for unit, machine in world.machines.items()} == before
    assert all(machine.ready for machine in world.machines.values())
    assert [one for one, machine in world.machines.items() if machine.born_s != births[one]] == [unit]
    undone = told(world)["rollout-undone"]
    assert (undone.severity, undone.facts) == (Severity.WARNING, (("setting", "config-overrides"),))


GOOD: dict[str, object] = {"config-overrides": {"simulation": {"number": 2}}}


@pytest.mark.parametrize("wish", [GOOD, BAD, {}], ids=["changed", "resumed", "set back"])
def test_an_undo_ends(wish: dict[str, object]):
    """A changed setting ends an undo, and so does the administrator; what is written then holds."""
    product = next(iter(PRODUCTS.values()))
    world = World(lean(product), product_groups(product), gateways=1)
    world.settle()
    world.set(BAD)
    rounds(world)
    assert world.undo()
    world.settle()

    if wish == BAD:
        world.resume()
    world.set(wish)
    rounds(world)

    assert world.document is not None
    assert ("bad_for" in world.document.config) == (wish == BAD)
    assert ("number: 2" in world.document.config) == (wish == GOOD)
    assert not world.memory.undone
    assert "rollout-undone" not in told(world)


def product_groups(product: Product) -> tuple[coordinator.Group, ...]:
    """Return the product's smallest set."""
    return tuple(
        coordinator.Group(name=name, roles=roles, units=units) for name, roles, units in product.minimal
    )


def test_what_was_undone_does_not_come_back_by_itself():
    """The same settings set again, after others, are tried again; bad ones in between change nothing."""
    product = next(iter(PRODUCTS.values()))
    good, bad = settings_of(product), settings_of(product, BAD)
    memory = undo.Memory(good=_document(product), settings="{}", undone=undo.digest_of(bad))
    refused = Problem(code="bad-setting", text="cannot use it", remedy="")

    assert undo.in_force(undo.kept(memory, good, (refused,)), bad)
    assert not undo.in_force(undo.kept(memory, good, ()), bad)
    assert undo.in_force(undo.kept(memory, bad, ()), bad)


def _document(product: Product) -> coordinator.Document:
    return coordinator.Document(product=product.name, line="", revision=0, config="{}", runtime="")


@pytest.mark.parametrize("name", LINES, ids="-".join)
@given(data=st.data())
def test_settings_are_remembered_as_they_are(name: tuple[str, str], data: st.DataObject):
    """What is remembered of settings is all of them, each of its own type."""
    product, line = of(name)
    raw = data.draw(raw_settings(core_settings.table(product), line))
    one = settings_of(product, raw)
    other = settings_of(
        product, {**raw, "log-level": "error" if one.text("log-level") != "error" else "info"}
    )

    memory = undo.taken_back(undo.learned(undo.Memory(), one, _document(product)), other)

    assert undo.effective(memory, other) == one
    assert undo.effective(memory, one) is one


def test_what_cannot_be_undone_is_said():
    """Without a good document, and with the settings that all ran with, there is nothing to go back to."""
    product = next(one for one in PRODUCTS.values() if len(one.lines) > 1)
    now = settings_of(product)
    known = undo.learned(undo.Memory(), now, _document(product))

    assert "none yet" in undo.refusal(undo.Memory(), now)
    assert "all units last ran with" in undo.refusal(known, now)
    assert "version line" in undo.refusal(known, settings_of(product, {"line": product.lines[1].name}))
    assert undo.refusal(known, settings_of(product, BAD)) == ""
