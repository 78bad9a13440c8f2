"""A coordinator's own worker serves alone, lets others take over, and comes back (design: two ways)."""

from __future__ import annotations

import pytest
from clusters import COORDINATOR, Deployed, deploy
from driver import Life

from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.core.products.loki import LOKI

OWN = "coordinator-0"
per_product = pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)


def alone(product: Product, *, coordinators: int = 1) -> Deployed:
    """Return coordinators without other workers, whose own serve."""
    made = deploy(product, (), coordinators=coordinators, checked=True)
    turn(made, on=True)
    return made


def turn(made: Deployed, *, on: bool) -> None:
    """Set the option, and let all settle."""
    made.juju.config(COORDINATOR, {"solo": on})
    made.settle()


def add_least(made: Deployed) -> None:
    """Deploy the least set of workers, and let all settle."""
    for name, roles, units in made.product.minimal:
        made.add_worker(name, roles, units)
    made.settle()


def remove_all(made: Deployed) -> None:
    """Remove every worker application, and let all settle."""
    for name in list(made.workers):
        made.juju.remove_application(name)
        made.workers.remove(name)
    made.settle()


def serving(made: Deployed, coordinator: int = 0) -> set[str]:
    """Return whom a coordinator's gateway sends to."""
    return set(made.world.told(f"{COORDINATOR}/{coordinator}")["units"])


def said(made: Deployed) -> set[str]:
    """Return the keys that the first coordinator has in its bag for the others."""
    bag = made.peer_link().unit_bags["coordinator/0"]
    return bag.keys() - {"egress-subnets", "ingress-address", "private-address"}


def running(made: Deployed) -> set[str]:
    """Return the coordinators whose own worker's process runs."""
    return {name for name in made.world.processes if name.startswith(COORDINATOR)}


@per_product
def test_it_serves_alone(product: Product):
    """One deployment serves at once, by the ports that the gateway leaves free, and says what is missing."""
    made = alone(product)

    assert serving(made) == {OWN}
    assert made.world.births == {"coordinator/0": 1}
    assert f":{product.port('http', beside=True)} max_fails" in made.world.texts["coordinator/0"]
    assert f":{product.port('http')} max_fails" not in made.world.texts["coordinator/0"]
    assert made.coordinators()[0].status.startswith(
        "active: cannot share out the roles: the coordinator's own workers run everything"
    )
    assert made.world.violations == []


@per_product
def test_it_hands_over_and_comes_back(product: Product):
    """Workers for all roles take over, and its process ends; when they are removed, it serves again."""
    made = alone(product)
    add_least(made)

    assert OWN not in serving(made)
    assert serving(made)
    assert running(made) == set()
    assert made.coordinators()[0].status.startswith("active: cannot promise")
    births = made.world.births["coordinator/0"]
    remove_all(made)

    assert serving(made) == {OWN}
    assert made.world.births["coordinator/0"] == births + 1
    assert made.world.violations == []


@per_product
def test_an_incoherent_set_takes_nothing_over(product: Product):
    """A worker with a part of the roles helps, and the own one stays."""
    made = alone(product)
    name, roles, units = product.minimal[0]
    made.add_worker(name, roles, units)
    made.settle()

    assert OWN in serving(made)
    assert made.world.births["coordinator/0"] == 1
    assert made.coordinators()[0].status.startswith("active: cannot share out the roles")


def test_it_comes_back_for_a_single_role():
    """One role without anybody is enough; what the others run goes on."""
    made = alone(LOKI)
    add_least(made)
    made.juju.remove_application("read")
    made.workers.remove("read")
    made.settle()

    assert serving(made) == {OWN, "write-0", "backend-0"}
    assert made.world.births["write/0"] == made.world.births["backend/0"] == 1
    assert made.world.violations == []


def test_who_parts_is_sent_to_until_it_serves():
    """A relation tells that it ends only when it does: its units serve until the own worker can."""
    made = alone(LOKI)
    made.add_worker("all", ("all",), 1)
    made.settle()
    made.part("all")
    while (document := made.shared().document) and not document.solo:
        assert made.juju.step()

    assert serving(made) == {"all-0"}
    assert "parting" in said(made)
    made.settle()
    assert serving(made) == {OWN}
    assert "parting" not in said(made)
    assert made.world.violations == []


def test_turned_on_beside_workers_it_starts_nothing():
    """Who has all roles goes on; the own worker waits, and so does that of a coordinator that joins."""
    made = deploy(LOKI, LOKI.minimal, checked=True)
    made.settle()
    births = dict(made.world.births)
    turn(made, on=True)
    made.juju.add_unit(COORDINATOR)
    made.settle()

    assert made.world.births == births
    assert "own-workers" not in str(made.act("coordinator/0", "diagnose"))
    remove_all(made)
    assert running(made) == {"coordinator/0", "coordinator/1"}
    assert serving(made, 0) == serving(made, 1) == {OWN, "coordinator-1"}
    assert made.world.violations == []


@per_product
def test_turned_off_it_hands_over_and_leaves_nothing(product: Product):
    """It drains, although nobody takes its place, and reports no longer; turned on again it serves."""
    made = alone(product)
    turn(made, on=False)

    assert running(made) == set()
    assert made.coordinators()[0].status.startswith("blocked: cannot serve")
    assert said(made) == {"consent"}
    turn(made, on=True)
    assert serving(made) == {OWN}
    assert made.world.violations == []


def test_without_the_option_there_is_nothing_of_it():
    """The container's events are for nothing, and the bags say nothing."""
    made = deploy(LOKI, (), checked=True)
    made.settle()

    assert made.world.births == {}
    assert said(made) == {"consent"}
    assert not any("solo" in str(dispatch.log) for dispatch in made.juju.trace)


@per_product
def test_several_coordinators_are_one_cluster(product: Product):
    """Each gateway sends to the workers of all, and a change rolls through them one by one."""
    made = alone(product, coordinators=3)

    everybody = {f"coordinator-{number}" for number in range(3)}
    assert [serving(made, number) for number in range(3)] == [everybody] * 3
    document = made.shared().document
    assert document is not None
    assert document.choices.replication_factor == 3
    births = dict(made.world.births)
    made.juju.config(COORDINATOR, {"log-level": "debug"})
    made.settle()
    assert made.world.births == {name: count + 1 for name, count in births.items()}
    assert made.world.violations == []


def test_another_leader_goes_on():
    """Whoever leads hands over, and comes back, with everybody's own worker."""
    made = alone(LOKI, coordinators=2)
    made.juju.change_leader(COORDINATOR, "coordinator/1")
    add_least(made)
    assert running(made) == set()
    made.juju.change_leader(COORDINATOR, "coordinator/0")
    remove_all(made)

    assert running(made) == {"coordinator/0", "coordinator/1"}
    assert made.world.violations == []


def test_a_coordinator_that_goes_takes_nothing_along():
    """Its own worker hands over with it, and the others serve."""
    made = alone(LOKI, coordinators=3)
    made.juju.remove_unit("coordinator/2")
    made.settle()

    assert running(made) == {"coordinator/0", "coordinator/1"}
    assert serving(made) == {OWN, "coordinator-1"}
    assert made.world.violations == []


def test_the_last_coordinator_hands_over():
    made = alone(LOKI)
    (unit,) = made.coordinators()
    made.juju.remove_application(COORDINATOR)
    made.settle()

    assert unit.life is Life.GONE
    assert running(made) == set()
    assert made.world.violations == []


@pytest.mark.parametrize("workers", [False, True], ids=["serving", "idle"])
def test_a_lost_pod_comes_back_as_it_was(workers: bool):
    """Its storage is there again; what was idle is idle."""
    made = alone(LOKI, coordinators=2)
    if workers:
        add_least(made)
    before = running(made)
    made.juju.lose_unit("coordinator/0")
    made.settle()

    assert running(made) == before
    assert made.world.violations == []


def test_an_own_worker_follows_new_settings():
    """The leader's own, too, which no event tells of what its coordinator has written."""
    made = alone(LOKI)
    made.juju.config(COORDINATOR, {"log-level": "debug"})
    made.settle()

    assert made.world.births == {"coordinator/0": 2}
    assert "log_level: debug" in made.world.processes["coordinator/0"].read
    assert made.world.violations == []
