"""The life of units on the stage: what runs in which order, what a failure costs, and how it all ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jubilant
import pytest
from patience import until
from stage_site import TOY, Site, site


@pytest.fixture(scope="module")
def pair() -> Iterator[Site]:
    """Two related toys, one of them with two units."""
    with site() as running:
        running.juju.deploy(TOY, "alpha", num_units=2)
        running.juju.deploy(TOY, "beta", config={"word": "salut"})
        running.juju.integrate("alpha:giving", "beta:taking")
        running.settle()
        yield running


def test_start_up_in_jujus_order(pair: Site) -> None:
    first = pair.hooks("alpha/0")
    assert first[:2] == ["data-storage-attached", "install"]
    expected = ["friends-relation-created", "leader-elected", "config-changed", "start"]
    assert [name for name in first if name in expected][:4] == expected
    assert first.index("start") < first.index("friends-relation-joined")
    assert "leader-elected" not in pair.hooks("alpha/1")


def test_all_active_as_jubilant_reads_it(pair: Site) -> None:
    status = pair.juju.wait(jubilant.all_active)
    assert status.apps["alpha"].units["alpha/0"].leader
    assert status.apps["alpha"].version == "1.2.3"
    assert status.apps["beta"].relations["taking"][0].related_app == "alpha"
    assert status.apps["alpha"].units["alpha/0"].open_ports == ["8080/tcp"]


def test_units_hear_each_other(pair: Site) -> None:
    message = pair.juju.status().apps["beta"].units["beta/0"].workload_status.message
    assert message.startswith("salut; alpha/0=")
    assert "alpha/1=" in message


def test_every_join_is_followed_by_its_change(pair: Site) -> None:
    entries = pair.seen("beta/0")
    for position, entry in enumerate(entries):
        if entry["hook"] == "taking-relation-joined":
            after = entries[position + 1]
            assert after["hook"] == "taking-relation-changed"
            assert after["environment"]["JUJU_REMOTE_UNIT"] == entry["environment"]["JUJU_REMOTE_UNIT"]


def test_config_has_types_and_refuses_what_it_does_not_know(pair: Site) -> None:
    assert pair.juju.config("beta") == {"word": "salut", "loud": False, "fail-on": ""}
    pair.juju.config("beta", {"count": 3, "loud": True})
    assert pair.juju.config("beta") == {"word": "salut", "loud": True, "fail-on": "", "count": 3}
    with pytest.raises(jubilant.CLIError, match="unknown option"):
        pair.juju.config("beta", {"colour": "red"})
    with pytest.raises(jubilant.CLIError, match="expected int"):
        pair.juju.config("beta", {"count": "many"})
    pair.juju.config("beta", reset=["count", "loud"])
    assert "count" not in pair.juju.config("beta")


def test_an_unchanged_config_causes_no_hook(pair: Site) -> None:
    pair.settle()
    before = len(pair.hooks("beta/0"))
    pair.juju.config("beta", {"word": "salut"})
    pair.settle()
    assert pair.hooks("beta/0", since=before) == []


def test_actions(pair: Site) -> None:
    task = pair.juju.run("alpha/leader", "say", {"word": "hey", "times": 2})
    assert task.results == {"said": "hey hey", "deep": {"er": "1"}}
    assert task.log[0].endswith("about to speak")
    with pytest.raises(jubilant.TaskError) as refused:
        pair.juju.run("alpha/0", "refuse")
    assert refused.value.task.message == "no, thanks"
    with pytest.raises(jubilant.TaskError) as crashed:
        pair.juju.run("alpha/0", "crash")
    assert crashed.value.task.return_code == 1
    with pytest.raises(ValueError, match="not-there"):
        pair.juju.run("alpha/0", "not-there")
    with pytest.raises(jubilant.CLIError, match="word is required"):
        pair.juju.run("alpha/0", "say")


def test_secrets_are_granted_tracked_and_told_of(pair: Site) -> None:
    pair.juju.run("alpha/0", "share", {"value": "s3cr3t-short"})
    pair.settle()
    assert "secret of length 12" in pair.juju.status().apps["beta"].units["beta/0"].workload_status.message
    since = {unit: len(pair.hooks(unit)) for unit in ("alpha/0", "beta/0")}
    pair.juju.run("alpha/0", "share", {"value": "s3cr3t-and-longer"})
    pair.settle()
    assert "secret-changed" in pair.hooks("beta/0", since["beta/0"])
    assert "secret-remove" in pair.hooks("alpha/0", since["alpha/0"])
    assert "secret of length 17" in pair.juju.status().apps["beta"].units["beta/0"].workload_status.message
    assert "status-set --application=False active" in pair.called("alpha/0")
    assert "s3cr3t" not in pair.log() + pair.called("alpha/0") + pair.called("beta/0")


def test_a_failed_hook_is_rolled_back_and_tried_again(pair: Site) -> None:
    pair.juju.config("beta", {"fail-on": "config-changed", "word": "never heard"})
    pair.juju.wait(lambda status: status.apps["beta"].units["beta/0"].is_error)
    status = pair.juju.status().apps["beta"].units["beta/0"]
    assert status.workload_status.message == 'hook failed: "config-changed"'
    relation = next(r for r in pair.juju.show_unit("alpha/0").relation_info if r.endpoint == "giving")
    assert relation.related_units["beta/0"].data["word"] == "salut"
    pair.juju.config("beta", {"word": "heard again"}, reset="fail-on")
    pair.settle()
    assert "beta/0=heard again" in pair.juju.status().apps["alpha"].units["alpha/0"].workload_status.message


def test_a_killed_hook_leaves_no_trace_and_runs_again(pair: Site) -> None:
    since = len(pair.hooks("beta/0"))
    pair.juju.cli("stage", "kill-hook", "beta/0", "--at", "status-set")
    pair.juju.config("beta", {"word": "spoken twice"})
    pair.settle()
    assert pair.hooks("beta/0", since)[:2] == ["config-changed", "config-changed"]
    assert "exit status -9" in pair.log()
    assert "beta/0=spoken twice" in pair.juju.status().apps["alpha"].units["alpha/0"].workload_status.message


def test_leadership_moves_on_demand(pair: Site) -> None:
    since = len(pair.hooks("alpha/1"))
    pair.juju.cli("stage", "move-leader", "alpha/1")
    status = pair.settle()
    assert not status.apps["alpha"].units["alpha/0"].leader
    assert pair.hooks("alpha/1", since)[0] == "leader-elected"
    pair.juju.cli("stage", "move-leader", "alpha/0")
    pair.settle()


def test_a_lost_pod_comes_back_elsewhere_and_the_others_hear_of_it(pair: Site) -> None:
    before = pair.juju.status().apps["alpha"].units["alpha/1"].address
    mine, theirs = len(pair.hooks("alpha/1")), len(pair.hooks("beta/0"))
    pair.juju.cli("stage", "lose-pod", "alpha/1")
    after = pair.settle().apps["alpha"].units["alpha/1"].address
    assert after != before
    assert pair.hooks("alpha/1", mine)[:3] == ["upgrade-charm", "config-changed", "start"]
    assert "taking-relation-changed" in pair.hooks("beta/0", theirs)
    relation = next(r for r in pair.juju.show_unit("beta/0").relation_info if r.endpoint == "taking")
    assert relation.related_units["alpha/1"].data["ingress-address"] == after


def test_a_leader_that_stays_away_loses_its_lease(pair: Site) -> None:
    before, mine = pair.juju.status().apps["alpha"].units["alpha/0"].address, len(pair.hooks("alpha/0"))
    pair.juju.cli("stage", "lose-pod", "alpha/0", "--away")
    units = pair.juju.status().apps["alpha"].units
    assert units["alpha/0"].juju_status.current == "lost"
    assert units["alpha/0"].workload_status.current == "unknown"
    assert units["alpha/0"].address == before
    assert not pair.is_idle()
    heir = units["alpha/1"].leader
    pair.juju.cli("stage", "return-pod", "alpha/0")
    units = pair.settle().apps["alpha"].units
    assert heir and units["alpha/1"].leader and not units["alpha/0"].leader
    assert units["alpha/0"].juju_status.current == "idle"
    assert units["alpha/0"].address != before
    assert pair.hooks("alpha/0", mine)[:3] == ["upgrade-charm", "config-changed", "start"]
    with pytest.raises(jubilant.CLIError, match="isn't away"):
        pair.juju.cli("stage", "return-pod", "alpha/0")
    pair.juju.cli("stage", "move-leader", "alpha/0")
    pair.settle()


def test_update_status_on_demand(pair: Site) -> None:
    since = len(pair.hooks("beta/0"))
    pair.juju.cli("stage", "update-status", "beta/0")
    pair.settle()
    assert pair.hooks("beta/0", since) == ["update-status"]


def test_refresh_replaces_pods_from_the_highest_down(pair: Site) -> None:
    since = {unit: len(pair.hooks(unit)) for unit in ("alpha/0", "alpha/1")}
    pair.juju.refresh("alpha", path=TOY)
    pair.settle()
    for unit, start in since.items():
        ran = [name for name in pair.hooks(unit, start) if not name.startswith(("friends", "giving"))]
        assert ran[:4] == ["stop", "upgrade-charm", "config-changed", "start"]
    log = pair.log()
    assert log.rindex("alpha/1: runs stop") < log.rindex("alpha/0: runs stop")
    assert pair.juju.status().apps["alpha"].charm_rev == 1


def test_a_unit_that_goes_says_goodbye_first(pair: Site) -> None:
    mine, theirs = len(pair.hooks("alpha/1")), len(pair.hooks("beta/0"))
    notes = pair.home / "models/stage/units/alpha-1/seen.jsonl"
    pair.juju.remove_unit("alpha", num_units=1)
    pair.juju.wait(lambda status: "alpha/1" not in status.apps["alpha"].units)
    pair.settle()
    assert notes.is_file()
    went = pair.seen("alpha/1")[mine:]
    names = [entry["hook"] for entry in went]
    assert names[-3:] == ["data-storage-detaching", "stop", "remove"]
    departures = [entry for entry in went if entry["hook"].endswith("departed")]
    assert {entry["environment"]["JUJU_DEPARTING_UNIT"] for entry in departures} == {"alpha/1"}
    assert names.index("giving-relation-departed") < names.index("giving-relation-broken")
    last = next(entry for entry in pair.seen("beta/0")[theirs:] if entry["hook"].endswith("departed"))
    assert last["environment"]["JUJU_DEPARTING_UNIT"] == "alpha/1"


def test_a_unit_that_begins_to_go_departs_from_the_others_at_once(pair: Site) -> None:
    pair.juju.add_unit("alpha")
    pair.juju.config("alpha", {"fail-on": "giving-relation-departed"})
    pair.settle()
    mine, theirs = len(pair.hooks("alpha/1")), len(pair.hooks("beta/0"))
    pair.juju.remove_unit("alpha", num_units=1)
    until(lambda: pair.hooks("beta/0", theirs), 60, "the others to hear that it goes")
    still = pair.hooks("alpha/1", mine)
    pair.juju.config("alpha", reset="fail-on")
    pair.juju.wait(lambda status: "alpha/1" not in status.apps["alpha"].units)
    assert "giving-relation-broken" not in still
    pair.settle()
    assert pair.hooks("beta/0", theirs) == ["taking-relation-departed"]


def test_a_removed_relation_breaks_on_both_sides(pair: Site) -> None:
    since = {unit: len(pair.hooks(unit)) for unit in ("alpha/0", "beta/0")}
    pair.juju.remove_relation("alpha:giving", "beta:taking")
    pair.settle()
    assert pair.hooks("alpha/0", since["alpha/0"])[:2] == [
        "giving-relation-departed",
        "giving-relation-broken",
    ]
    assert pair.hooks("beta/0", since["beta/0"])[:2] == ["taking-relation-departed", "taking-relation-broken"]
    assert "taking" not in pair.juju.status().apps["beta"].relations


def test_a_removed_application_is_gone(pair: Site) -> None:
    pair.juju.remove_application("beta")
    pair.juju.wait(lambda status: "beta" not in status.apps)
    assert pair.hooks("beta/0")[-1] == "remove"
    assert not Path(pair.home, "models/stage/units/beta-0/charm").exists()
