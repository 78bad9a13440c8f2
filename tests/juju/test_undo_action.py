"""A rollout that halts is undone by the leader's action, and by nobody else (G4)."""

from __future__ import annotations

from clusters import COORDINATOR, Deployed, deploy

from rolecall.core.products.loki import LOKI

LEADER = f"{COORDINATOR}/0"
NOWHERE = "/nowhere"
"""What no process becomes ready with that reads it."""


def halted() -> Deployed:
    """Return a cluster whose first writer got a config that it can't become ready with."""
    made = deploy(LOKI, (("write", ("write",), 3), ("rest", ("read", "backend"), 1)), coordinators=2)
    made.settle()
    made.world.bad = NOWHERE
    made.juju.config(COORDINATOR, {"config-overrides": f"analytics: {{seed_file_path: {NOWHERE}}}"})
    made.settle()
    return made


def test_a_halted_rollout_is_undone():
    """One writer alone has restarted; it goes back, and all is as it was until the options change."""
    made = halted()
    births = dict(made.world.births)
    refused = made.juju.run_action(f"{COORDINATOR}/1", "rollout", {"action": "undo"})

    told = made.act(LEADER, "rollout", {"action": "undo"})
    made.settle()

    assert sorted(births.values()) == [1, 1, 1, 2]
    assert refused.failure is not None and "the leader" in refused.failure
    assert told["undone"] == "true"
    (one,) = [name for name, count in births.items() if count == 2]
    assert made.world.births == {**births, one: 3}
    assert all(process.ready for process in made.world.processes.values())
    assert "undone" in made.juju.unit(LEADER).status
    assert made.world.violations == []


def test_options_that_change_end_an_undo():
    made = halted()
    made.act(LEADER, "rollout", {"action": "undo"})
    made.settle()

    made.juju.config(COORDINATOR, {"config-overrides": "", "log-level": "debug"})
    made.settle()

    assert made.act(LEADER, "rollout")["undone"] == "false"
    document = made.shared().document
    assert document is not None and "log_level: debug" in document.config
    assert min(made.world.births.values()) == 2
    assert all(process.ready for process in made.world.processes.values())
    assert made.world.violations == []


def test_what_all_units_run_can_not_be_undone():
    made = deploy(LOKI, (("all", ("all",), 1),))
    made.settle()

    refused = made.juju.run_action(LEADER, "rollout", {"action": "undo"}).failure

    assert refused is not None and refused.startswith("cannot undo the rollout: the settings are those")
