"""How units that come take over from those that are to go: from one process to many, and back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rolecall.core import choices, coordinator, identity, rollout, undo
from rolecall.core.model import Choices, Cluster, Document
from rolecall.core.products import PRODUCTS
from rolecall.testing import a_cluster, a_group, a_report, observed, settings_of

LOKI = PRODUCTS["loki"]
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
