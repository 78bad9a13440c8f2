"""How units that come take over from those that are to go: from one process to many, and back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from properties.test_guarantees import published

from rolecall.core import choices, coordinator, identity, rollout, undo
from rolecall.core.model import Choices, Cluster, Document, Phase, Unit
from rolecall.core.products import PRODUCTS
from rolecall.testing import a_cluster, a_group, a_report, a_unit, observed, settings_of

LOKI, MIMIR = PRODUCTS["loki"], PRODUCTS["mimir"]
LINE = LOKI.lines[0]
SOLO = a_group("solo", ("all",))
ROLES = tuple(a_group(name, (name,)) for name in ("write", "read", "backend"))
EVERY_ROLE = frozenset(role.name for role in LINE.roles)


def going(*, there: bool = True, ready: bool = True) -> Cluster:
    """Build a cluster whose one process is to go; those in its place are ready, if they are there."""
    (old,) = a_cluster(LINE, (SOLO,), leaving=True).units
    new = a_cluster(LINE, ROLES, ready=ready).units if there else ()
    return Cluster(groups=ROLES, units=tuple(sorted((old, *new), key=lambda unit: unit.id)))


def planned(cluster: Cluster, serving: tuple[str, ...]) -> rollout.Rollout:
    """Plan with nothing else to do, and with a gateway that sends to these units."""
    situation = rollout.Situation(
        line=LINE,
        units=cluster.units,
        wanted={},
        granted={},
        serving=frozenset(serving),
        revision=2,
        deployed=EVERY_ROLE,
    )
    return rollout.plan(situation)


@pytest.mark.parametrize(
    ("there", "serving", "held"),
    [
        pytest.param(False, ("solo/0",), (), id="they have not said that they are there"),
        pytest.param(True, ("solo/0",), (), id="no gateway sends to them"),
        pytest.param(True, ("solo/0", "write/0", "read/0"), (), id="one role has only the old one"),
        pytest.param(True, ("solo/0", "backend/0", "write/0", "read/0"), ("solo/0",), id="they serve"),
    ],
)
def test_it_stays_until_the_gateway_sends_to_others(
    there: bool, serving: tuple[str, ...], held: tuple[str, ...]
):
    """A unit that is to go is held back only when others are sent all that it does."""
    assert planned(going(there=there), serving).held == held


def test_roles_that_nobody_is_to_run_keep_nobody():
    """Who takes all workers of a role away isn't kept waiting for others with that role."""
    (old,) = a_cluster(LINE, (SOLO,), leaving=True).units
    situation = rollout.Situation(
        line=LINE, units=(old,), wanted={}, granted={}, serving=frozenset({"solo/0"}), revision=2
    )

    assert rollout.plan(situation).held == ("solo/0",)


def become(group: str, role: str, other: str) -> Unit:
    """Build a unit that hands over what it holds in one role, to get another."""
    return a_unit(LINE, f"{group}/0", (role,), leaving=True, becomes=(other,))


def test_what_units_get_that_go_for_other_roles_nobody_waits_for():
    """One process that is to be a reader is the only one that reads, and two that swap roles both go."""
    rest = [unit for unit in going().units if unit.id in {"write/0", "backend/0"}]
    reader = a_unit(LINE, "read/0", ("read",))
    swap = [become("a", "write", "backend"), become("b", "backend", "write"), reader]

    for units, held in (((become("solo", "all", "read"), *rest), "solo/0"), (swap, "a/0")):
        cluster = Cluster(groups=ROLES, units=tuple(units))
        assert planned(cluster, tuple(unit.id for unit in units)).held == (held,)


def with_one_more(**changes: object) -> coordinator.Observed:
    """Return what is seen of a whole cluster and one more unit."""
    seen = observed(LOKI, (*ROLES, SOLO))
    more = coordinator.Member(group="solo", report=a_report("solo/0", ("all",), **changes))
    return replace(seen, members={**seen.members, "solo/0": more})


@pytest.mark.parametrize(("becomes", "waited"), [((), False), (("read",), True)])
def test_who_has_handed_over_for_other_roles_is_waited_for(becomes: tuple[str, ...], waited: bool):
    """It is on its way back, and nobody else goes meanwhile; one that has gone is missed by nobody."""
    drained = with_one_more(leaving=True, phase=Phase.DRAINED, ready=False, becomes=becomes)
    drained = replace(drained, published=published(LOKI, drained))

    assert ("solo/0" in coordinator.decide(LOKI, drained).rollout.remaining) is waited


def test_the_config_is_for_the_roles_to_come():
    """It is not changed once more when a unit has got the roles that it was to get."""
    needed = (a_group(role.name, (role.name,)) for role in MIMIR.line("2.17").roles if role.required)
    optional = a_group("solo", ("query-scheduler",))
    seen = observed(MIMIR, (*needed, optional), raw={"line": "2.17"})
    report = a_report("solo/0", ("ingester",), leaving=True, becomes=optional.roles)
    old = coordinator.Member(group="solo", report=report)
    hands_over = replace(seen, members={**seen.members, "solo/0": old})

    assert published(MIMIR, hands_over).config == published(MIMIR, seen).config


def seeds(cluster: Cluster, *old: str) -> tuple[str, ...]:
    """Choose seeds after these were published."""
    document = Document(
        product="loki", line="3.7", revision=1, config="", runtime="", choices=Choices(seeds=old)
    )
    return choices.choose(LOKI, cluster, settings_of(LOKI), document).seeds


def test_new_units_meet_the_old_ones():
    """As long as its process is there, a unit that is to go stays a seed."""
    assert seeds(going(), "solo-0.demo")[0] == "solo-0.demo"


def test_a_seed_without_a_process_is_none():
    """A unit that is to go and whose process has ended is no seed any more."""
    cluster = going()
    ended = tuple(
        replace(unit, report=replace(unit.report, running="", ready=False)) if unit.report.leaving else unit
        for unit in cluster.units
    )

    assert seeds(replace(cluster, units=ended), "solo-0.demo") == (
        "write-0.demo",
        "backend-0.demo",
        "read-0.demo",
    )


def test_one_seed_is_a_unit_that_stays():
    """Where all seeds are to go, one seat is given to a unit that stays."""
    three = a_cluster(LINE, (a_group("solo", ("all",), 3),), leaving=True).units
    cluster = Cluster(groups=ROLES, units=(*a_cluster(LINE, ROLES).units, *three))

    assert seeds(cluster, "solo-0.demo", "solo-1.demo", "solo-2.demo") == (
        "solo-0.demo",
        "solo-1.demo",
        "write-0.demo",
    )


@pytest.mark.parametrize(
    ("ready", "serving"),
    [
        pytest.param(True, {"write/0", "read/0", "backend/0"}, id="others do all of it"),
        pytest.param(False, {"solo/0"}, id="others aren't ready"),
    ],
)
def test_the_gateway_leaves_out_who_is_to_go(ready: bool, serving: set[str]):
    """A unit that is to go gets nothing more once units that stay do all of its work."""
    seen = observed(LOKI, ROLES, ready=ready)
    leaver = coordinator.Member(group="solo", report=a_report("solo/0", ("all",), leaving=True))
    seen = replace(seen, members={**seen.members, "solo/0": leaver})

    assert coordinator.decide(LOKI, seen).desired.serving == serving


@pytest.mark.parametrize(
    ("copies", "order"),
    [
        pytest.param(1, ("write/1", "write/2", "write/0", "backend/0", "read/0"), id="as many as before"),
        pytest.param(3, ("read/0", "write/0", "backend/0", "write/1", "write/2"), id="fewer"),
    ],
)
def test_who_leaves_copies_behind_goes_last(copies: int, order: tuple[str, ...]):
    """Three writers become one: those that stay ask for a single copy before the second last one goes."""
    going = {
        unit: coordinator.Member(
            group="write", report=a_report(unit, ("write",), running="old", leaving=True)
        )
        for unit in ("write/1", "write/2")
    }
    seen = observed(LOKI, ROLES)
    staying = {
        unit: replace(member, report=replace(member.report, running="old"))
        for unit, member in seen.members.items()
    }
    good = Document(
        product="loki",
        line="3.7",
        revision=0,
        config="",
        runtime="",
        choices=Choices(replication_factor=copies),
    )
    front = replace(seen.front, serving=frozenset((*staying, *going)))
    seen = replace(seen, members={**staying, **going}, front=front, memory=undo.Memory(good=good))
    seen = replace(seen, settings=settings_of(LOKI, {"replication-factor": 1}))

    candidate = coordinator.decide(LOKI, seen).desired.candidate
    decided = coordinator.decide(LOKI, replace(seen, verified={identity.digest_of(candidate): ""}))

    assert decided.rollout.remaining == order


def test_one_process_does_not_follow_those_beside_it():
    """Its restart identity stays whether index gateways are there or not, and whoever has the compactor."""
    product = LOKI
    configs = ("index_gateway: {mode: simple}", "index_gateway: {mode: ring}\ncommon: {instance_addr: a}")
    first, second = (
        Document(product="loki", line="3.7", revision=1, config=config, runtime="") for config in configs
    )
    moved = replace(second, config=f"{configs[1][:-1]}, compactor_grpc_address: b}}")

    def of(document: Document, roles: tuple[str, ...]) -> str:
        return identity.identity(product, document, roles)

    assert of(moved, ("all",)) == of(second, ("all",))
    assert of(moved, ("write",)) == of(second, ("write",))
    assert of(moved, ("read",)) != of(second, ("read",))
    assert of(replace(first, config="index_gateway: {}"), ("all",)) == of(first, ("all",))
    assert of(replace(first, config="index_gateway: {}"), ("read",)) != of(first, ("read",))
