"""The hook tools: what they print, what they refuse, and that nothing stays of a hook that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from stage_world import add_app, call, context, make_model, relate_toys, run_out

from stage.errors import ToolError
from stage.life import elect
from stage.world import Hook, Model


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    """Two related toys, `one` with two units; all is quiet. The relation's id is 2. The lock is held."""
    made = make_model(tmp_path)
    with made.changed:
        add_app(made, "one", 2)
        add_app(made, "two", 1)
        relate_toys(made, "one", "two")
        run_out(made)
        yield made


REFUSED: list[tuple[str, list[str], str, int]] = [
    ("relation-bogus", [], "no such hook tool", 127),
    ("relation-get", ["--colour"], "option provided but not defined: --colour", 2),
    ("relation-list", ["--format=yaml", "-r", "2"], "the stage prints JSON only", 1),
    ("relation-list", ["--format=json", "-r", "giving:77"], "relation not found", 1),
    ("relation-list", ["--format=json", "-r", "friends:2"], "relation not found", 1),
    ("relation-get", ["--format=json", "-r", "2", "-", "other/0"], "permission denied", 1),
    ("status-set", ["--application=False", "excellent"], "invalid status", 1),
    ("secret-get", ["--format=json", "secret:nope"], 'secret "nope" not found', 1),
    ("secret-get", ["--format=json", "--label", "none"], "not found", 1),
    ("secret-add", ["--owner", "application"], "missing secret value", 1),
    ("open-port", ["http"], "invalid port", 1),
    ("resource-get", ["nothing"], "not found", 1),
    ("network-get", ["--format=json", "nowhere"], "no network config found", 1),
    ("action-get", ["--format=json"], "not running an action", 1),
    ("credential-get", ["--format=json"], "cannot access", 1),
]


@pytest.mark.parametrize(
    ("name", "argv", "words", "code"), REFUSED, ids=[" ".join([r[0], *r[1]]) for r in REFUSED]
)
def test_refusals(model: Model, name: str, argv: list[str], words: str, code: int) -> None:
    with pytest.raises(ToolError) as refused:
        call(context(model, "one/0"), name, *argv)
    assert words in str(refused.value)
    assert refused.value.code == code


def test_a_follower_may_not_touch_its_applications_bag(model: Model) -> None:
    follower = context(model, "one/1")
    with pytest.raises(ToolError, match="cannot write relation settings"):
        call(follower, "relation-set", "-r", "giving:2", "--app", "--file", "-", stdin='{"a": "b"}')
    with pytest.raises(ToolError, match="permission denied"):
        call(follower, "relation-get", "--format=json", "-r", "giving:2", "--app", "-", "one")
    assert call(follower, "relation-get", "--format=json", "-r", "friends:0", "--app", "-", "one") == "{}\n"
    with pytest.raises(ToolError, match="not the leader"):
        call(follower, "status-set", "--application=True", "active")
    with pytest.raises(ToolError, match="permission denied"):
        call(follower, "secret-add", "--owner", "application", "k=v")


def test_what_a_hook_wrote_is_seen_by_it_at_once_and_by_others_after_its_commit(model: Model) -> None:
    writer = context(model, "one/0")
    call(writer, "relation-set", "-r", "giving:2", "--app", "--file", "-", stdin='{"a": "b"}')
    own = call(writer, "relation-get", "--format=json", "-r", "giving:2", "--app", "-", "one")
    assert json.loads(own) == {"a": "b"}
    read = ["--format=json", "-r", "taking:2", "--app", "-", "one"]
    assert json.loads(call(context(model, "two/0"), "relation-get", *read)) == {}
    writer.commit()
    assert json.loads(call(context(model, "two/0"), "relation-get", *read)) == {"a": "b"}


def test_a_running_hook_reads_the_same_to_its_end(model: Model) -> None:
    reader, writer = context(model, "two/0"), context(model, "one/0")
    read = ["--format=json", "-r", "taking:2", "--app", "-", "one"]
    before = call(reader, "relation-get", *read)
    call(writer, "relation-set", "-r", "giving:2", "--app", "a=b")
    writer.commit()
    assert call(reader, "relation-get", *read) == before


def test_a_leader_that_was_deposed_commits_nothing(model: Model) -> None:
    writer = context(model, "one/0")
    call(writer, "relation-set", "-r", "giving:2", "--app", "a=b")
    call(writer, "open-port", "80")
    elect(model, model.apps["one"], "one/1")
    with pytest.raises(ToolError, match="not the leader"):
        writer.commit()
    assert model.relations[2].app_bags["one"].data == {}
    assert model.apps["one"].units["one/0"].ports == set()


def test_a_departing_unit_is_not_listed_but_can_be_read(model: Model) -> None:
    hook = Hook("relation-departed", "taking-relation-departed", relation=2, member="one/1")
    departed = context(model, "two/0", hook)
    assert json.loads(call(departed, "relation-list", "--format=json", "-r", "2")) == ["one/0"]
    bag = json.loads(call(departed, "relation-get", "--format=json", "-r", "2", "-", "one/1"))
    assert bag["ingress-address"] == model.apps["one"].units["one/1"].address


def test_secrets_are_for_those_who_were_granted_them(model: Model) -> None:
    owner = context(model, "one/0")
    uri = call(owner, "secret-add", "--owner", "application", "--label", "mine", "k=v1").strip()
    owner.commit()
    with pytest.raises(ToolError, match="permission denied"):
        call(context(model, "two/0"), "secret-get", "--format=json", uri)
    owner = context(model, "one/0")
    call(owner, "secret-grant", "--relation", "2", uri)
    owner.commit()
    assert json.loads(call(context(model, "two/0"), "secret-get", "--format=json", uri)) == {"k": "v1"}


def test_a_reader_stays_at_its_revision_until_it_refreshes(model: Model) -> None:
    owner = context(model, "one/0")
    uri = call(owner, "secret-add", "--owner", "application", "k=v1").strip()
    call(owner, "secret-grant", "--relation", "2", uri)
    owner.commit()
    get = ["--format=json", uri]
    call(context(model, "two/0"), "secret-get", *get, "--label", "theirs")
    owner = context(model, "one/0")
    call(owner, "secret-set", uri, "--owner", "application", "k=v2")
    owner.commit()
    reader = context(model, "two/0")
    assert json.loads(call(reader, "secret-get", *get)) == {"k": "v1"}
    assert json.loads(call(reader, "secret-get", *get, "--peek")) == {"k": "v2"}
    assert json.loads(call(reader, "secret-get", *get)) == {"k": "v1"}
    assert json.loads(call(reader, "secret-get", "--format=json", "--label", "theirs", "--refresh")) == {
        "k": "v2"
    }
    assert json.loads(call(reader, "secret-get", *get)) == {"k": "v2"}


def test_a_hook_that_fails_leaves_no_secret_behind(model: Model) -> None:
    owner = context(model, "one/0")
    uri = call(owner, "secret-add", "--owner", "application", "k=v1").strip()
    owner.commit()
    failing = context(model, "one/0")
    call(failing, "secret-set", uri, "--owner", "application", "k=v2")
    assert json.loads(call(failing, "secret-get", "--format=json", uri, "--refresh")) == {"k": "v2"}
    failing.roll_back()
    assert json.loads(call(context(model, "one/0"), "secret-get", "--format=json", uri)) == {"k": "v1"}


def test_goal_state_names_the_dying(model: Model) -> None:
    model.apps["one"].units["one/1"].life = "dying"
    goals = json.loads(call(context(model, "one/0"), "goal-state", "--format=json"))
    assert goals["units"]["one/1"]["status"] == "dying"
    assert set(goals["relations"]["giving"]) == {"two", "two/0"}


def test_goal_state_names_no_dead(model: Model) -> None:
    """Whoever is removed by force is gone for everybody else at once."""
    model.apps["two"].units["two/0"].life = "dead"
    goals = json.loads(call(context(model, "one/0"), "goal-state", "--format=json"))
    assert set(goals["relations"]["giving"]) == {"two"}
