"""The rings forget whose units are gone, and nobody else (G7); who is back is found before others go (G3)."""

from __future__ import annotations

import pytest
from clusters import COORDINATOR, Deployed, deploy
from driver import UPDATE_STATUS, Life, NotConvergingError, Unit

from rolecall.core.products import PRODUCTS
from rolecall.core.products.loki import LOKI

LEADER = f"{COORDINATOR}/0"


def three_writers(coordinators: int = 1) -> Deployed:
    """Return a cluster at rest that keeps three copies."""
    made = deploy(
        LOKI, (("write", ("write",), 3), ("rest", ("read", "backend"), 1)), coordinators=coordinators
    )
    made.settle()
    return made


def status(made: Deployed) -> str:
    """Return what the leader says of the cluster."""
    return made.juju.unit(LEADER).status


def look(made: Deployed, name: str = LEADER) -> None:
    """Let a coordinator hear all that waits and look after itself; nobody else, and no time passes."""
    unit = made.juju.unit(name)
    made.juju.emit(unit, UPDATE_STATUS)
    while len(unit.queue):
        made.juju.model.dispatch(unit)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_unit_that_is_gone_for_good_is_forgotten(product: str):
    made = deploy(PRODUCTS[product], PRODUCTS[product].recommended)
    made.settle()
    gone = next(unit for unit in made.units() if len(unit.app.units) > 1)

    made.juju.remove_unit(gone, force=True)
    made.settle()

    assert gone.name.replace("/", "-") not in made.world.rings.members
    assert made.world.strangers() == set()
    assert status(made) == "active"


def test_a_heartbeat_that_is_too_new_is_waited_for():
    """Until then the status says whom the ring is to forget."""
    made = three_writers()

    made.juju.remove_unit("write/2", force=True)
    look(made)

    said = status(made)
    assert said.startswith("waiting: cannot have the ring /compactor/ring forget write/2 yet: ")
    assert "write-2" in made.world.rings.members


def test_without_a_majority_of_the_copies_nobody_is_forgotten():
    """Of three writers two are gone: the verdict names unit, ring and what to do."""
    made = three_writers()
    # The other one hasn't been removed: it is a member that stays, however it is.
    made.juju.remove_unit("write/2", force=True)
    made.world.rings.pass_time({"write-1"})

    look(made)

    said = status(made)
    assert "write-2" in made.world.rings.members
    assert said.startswith(
        "active: cannot have the ring /compactor/ring forget write/2: its unit is gone, and of 3 copies only "
        "1 are healthy; bring it back, or add units with the role write"
    )


def test_a_unit_that_has_yet_to_hand_over_is_not_forgotten():
    """It departed from its relation, and its process doesn't answer: it is still in the model."""
    made = three_writers()
    made.juju.remove_unit("write/2")
    made.world.rings.pass_time({"rest-0", "write-0", "write-1"})

    look(made)

    assert made.juju.unit("write/2").life is Life.DYING
    assert "write-2" in made.world.rings.members
    assert status(made) == "active"
    assert made.world.violations == []


def test_who_follows_looks_at_no_ring():
    made = three_writers(coordinators=2)
    made.juju.remove_unit("write/2", force=True)
    looks = made.world.rings.looks

    look(made, f"{COORDINATOR}/1")

    assert made.world.rings.looks == looks


def test_a_cluster_at_rest_is_asked_for_no_ring():
    """The rings were seen to be in order with these very units; a new leader knows that, too."""
    made = three_writers(coordinators=2)
    looks = made.world.rings.looks

    made.juju.update_status()
    made.juju.change_leader(COORDINATOR, f"{COORDINATOR}/1")
    made.settle()

    assert looks
    assert made.world.rings.looks == looks


def test_a_ring_that_refuses_is_told_of_and_asked_again():
    made = three_writers()
    made.world.rings.refuses = True
    made.juju.remove_unit("write/2", force=True)
    made.settle()

    said = status(made)
    made.world.rings.refuses = False
    look(made)

    assert said.startswith("active: cannot have the ring /ring forget write/2: it answers 500: failed to")
    assert "write-2" not in made.world.rings.members
    assert status(made) == "active"


def test_a_page_that_does_not_answer_says_nothing():
    """Nobody is forgotten, and nothing is taken for in order."""
    made = three_writers()
    made.world.rings.silent = "/ring"
    made.juju.remove_unit("write/2", force=True)
    made.settle()
    assert "write-2" in made.world.rings.members

    made.world.rings.silent = ""
    look(made)

    assert "write-2" not in made.world.rings.members


def test_the_action_refuses_while_the_model_has_the_unit():
    """Also when its relation has ended already, and it has yet to hand over."""
    made = three_writers()
    made.juju.remove_unit("write/2")

    refused = [
        made.juju.run_action(LEADER, "forget-ring-member", {"member": name}).failure
        for name in ("write/1", "write-2")
    ]

    assert refused == [
        f"cannot forget {name}: the model has its unit; remove that, and it leaves its rings"
        for name in ("write-1", "write-2")
    ]
    assert made.world.rings.members == {"write-0", "write-1", "write-2", "rest-0"}


def test_the_action_has_rings_forget_whoever_the_charm_still_waits_for():
    """One ring by its path, then all others; afterwards there is nobody to forget."""
    made = three_writers()
    made.juju.remove_unit("write/2", force=True)

    one = made.act(LEADER, "forget-ring-member", {"member": "write/2", "ring": "/ring"})
    rest = made.act(LEADER, "forget-ring-member", {"member": "write/2"})
    none = made.juju.run_action(LEADER, "forget-ring-member", {"member": "write/2"})

    assert one == {"forgotten-by": "/ring"}
    others = set(made.world.rings.pages) - {"/ring"}
    assert set(rest["forgotten-by"].split(", ")) == others
    assert none.failure is not None
    assert none.failure.startswith("cannot forget write-2: it is no member of the rings (/ring, ")


def test_the_action_tells_of_a_refusal():
    made = three_writers()
    made.world.rings.refuses = True
    made.juju.remove_unit("write/2", force=True)

    told = made.juju.run_action(LEADER, "forget-ring-member", {"member": "write/2"})

    assert told.failure is not None
    assert told.failure.startswith("cannot have the ring /ring forget write-2: it answers 500")


@pytest.mark.parametrize("product", PRODUCTS)
def test_one_that_comes_back_is_found_by_all_that_count_on_it(product: str):
    """As long as one of these hasn't heard of it, no second one of its ring may go: two would be away."""
    made = deploy(PRODUCTS[product], PRODUCTS[product].recommended)
    made.settle()
    line = made.product.lines[0]

    def in_a_ring(unit: Unit) -> bool:
        return any(line.role(name).ring for name in line.expand(made.world.roles_of(unit)))

    deaf = next(unit.name for unit in made.units() if not in_a_ring(unit))
    before = dict(made.world.births)

    made.world.deaf.add(deaf)
    made.juju.config(COORDINATOR, {"log-level": "debug"})
    with pytest.raises(NotConvergingError):
        made.juju.settle(limit=60)
    restarted = [name for name, number in made.world.births.items() if before[name] != number]
    said = [unit.status for unit in made.units() if "still finding it" in unit.status]
    made.world.deaf.clear()
    made.settle()

    assert len(restarted) == len(said) == 1
    assert f"{deaf.replace('/', '-')}." in said[0]
    assert all(made.world.births[name] == number + 1 for name, number in before.items())
