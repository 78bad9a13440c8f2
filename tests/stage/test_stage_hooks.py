"""Which hook comes next, on models without processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stage_world import add_app, make_model, relate_toys, run_out, step

from stage.life import elect
from stage.secrets import Consumer, Secret
from stage.settle import end_relation
from stage.world import Hook, Model


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    """An empty model, with its lock held."""
    made = make_model(tmp_path)
    with made.changed:
        yield made


def test_a_new_unit_starts_in_jujus_order(model: Model) -> None:
    add_app(model, "solo", 1)
    assert run_out(model)["solo/0"] == [
        "data-storage-attached",
        "install",
        "friends-relation-created",
        "leader-elected",
        "config-changed",
        "start",
    ]


def test_a_relation_is_created_joined_and_changed_on_both_sides(model: Model) -> None:
    add_app(model, "one", 1)
    add_app(model, "two", 1)
    run_out(model)
    relate_toys(model, "one", "two")
    ran = run_out(model)
    assert ran["one/0"] == [f"giving-relation-{kind}" for kind in ("created", "joined", "changed")]
    assert ran["two/0"] == [f"taking-relation-{kind}" for kind in ("created", "joined", "changed")]


def test_many_writes_are_one_change(model: Model) -> None:
    add_app(model, "one", 1)
    add_app(model, "two", 1)
    relation = relate_toys(model, "one", "two")
    run_out(model)
    for number in range(5):
        relation.unit_bags["one/0"].put({"n": str(number)})
    relation.app_bags["one"].put({"n": "7"})
    relation.app_bags["one"].put({"n": "8"})
    assert run_out(model)["two/0"] == ["taking-relation-changed", "taking-relation-changed"]


def test_a_write_that_changes_nothing_is_no_change(model: Model) -> None:
    add_app(model, "one", 1)
    add_app(model, "two", 1)
    relation = relate_toys(model, "one", "two")
    relation.app_bags["one"].put({"n": "8"})
    run_out(model)
    assert not relation.app_bags["one"].put({"n": "8", "gone": ""})
    assert run_out(model)["two/0"] == []


def test_two_config_changes_are_one_hook(model: Model) -> None:
    app = add_app(model, "solo", 1)
    run_out(model)
    app.config["word"] = "a"
    app.config["word"] = "b"
    assert run_out(model)["solo/0"] == ["config-changed"]


def test_a_removed_relation_departs_each_unit_then_breaks(model: Model) -> None:
    add_app(model, "one", 2)
    add_app(model, "two", 1)
    relation = relate_toys(model, "one", "two")
    run_out(model)
    relation.life = "dying"
    assert run_out(model)["two/0"] == [
        "taking-relation-departed",
        "taking-relation-departed",
        "taking-relation-broken",
    ]
    assert relation.id not in model.relations


def test_a_relation_removed_before_anybody_joined_is_gone_at_once(model: Model) -> None:
    add_app(model, "one", 1)
    add_app(model, "two", 1)
    relation = relate_toys(model, "one", "two")
    relation.life = "dying"
    end_relation(model, relation)
    assert relation.id not in model.relations


def test_a_dying_unit_is_told_that_it_departs_and_the_others_learn_of_it(model: Model) -> None:
    app = add_app(model, "one", 2)
    run_out(model)
    leaving = app.units["one/1"]
    leaving.life = "dying"
    first = step(model, leaving)
    assert first and ("JUJU_DEPARTING_UNIT", "one/1") in first.facts
    ran = run_out(model)
    assert ran["one/1"] == ["friends-relation-broken", "data-storage-detaching", "stop", "remove"]
    assert ran["one/0"] == ["friends-relation-departed"]


def test_only_a_new_leader_is_told(model: Model) -> None:
    app = add_app(model, "one", 2)
    run_out(model)
    elect(model, app, "one/1")
    assert run_out(model) == {"one/0": [], "one/1": ["leader-elected"]}


def test_readers_of_a_secret_hear_of_each_new_revision_once(model: Model) -> None:
    add_app(model, "one", 1)
    add_app(model, "two", 1)
    run_out(model)
    secret = Secret("s" * 20, app="one", label="key")
    secret.add_revision({"k": "1"})
    model.secrets.secrets[secret.id] = secret
    model.secrets.consumers[secret.id, "two/0"] = Consumer(tracked=1, label="theirs")
    secret.add_revision({"k": "2"})
    hook = step(model, model.apps["two"].units["two/0"])
    assert hook and hook.name == "secret-changed"
    assert ("JUJU_SECRET_LABEL", "theirs") in hook.facts
    assert run_out(model) == {"one/0": [], "two/0": []}
    model.secrets.consumers[secret.id, "two/0"].tracked = 2
    assert run_out(model)["one/0"] == ["secret-remove"]


def test_an_expired_secret_is_told_of_once(model: Model) -> None:
    add_app(model, "one", 1)
    run_out(model)
    secret = Secret("e" * 20, unit="one/0", expires_s=1.0, latest=1, revisions={1: {"k": "v"}})
    model.secrets.secrets[secret.id] = secret
    assert run_out(model)["one/0"] == ["secret-expired"]


def test_what_pebble_tells_comes_in_its_order_and_after_start(model: Model) -> None:
    app = add_app(model, "one", 1)
    for name in ("box-pebble-ready", "box-pebble-check-failed"):
        app.units["one/0"].events.append(Hook(name.removeprefix("box-"), name))
    assert run_out(model)["one/0"][-3:] == ["start", "box-pebble-ready", "box-pebble-check-failed"]
