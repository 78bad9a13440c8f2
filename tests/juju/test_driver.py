"""The driver's own tests, on charms of a few lines: what a unit is told, in which order, and what it sees."""

from __future__ import annotations

import ops
import pytest
from driver import CharmFailedError, DriverError, Event, Juju, NotConvergingError
from toys import BUSYBODY, PROVIDER, RECORDER, REQUIRER, USURPER


def told(juju: Juju, unit: str) -> list[str]:
    return [str(dispatch.event) for dispatch in juju.trace if dispatch.unit == unit]


def related(*, seed: int | None = None, providers: int = 2, requirers: int = 2) -> Juju:
    juju = Juju(seed=seed)
    juju.deploy(PROVIDER, "provider", num_units=providers)
    juju.deploy(REQUIRER, "requirer", num_units=requirers)
    juju.integrate("provider:data", "requirer:data")
    juju.settle()
    return juju


def test_startup_order_of_a_leader_and_a_follower():
    juju = Juju()
    juju.deploy(RECORDER, "a", num_units=2)
    juju.settle()

    assert told(juju, "a/0") == [
        "data-storage-attached",
        "install",
        "peers-relation-created",
        "leader-elected",
        "config-changed",
        "start",
        "app-pebble-ready",
        "peers-relation-joined(a/1)",
        "peers-relation-changed(a/1)",
    ]
    assert told(juju, "a/1") == [
        event.replace("a/1", "a/0") for event in told(juju, "a/0") if "leader" not in event
    ]


@pytest.mark.parametrize("seed", range(20))
def test_every_order_is_a_legal_one(seed: int):
    juju = related(seed=seed)

    for unit in ("requirer/0", "requirer/1"):
        events = told(juju, unit)
        for far in ("provider/0", "provider/1"):
            joined = events.index(f"data-relation-joined({far})")
            assert events.index("start") < joined
            assert events.index("data-relation-created") < joined
            assert f"data-relation-changed({far})" in events[joined:]


def test_bags_and_secrets_reach_every_unit():
    juju = related()

    assert [unit.status for unit in juju.app("requirer").units] == ["active: hello one"] * 2
    assert [unit.status for unit in juju.app("provider").units] == ["active: led by provider/0"] * 2


def test_a_change_is_told_once_to_those_whom_it_concerns():
    juju = related()
    juju.config("provider", {"greeting": "bye"})

    events = [(dispatch.unit, str(dispatch.event)) for dispatch in juju.settle()]

    assert events == [
        ("provider/0", "config-changed"),
        ("provider/1", "config-changed"),
        ("requirer/0", "data-relation-changed"),
        ("requirer/1", "data-relation-changed"),
    ]


def test_each_unit_has_its_own_address_in_bindings_and_bags():
    juju = related()

    units = juju.app("provider").units
    link = next(link for link in juju.model.links.values() if not link.peers)
    assert len({unit.address for unit in units}) == 2
    for unit in units:
        bag = link.unit_bags[unit.name]
        assert bag["address"] == bag["ingress-address"] == bag["private-address"] == unit.address


@pytest.mark.parametrize("deed", ["write", "read"])
def test_a_follower_keeps_its_hands_off_its_applications_bag(deed: str):
    juju = Juju()
    juju.deploy(USURPER, "usurper", num_units=2, config={"deed": deed})
    juju.deploy(REQUIRER, "requirer")
    juju.integrate("usurper:data", "requirer:data")

    with pytest.raises(CharmFailedError, match=r"usurper/1 failed in data-relation-joined\(requirer/0\)"):
        juju.settle()


def test_a_follower_adds_no_secret_of_the_application():
    juju = Juju()
    juju.deploy(USURPER, "usurper", num_units=2, config={"deed": "secret"})
    juju.deploy(REQUIRER, "requirer")
    juju.integrate("usurper:data", "requirer:data")

    with pytest.raises(CharmFailedError, match="permission denied"):
        juju.settle()


def test_observers_hear_of_a_new_revision_and_the_owner_when_nobody_needs_the_old_one():
    juju = related()
    juju.config("provider", {"password": "two"})

    events = [(dispatch.unit, dispatch.event.kind) for dispatch in juju.settle()]

    assert [unit.status for unit in juju.app("requirer").units] == ["active: changed two"] * 2
    assert sorted(events[-4:-1]) == [
        ("provider/0", "secret-changed"),
        ("requirer/0", "secret-changed"),
        ("requirer/1", "secret-changed"),
    ]
    assert events[-1] == ("provider/0", "secret-remove")
    (held,) = juju.model.vault.owned_by("provider")
    assert dict(held.revisions) == {2: {"password": "two"}}


def test_a_secret_is_for_those_only_that_it_is_granted_to_and_only_while_they_are_related():
    juju = related()
    juju.deploy(REQUIRER, "stranger")
    juju.settle()

    assert len(juju.state("requirer/0").secrets) == 1
    assert not juju.state("stranger/0").secrets

    juju.remove_relation("provider:data", "requirer:data")
    juju.settle()

    assert not juju.state("requirer/0").secrets


def test_a_removed_relation_departs_and_then_breaks_on_both_sides():
    juju = related(requirers=1)
    before = len(juju.trace)
    juju.remove_relation("provider:data", "requirer:data")
    juju.settle()

    events = [(dispatch.unit, str(dispatch.event)) for dispatch in juju.trace[before:]]
    assert [event for unit, event in events if unit == "requirer/0"] == [
        "data-relation-departed(provider/0)",
        "data-relation-departed(provider/1)",
        "data-relation-broken",
    ]
    assert [event for unit, event in events if unit == "provider/1"] == [
        "data-relation-departed(requirer/0)",
        "data-relation-broken",
    ]
    assert juju.unit("requirer/0").status == "blocked: no data"
    juju.integrate("provider:data", "requirer:data")
    juju.settle()
    assert juju.unit("requirer/0").status == "active: hello one"


def test_a_removed_unit_leaves_its_relations_and_then_stops():
    juju = Juju()
    juju.deploy(PROVIDER, "provider")
    juju.deploy(RECORDER, "a", num_units=2)
    juju.integrate("provider:data", "a:data")
    juju.settle()
    before = len(juju.trace)
    juju.remove_unit("a/1")
    assert juju.state("a/0").planned_units == 1
    juju.settle()

    ran = [dispatch for dispatch in juju.trace[before:] if dispatch.unit == "a/1"]
    assert [str(dispatch.event) for dispatch in ran] == [
        "peers-relation-departed(a/0)",
        "peers-relation-broken",
        "data-relation-departed(provider/0)",
        "data-relation-broken",
        "data-storage-detaching",
        "stop",
        "remove",
    ]
    assert {dispatch.event.departing for dispatch in ran if "departed" in dispatch.event.kind} == {"a/1"}
    assert told(juju, "provider/0")[-1] == "data-relation-departed(a/1)"
    assert [unit.name for unit in juju.app("a").units] == ["a/0"]
    assert not juju.state("a/0").get_relations("peers")[0].peers_data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def test_a_removed_leader_is_followed_by_another():
    juju = related()
    juju.remove_unit("provider/0")
    juju.settle()

    assert juju.app("provider").leader is juju.unit("provider/1")
    assert juju.unit("provider/1").status == "active: led by provider/1"


def test_a_new_leader_may_at_once_and_the_old_one_may_no_more():
    juju = related()
    juju.change_leader("provider", "provider/1")

    assert not juju.state("provider/0").leader
    juju.config("provider", {"password": "two"})
    juju.settle()
    assert [unit.status for unit in juju.app("provider").units] == ["active: led by provider/1"] * 2
    assert juju.unit("requirer/1").status == "active: changed two"


def test_the_owner_of_a_secret_is_the_application_whoever_leads():
    juju = related()
    juju.change_leader("provider", "provider/1")
    juju.config("provider", {"password": "two"})
    juju.settle()

    assert told(juju, "provider/1")[-1].startswith("secret-remove")
    (held,) = juju.model.vault.owned_by("provider")
    assert list(held.revisions) == [2]


def test_an_application_goes_with_its_relations():
    juju = related()
    juju.remove_application("provider")
    juju.settle()

    assert not juju.app("provider").units
    assert juju.unit("requirer/0").status == "blocked: no data"
    assert not juju.model.vault.owned_by("provider/0")


def test_a_seed_repeats_its_trace_and_another_makes_another():
    traces = [[str(dispatch) for dispatch in related(seed=seed).trace] for seed in (1, 1, 2)]

    assert traces[0] == traces[1]
    assert traces[0] != traces[2]


def test_charms_that_answer_each_other_for_ever_are_stopped_with_a_trace():
    juju = Juju()
    juju.deploy(BUSYBODY, "busy", num_units=2)

    with pytest.raises(NotConvergingError, match=r"(?s)busy/\d ran 100 hooks.*busy/0 peers-relation-changed"):
        juju.settle()


def test_an_action_answers_at_once():
    juju = related()

    done = juju.run_action("provider/0", "count", {"up-to": 3})
    failed = juju.run_action("provider/1", "break")

    assert (done.results, done.logs, done.failure) == ({"planned": 2, "up-to": 3}, ("counting",), None)
    assert failed.failure == "broken"


def test_update_status_is_told_to_all():
    juju = related()
    juju.update_status()

    assert {dispatch.unit for dispatch in juju.settle()} == {unit.name for unit in juju.model.units}


def test_what_juju_refuses_is_refused_with_all_reasons():
    juju = related()
    juju.deploy(PROVIDER, "other")

    with pytest.raises(DriverError, match=r"no option 'colour'.*size is a int, 'big' is none"):
        juju.config("provider", {"colour": "red", "size": "big"})
    with pytest.raises(DriverError, match="requirer:data takes 1"):
        juju.integrate("other:data", "requirer:data")
    with pytest.raises(DriverError, match=r"providers is not data; peers and requires"):
        juju.integrate("other:peers", "requirer:data")
    with pytest.raises(DriverError, match="no unit 'provider/7'"):
        juju.remove_unit("provider/7")
    with pytest.raises(DriverError, match="cannot dispatch nonsense"):
        juju.emit("provider/0", Event(kind="nonsense"))
        juju.settle()


def test_a_charm_of_a_folder_is_found_by_its_class():
    with pytest.raises(DriverError, match=r"cannot deploy CharmBase: no .*charmcraft.yaml"):
        Juju().deploy(ops.CharmBase, "nothing")
