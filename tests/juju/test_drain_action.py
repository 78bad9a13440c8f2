"""A unit hands over ahead of its removal, or of its other roles, and takes that back (G3, G5, G6)."""

from __future__ import annotations

import json

import pytest
from clusters import COORDINATOR, Deployed, deploy

from rolecall.core.product import Product
from rolecall.core.products.loki import LOKI
from rolecall.core.products.mimir import MIMIR

LEADER = f"{COORDINATOR}/0"
DRAINED = "drained: it has handed over, and may be removed"


def three_writers(product: Product = LOKI, coordinators: int = 1) -> Deployed:
    """Return a cluster at rest in which every writer may go."""
    groups = (("write", ("write",), 3), ("rest", ("read", "backend"), 1))
    made = deploy(product, groups, coordinators=coordinators)
    made.settle()
    return made


def drain(made: Deployed, unit: str, **more: bool) -> str:
    """Ask the leader for a drain; return how far it is."""
    made.world.outgoing = set() if more else {unit}
    return str(made.act(LEADER, "drain", {"unit": unit, **more})["state"])


@pytest.mark.parametrize("product", [LOKI, MIMIR], ids=lambda product: product.name)
def test_a_unit_hands_over_and_stays_until_it_is_removed(product: Product):
    """No gateway sends to it before its process ends, and nobody else is started."""
    made = three_writers(product, coordinators=2)
    before = dict(made.world.births)

    first = drain(made, "write/2")
    made.settle()

    assert first.startswith(("asked", "held"))
    assert drain(made, "write/2") == DRAINED
    assert made.juju.unit("write/2").status == f"waiting: {DRAINED}"
    assert "write/2" not in made.world.processes
    # Its own process may come back for readers only, until they have found what it had.
    assert {**made.world.births, "write/2": 1} == before
    assert made.world.violations == []
    told = json.loads(made.act(LEADER, "diagnose")["units"])
    assert {name: unit["phase"] for name, unit in told.items()} == {
        "rest-0": "running",
        "write-0": "running",
        "write-1": "running",
        "write-2": "drained",
    }


def test_a_drained_unit_keeps_nobody_from_restarting():
    """Nobody waits for it: a new config reaches all others."""
    made = three_writers()
    drain(made, "write/2")
    made.settle()

    made.juju.config(COORDINATOR, {"log-level": "debug"})
    made.settle()

    assert {name: made.world.births[name] for name in ("write/0", "write/1", "rest/0")} == {
        "write/0": 2,
        "write/1": 2,
        "rest/0": 2,
    }
    assert made.world.violations == []


@pytest.mark.parametrize("steps", [2, 8, 14, 1000])
@pytest.mark.parametrize("product", [LOKI, MIMIR], ids=lambda product: product.name)
def test_a_drain_is_taken_back_wherever_it_is(product: Product, steps: int):
    """The unit serves again, and nothing of the drain is left."""
    made = three_writers(product)
    drain(made, "write/2")
    for _ in range(steps):
        if made.juju.step() is None:
            break

    drain(made, "write/2", undo=True)
    made.settle()

    assert made.world.processes["write/2"].ready
    assert made.juju.unit("write/2").status == "active: write ready"
    assert "write-2" in made.world.told(LEADER)["units"]
    assert made.shared().hold.units == ()
    assert not list(made.juju.unit("write/2").files(product.name).rglob("handover.json"))
    assert made.world.violations == []


@pytest.mark.parametrize("product", [LOKI, MIMIR], ids=lambda product: product.name)
def test_a_unit_hands_over_before_it_gets_roles_that_keep_nothing(product: Product):
    """It goes on with the roles that it had until then; nobody else restarts."""
    groups = (("write", ("write",), 1), ("more", ("write",), 1), ("rest", ("read", "backend"), 1))
    made = deploy(product, groups)
    made.settle()
    before = dict(made.world.births)

    made.juju.config("more", {"role-write": False, "role-read": True})
    made.settle()

    (drain,) = product.drains
    calls = [("more/0", verb.path) for verb in (*drain.stop, *drain.ask)]
    assert made.world.handed[: len(calls)] == calls
    assert made.world.processes["more/0"].roles == ("read",)
    assert made.juju.unit("more/0").status == "active: read ready"
    assert "more-0" in made.world.told(LEADER)["units"]
    assert {**made.world.births, "more/0": 1} == before
    assert made.world.violations == []


def test_a_unit_that_bears_the_same_number_later_is_not_drained():
    made = three_writers()
    drain(made, "write/2")
    made.settle()

    made.juju.remove_unit("write/2")
    made.settle()

    document = made.shared().document
    assert document is not None
    assert document.outgoing == ()


def test_what_can_not_be_drained_is_refused():
    """An unknown unit, the last one of a role, and any by a unit that doesn't plan."""
    made = three_writers(coordinators=2)

    refused = [
        made.juju.run_action(unit, "drain", {"unit": name}).failure
        for unit, name in ((LEADER, "write/9"), (LEADER, "rest/0"), (f"{COORDINATOR}/1", "write/0"))
    ]

    assert refused == [
        "cannot drain write-9: there is no such worker; there are rest-0, write-0, write-1, write-2",
        "cannot drain rest-0: nobody else would run backend, read; add a unit first",
        "cannot drain write-0 here: only the leader plans; run it on the leader",
    ]
