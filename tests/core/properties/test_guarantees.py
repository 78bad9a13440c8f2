"""G1, G2, G8, G9 and G11 of whole decisions, for every line of every product."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from simulation.world import World

from properties.strategies import LINES, coherent_groups, junk, of, raw_settings
from rolecall.core import changes, coordinator, identity, wire, worker
from rolecall.core import settings as core_settings
from rolecall.core.model import Document, Problem, Report, Severity
from rolecall.core.product import Product
from rolecall.core.roles import Line
from rolecall.testing import a_group, a_worker, observed, process_of, settings_of

per_line = pytest.mark.parametrize("name", LINES, ids="-".join)
stops = (changes.RestartProcess, changes.StopProcess)


def published(product: Product, seen: coordinator.Observed) -> Document:
    """Return the document that a coordinator publishes once the binary has found its config good."""
    candidate = coordinator.decide(product, seen).desired.candidate
    known = {identity.digest_of(candidate): ""} if candidate else {}
    document = coordinator.decide(product, replace(seen, verified=known)).desired.document
    assert document is not None
    return document


def drawn(data: st.DataObject, product: Product, line: Line) -> coordinator.Observed:
    """Draw a coherent cluster of a product with settings of its own."""
    seen = observed(product, data.draw(coherent_groups(line)))
    raw = data.draw(raw_settings(core_settings.table(product), line))
    return replace(seen, settings=core_settings.parse(product, raw).settings)


def a_world(data: st.DataObject, product: Product, line: Line) -> World:
    """Draw a cluster at rest, with a fixed number of copies: a rise of `auto` is meant to restart."""
    world = World(product, data.draw(coherent_groups(line)))
    world.set({"replication-factor": 1, "line": line.name})
    world.settle()
    return world


@per_line
@settings(max_examples=6)
@given(data=st.data())
def test_g1_a_unit_that_joins_restarts_nothing(name: tuple[str, str], data: st.DataObject):
    """A unit that joins causes no restart of any other unit's process."""
    world = a_world(data, *of(name))
    before = {unit: machine.spec for unit, machine in world.machines.items()}

    joined = world.join(data.draw(st.sampled_from(sorted(world.groups))))
    done = world.settle()

    assert not [action for unit, action in done if unit != joined and isinstance(action, stops)]
    assert before == {unit: world.machines[unit].spec for unit in before}


@per_line
@settings(max_examples=6)
@given(data=st.data())
def test_g1_a_unit_that_leaves_restarts_nothing(name: tuple[str, str], data: st.DataObject):
    """A unit that leaves and that the others don't reach by name causes no restart of any other process."""
    world = a_world(data, *of(name))
    assert world.document is not None
    chosen = {*world.document.choices.peers.values(), *world.document.choices.dialed.values()}
    counts = {name: group.units for name, group in world.groups.items()}
    able = [
        unit
        for unit, machine in sorted(world.machines.items())
        if machine.seen.name not in chosen and counts[machine.group] > 1
    ]
    assume(able)

    leaver = data.draw(st.sampled_from(able))
    world.leave(leaver)
    done = world.settle()

    assert leaver not in world.machines
    assert not [action for unit, action in done if unit != leaver and isinstance(action, stops)]


@per_line
@settings(max_examples=3)
@given(data=st.data())
def test_g1_one_process_becomes_many_and_one_again(name: tuple[str, str], data: st.DataObject):
    """From one unit that runs everything to any workers and back, who stays never restarts, all is served."""
    product, line = of(name)
    solo = a_group("solo", ("all",), 1)
    world = World(product, (solo,))
    world.set({"replication-factor": 1, "line": line.name})
    world.settle()

    def served() -> None:
        for gateway in world.gateways:
            able = [world.machines[unit] for unit in gateway.sends_to if unit in world.machines]
            assert line.missing(role for one in able if one.ready for role in one.expanded) == ()

    many = tuple(replace(group, units=1) for group in data.draw(coherent_groups(line)))
    for groups in (many, (solo,)):
        world.reshape(groups)
        done = world.settle(served)

        # Who goes may come back for its readers before it does.
        restarts = [unit for unit, action in done if isinstance(action, changes.RestartProcess)]
        assert world.machines.keys().isdisjoint(restarts)
        assert {machine.group for machine in world.machines.values()} == {group.name for group in groups}


@per_line
@given(data=st.data())
def test_g2_order_of_everything(name: tuple[str, str], data: st.DataObject):
    """The same input gives the same bytes, whatever the order of units, groups, settings and problems."""
    product, line = of(name)
    seen = drawn(data, product, line)
    problems = tuple(Problem(code=code, text=code, remedy="", severity=Severity.WARNING) for code in "abc")
    seen = replace(seen, problems=problems, restarts=dict.fromkeys(seen.members, 1))
    shuffled = replace(
        seen,
        members=dict(data.draw(st.permutations(list(seen.members.items())))),
        groups=tuple(data.draw(st.permutations(seen.groups))),
        problems=tuple(data.draw(st.permutations(problems))),
        restarts=dict(data.draw(st.permutations(list(seen.restarts.items())))),
        settings=replace(
            seen.settings, values=dict(data.draw(st.permutations(list(seen.settings.values.items()))))
        ),
    )

    one, other = coordinator.decide(product, seen), coordinator.decide(product, shuffled)

    assert one.desired.candidate == other.desired.candidate
    assert one.desired.gateway == other.desired.gateway
    assert one.verdict == other.verdict
    assert wire.encode(published(product, seen)) == wire.encode(published(product, shuffled))


@per_line
@given(data=st.data())
def test_g8_what_is_missing_stops_nothing_else(name: tuple[str, str], data: st.DataObject):
    """Without a store, a role or good settings the gateway and the verdict still follow the world."""
    product, line = of(name)
    seen = drawn(data, product, line)
    seen = replace(seen, published=published(product, seen))
    lost = data.draw(st.sampled_from(line.missing(())))
    refused = Problem(code="bad-setting", text="cannot use it", remedy="")
    damaged = replace(
        seen,
        store=data.draw(st.sampled_from((None, seen.store))),
        problems=data.draw(st.sampled_from(((), (refused,)))),
        members={k: m for k, m in seen.members.items() if lost not in line.expand(m.report.roles)},
        groups=tuple(group for group in seen.groups if lost not in line.expand(group.roles)),
    )

    decision = coordinator.decide(product, damaged)
    healed = coordinator.decide(product, replace(seen, published=decision.desired.document))

    assert decision.desired.serving == set(damaged.members) - decision.spare - set(decision.rollout.held)
    assert decision.desired.document is not None
    assert lost in {value for one in decision.verdict.problems for key, value in one.facts if key == "role"}
    assert not [one for one in healed.verdict.problems if one.code in {"missing-role", "bad-setting"}]


@per_line
@given(data=st.data())
def test_g8_limits_follow_while_a_role_is_missing(name: tuple[str, str], data: st.DataObject):
    """While a role is missing, limits are published all the same, and nobody has to restart for it."""
    product, line = of(name)
    raw: dict[str, object] = {"line": line.name, "replication-factor": 1}
    seen = observed(product, data.draw(coherent_groups(line)), raw=raw)
    first = published(product, seen)
    lost = data.draw(st.sampled_from(line.missing(())))
    dropped = [group.roles for group in seen.groups if lost in line.expand(group.roles)]
    damaged = replace(
        seen,
        published=first,
        settings=settings_of(product, {**raw, "retention": "77d"}),
        members={k: m for k, m in seen.members.items() if lost not in line.expand(m.report.roles)},
        groups=tuple(group for group in seen.groups if lost not in line.expand(group.roles)),
    )

    document = published(product, damaged)

    assert document.runtime != first.runtime
    # An optional role or a joint target that goes is a change of what the cluster is, and so is the unit that
    # others were told to reach: others may have to read it anew.
    whole = all(
        {*line.targets(names)}
        == {target for role in line.expand(names) for target in line.role(role).upstream}
        for names in dropped
    )
    required = all(line.role(role).required for names in dropped for role in line.expand(names))
    same_cluster = whole and required
    if not same_cluster or document.choices.peers != first.choices.peers:
        return
    for member in damaged.members.values():
        roles = member.report.roles
        same = identity.identity(product, document, roles)
        assert same == identity.identity(product, first, roles)


@per_line
@given(data=st.data())
def test_g9_bad_settings_change_nothing_that_runs(name: tuple[str, str], data: st.DataObject):
    """Settings of any shape are read without an error, and refused ones keep the last good document."""
    product, line = of(name)
    seen = drawn(data, product, line)
    seen = replace(seen, published=published(product, seen))
    names = [one.name for one in core_settings.table(product)]
    keys = st.one_of(st.sampled_from(names), st.text(max_size=5))
    raw = data.draw(st.dictionaries(keys, junk(), max_size=4))

    parsed = core_settings.parse(product, raw)
    worse = replace(seen, settings=parsed.settings, problems=parsed.problems)
    decision = coordinator.decide(product, worse)

    if parsed.problems and seen.published is not None:
        assert decision.desired.document is not None
        assert decision.desired.document.config == seen.published.config
        assert decision.desired.document.runtime == seen.published.runtime
        assert set(parsed.problems) <= set(decision.verdict.problems)


_KEYS = sorted({*wire.encode(Report(address="", name="")), "config", "grants", "line", "product"})
_BAGS = st.dictionaries(
    st.sampled_from(_KEYS),
    st.one_of(st.text(max_size=10), st.sampled_from(("1", '"x"', "{}", "[]", "null", '{"a":1}', "true"))),
)


@given(bag=_BAGS)
def test_g9_a_bad_report_is_read_as_far_as_it_can_be(bag: dict[str, str]):
    """A report of any shape is decoded: what can't be read is empty and named, the rest is kept."""
    good = {**wire.encode(Report(address="127.0.0.1", name="one", ready=True)), **bag, "version": "1"}

    decoded = wire.decode_report(good)

    assert set(decoded.refused) <= set(bag)
    assert wire.decode_report(wire.encode(decoded.value)).value == decoded.value


@per_line
@given(bag=_BAGS, data=st.data())
def test_g9_a_bad_document_stops_nothing(name: tuple[str, str], bag: dict[str, str], data: st.DataObject):
    """A document of any shape never stops or changes the process of a unit that is ready."""
    product, line = of(name)
    group = data.draw(coherent_groups(line))[0]
    seen = observed(product, data.draw(coherent_groups(line)), raw={"line": line.name})
    good = published(product, seen)
    first = a_worker("u/0", group.roles, document=good)
    spec = worker.decide(product, first).process
    damaged = {**wire.encode(good), **bag, "version": "1"}

    document = wire.decode_document(damaged).value
    desired = worker.decide(product, replace(first, document=document, process=process_of(spec)))

    assert desired.process == spec
    assert desired.report.ready


@per_line
@given(names=st.lists(st.text(max_size=6), max_size=3), data=st.data())
def test_g9_bad_roles_stop_nothing(name: tuple[str, str], names: list[str], data: st.DataObject):
    """Roles that make no process are named, and the process goes on as it was."""
    product, line = of(name)
    seen = observed(product, data.draw(coherent_groups(line)), raw={"line": line.name})
    document = replace(published(product, seen), grants={})
    first = a_worker("g0/0", seen.groups[0].roles, document=document)
    spec = worker.decide(product, first).process
    wrong = ("no-such-role", *names)

    desired = worker.decide(product, replace(first, roles=wrong, process=process_of(spec)))
    report = replace(seen.members["g0/0"].report, roles=wrong, running="anything")
    members = {**seen.members, "g0/0": replace(seen.members["g0/0"], report=report)}
    told = coordinator.decide(product, replace(seen, members=members, published=document))

    assert desired.process == spec
    assert "no-such-role" in desired.report.problem
    assert "g0/0" not in told.rollout.remaining


@per_line
@settings(max_examples=6)
@given(data=st.data())
def test_g11_nothing_new_means_nothing_to_do(name: tuple[str, str], data: st.DataObject):
    """When all that was decided is applied, deciding again yields no action at all."""
    product, line = of(name)
    world = World(product, data.draw(coherent_groups(line)))
    world.settings = drawn(data, product, line).settings
    world.settle()

    actions = [*world.coordinate(), *(action for unit in world.machines for action in world.work(unit))]

    assert actions == []


@per_line
@settings(max_examples=6)
@given(data=st.data())
def test_g11_applied_once(name: tuple[str, str], data: st.DataObject):
    """Nobody repeats an action: what was just done isn't decided again while nothing else happens."""
    world = a_world(data, *of(name))
    world.set({"replication-factor": 1, "line": name[1], "log-level": "debug"})

    for unit in ("", *sorted(world.machines)):
        if unit:
            world.deliver_document(unit)

        first = world.work(unit) if unit else world.coordinate()
        second = world.work(unit) if unit else world.coordinate()

        assert not [action for action in second if action in first]
