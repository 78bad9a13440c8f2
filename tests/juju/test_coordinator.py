"""What a coordinator does that no life covers: actions, a password, a deaf binary, other charms' versions."""

from __future__ import annotations

import json
import stat

import pytest
from clusters import COORDINATOR, Deployed, deploy

from rolecall.core.products import PRODUCTS


def settled(product: str = "loki", coordinators: int = 1) -> Deployed:
    """Return a cluster of the smallest set, at rest."""
    made = deploy(PRODUCTS[product], PRODUCTS[product].minimal, coordinators=coordinators, checked=True)
    made.settle()
    return made


@pytest.mark.parametrize("product", PRODUCTS)
def test_diagnose_tells_every_unit_and_every_problem(product: str):
    made = settled(product)
    made.juju.config(COORDINATOR, {"log-level": "loud", "replication-factor": "many"})
    made.settle()

    told = made.act("coordinator/0", "diagnose")

    assert told["coherent"] == "false"
    problems = json.loads(told["problems"])
    assert [problem["severity"] for problem in problems] == ["blocked", "blocked", "notice"]
    assert all("option" in problem["text"] for problem in problems if problem["severity"] == "blocked")
    assert set(json.loads(told["units"])) == {unit.name.replace("/", "-") for unit in made.units()}


def test_a_rollout_is_paused_by_the_leader_only():
    made = settled(coordinators=2)

    refused = made.juju.run_action("coordinator/1", "rollout", {"action": "pause"})
    told = made.act("coordinator/0", "rollout", {"action": "pause"})
    made.juju.config(COORDINATOR, {"log-level": "debug"})
    made.settle()

    assert refused.failure is not None and "the leader" in refused.failure
    assert told["paused"] == "true"
    assert set(made.world.births.values()) == {1}
    made.act("coordinator/0", "rollout", {"action": "resume"})
    made.settle()
    assert set(made.world.births.values()) == {2}


@pytest.mark.parametrize("product", PRODUCTS)
def test_check_writes_through_the_gateway_and_reads_it_back(product: str):
    made = settled(product)

    told = made.act("coordinator/0", "check")

    assert [told["marker"] in text for text in made.world.taken] == [True]
    made.world.takes = 503
    refused = made.juju.run_action("coordinator/0", "check", {})
    assert refused.failure == "cannot write: the gateway answered 503: "


def test_the_closed_routes_open_with_a_password_that_is_a_secret():
    """The leader makes it, once; every unit's nginx asks for it while the option is set."""
    made = settled(coordinators=2)
    assert "auth_basic" not in "".join(made.world.texts.values())

    made.juju.config(COORDINATOR, {"admin": True})
    made.settle()
    (held,) = [
        one for one in made.juju.model.vault.owned_by(COORDINATOR) if "htpasswd" in one.revisions[one.latest]
    ]
    content = held.revisions[held.latest]
    assert content["password"] and content["htpasswd"].startswith(f"{content['username']}:")
    for unit in made.coordinators():
        (path,) = unit.files("nginx").rglob("admin.htpasswd")
        assert path.read_text() == content["htpasswd"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "auth_basic_user_file" in made.world.texts[unit.name]

    made.juju.change_leader(COORDINATOR, "coordinator/1")
    made.juju.config(COORDINATOR, {"admin": False})
    made.settle()
    assert "auth_basic" not in "".join(made.world.texts.values())
    assert (held.latest, made.world.violations) == (1, [])


def test_a_binary_that_cannot_be_run_refuses_nothing():
    """It is asked once a hook, and again in a later one; meanwhile the last good config stays."""
    made = settled()
    births, published = dict(made.world.births), made.shared().document
    made.world.unable = "cannot connect to Pebble"
    ran = len(made.world.executed)

    made.juju.config(COORDINATOR, {"log-level": "debug"})
    made.settle()
    told = made.coordinators()[0].status
    assert told == (
        "waiting: cannot verify the config yet: /usr/bin/loki could not be run: cannot connect to Pebble"
    )
    assert [command[0] for _, command in made.world.executed[ran:]].count("/usr/bin/loki") == 1
    assert (made.shared().document, made.world.births) == (published, births)

    made.world.unable = ""
    made.juju.update_status()
    made.settle()
    assert made.coordinators()[0].status.startswith("active: cannot promise")
    assert set(made.world.births.values()) == {2}


def test_receivers_are_listed_with_their_addresses():
    made = settled("tempo")

    told = made.act("coordinator/0", "list-receivers")

    assert {"otlp-grpc", "otlp-http"} <= set(told)
    assert all("coordinator" in address for address in told.values())


@pytest.mark.parametrize("product", PRODUCTS)
def test_an_older_coordinator_says_less_and_a_newer_one_more(product: str):
    """A key that isn't there yet, and one that isn't known, restart nobody."""
    made = settled(product)
    births = dict(made.world.births)
    for name in made.workers:
        link = made.link(name)
        bag = link.app_bags[COORDINATOR]
        bag.pop("authority", None)
        bag["of-the-future"] = '{"a": 1}'
        for unit in made.juju.app(name).units:
            made.juju.emit(unit, link.event(unit, "changed"))
            made.juju.step()

    assert made.world.births == births
    assert all(unit.status.startswith("active") for unit in made.units())


@pytest.mark.parametrize("product", PRODUCTS)
def test_an_older_worker_says_less_and_a_newer_one_more(product: str):
    made = settled(product)
    births, texts = dict(made.world.births), dict(made.world.texts)
    for name in made.workers:
        link = made.link(name)
        for unit in made.juju.app(name).units:
            link.unit_bags[unit.name].pop("leaving", None)
            link.unit_bags[unit.name]["of-the-future"] = '{"a": 1}'
            (coordinator,) = made.coordinators()
            made.juju.emit(coordinator, link.event(coordinator, "changed", unit.name))
            made.juju.step()

    assert (made.world.births, made.world.texts) == (births, texts)
    assert all(unit.status.startswith("active: cannot promise") for unit in made.coordinators())


def test_the_gateway_follows_the_workers_while_there_is_no_store():
    """G8: what doesn't need the bucket goes on."""
    made = settled()
    made.remove_store()
    made.settle()
    made.juju.add_unit("read")
    made.settle()

    assert set(made.world.told("coordinator/0")["units"]) == {"write-0", "read-0", "read-1", "backend-0"}
    assert made.coordinators()[0].status.startswith("blocked: cannot keep data")
    assert made.world.violations == []
