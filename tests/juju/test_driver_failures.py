"""The driver's own tests: what stays when hooks die, pods are lost, and charms are upgraded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ops
import pytest
from driver import (
    CharmData,
    CharmFailedError,
    Event,
    Juju,
    Outcome,
    StillWorld,
    Unit,
    check_recovered,
)
from ops import pebble, testing
from toys import PROVIDER, REQUIRER, SERVICE, Service


class Fussy(StillWorld):
    """Verifies what was really written, and lets a process become ready when nothing else happens."""

    def __init__(self) -> None:
        self.births: list[str] = []
        self.losses: list[str] = []
        self._starting: list[Unit] = []

    def seams(self, unit: Unit) -> Mapping[str, Any]:
        return {"probe": f"the probe of {unit.name}"}

    def execute(self, unit: Unit, container: str, command: Sequence[str]) -> testing.Exec | None:
        text = (unit.files(container) / command[-1].lstrip("/")).read_text()
        return testing.Exec(command, return_code=0 if text == "good" else 1, stderr=f"{text} is not good")

    def started(self, unit: Unit, container: str, service: pebble.Service) -> None:
        self.births.append(f"{unit.name} {container} {service.environment['TEXT']}")
        self._starting.append(unit)

    def lost(self, unit: Unit) -> None:
        self.losses.append(unit.name)

    def idle(self) -> Iterable[tuple[Unit, Event]]:
        ready, self._starting = self._starting, []
        return [(unit, check_recovered("app", "ready")) for unit in ready]


class Sulker(ops.CharmBase):
    """Fails in config-changed after it wrote a file, as long as it is told to."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        framework.observe(self.on.config_changed, self._on_config_changed)

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        container = self.unit.get_container("app")
        if container.can_connect():
            container.push("/mark", "was here")
        if self.config["sulk"]:
            self.unit.status = ops.ActiveStatus("never seen")
            raise RuntimeError("no")
        self.unit.status = ops.ActiveStatus("fine")


SULKER = CharmData(
    charm=Sulker,
    meta={"name": "sulker", "containers": {"app": {}}},
    config={"options": {"sulk": {"type": "boolean", "default": False}}},
)


def served(world: StillWorld, units: int = 1, **options: Any) -> Juju:
    juju = Juju(world=world, **options)
    juju.deploy(SERVICE, "service", num_units=units)
    juju.settle()
    return juju


def test_a_killed_hook_wrote_nothing_to_juju_and_runs_again():
    juju = Juju()
    juju.deploy(PROVIDER, "provider")
    juju.deploy(REQUIRER, "requirer")
    link = juju.integrate("provider:data", "requirer:data")
    juju.settle()
    juju.config("provider", {"greeting": "bye", "password": "two"})
    juju.kill_in_hook("provider/0")

    killed = juju.step()

    assert killed and killed.outcome is Outcome.KILLED
    assert link.app_bags["provider"]["greeting"] == "hello"
    assert [dict(held.revisions) for held in juju.model.vault.owned_by("provider")] == [
        {1: {"password": "one"}}
    ]
    again = juju.step()
    assert again and (again.outcome, again.event) == (Outcome.DONE, killed.event)
    assert link.app_bags["provider"]["greeting"] == "bye"
    juju.settle()
    assert juju.unit("requirer/0").status == "active: changed two"


def test_what_a_killed_hook_did_to_its_container_stays():
    world = Fussy()
    juju = served(world)
    juju.config("service", {"text": "bad"})
    juju.kill_in_hook("service/0")
    juju.step()

    assert (juju.unit("service/0").files("app") / "etc/app/config").read_text() == "bad"
    assert juju.unit("service/0").status == "active: ready is up"


def test_stored_state_counts_the_hooks_that_succeeded():
    juju = Juju()
    juju.deploy(PROVIDER, "provider")
    juju.settle()
    before = juju.unit("provider/0").last.get_stored_state("stored", owner_path="Provider").content["hooks"]
    juju.update_status()
    juju.kill_in_hook("provider/0")
    juju.settle()

    after = juju.unit("provider/0").last.get_stored_state("stored", owner_path="Provider").content["hooks"]
    assert after == before + 1


def test_a_failing_hook_fails_the_test_with_the_trace_and_the_cause():
    juju = Juju()
    juju.deploy(SULKER, "sulker")
    juju.settle()
    juju.config("sulker", {"sulk": True})

    with pytest.raises(
        CharmFailedError, match=r"(?s)sulker/0 failed in config-changed: .*no.*\n.*failed"
    ) as info:
        juju.settle()
    assert isinstance(info.value.__cause__, RuntimeError)


def test_where_errors_are_allowed_a_hook_is_tried_again_until_it_succeeds():
    juju = Juju(allow_errors=(RuntimeError,))
    juju.deploy(SULKER, "sulker")
    juju.settle()
    juju.config("sulker", {"sulk": True})

    assert [dispatch.outcome for dispatch in juju.settle()] == [Outcome.FAILED] * 3
    assert (juju.unit("sulker/0").files("app") / "mark").read_text() == "was here"
    assert juju.unit("sulker/0").status == "active: fine"
    juju.config("sulker", {"sulk": False})
    assert [dispatch.outcome for dispatch in juju.settle()] == [Outcome.DONE]


def test_a_lost_pod_comes_back_elsewhere_and_empty_with_its_storage():
    world = Fussy()
    juju = served(world)
    unit = juju.unit("service/0")
    address = unit.address
    (unit.files("app") / "extra").write_text("lost with the pod")
    juju.config("service", {"text": "worse"})
    juju.settle()
    juju.config("service", {"text": "good"})
    juju.lose_unit(unit)

    events = [str(dispatch.event) for dispatch in juju.settle()]

    assert events == [
        "upgrade-charm",
        "config-changed",
        "start",
        "app-pebble-ready",
        "app-pebble-check-recovered(ready)",
    ]
    assert unit.address != address
    assert not (unit.files("app") / "extra").exists()
    assert (unit.files("app") / "data/first").read_text() == "good"
    assert world.losses == ["service/0"]
    assert world.births == ["service/0 app good"] * 2


def test_a_lost_pods_new_address_is_told_to_those_related():
    juju = Juju()
    juju.deploy(PROVIDER, "provider")
    juju.deploy(REQUIRER, "requirer")
    link = juju.integrate("provider:data", "requirer:data")
    juju.settle()
    juju.lose_unit("provider/0")
    events = [(dispatch.unit, str(dispatch.event)) for dispatch in juju.settle()]

    assert ("requirer/0", "data-relation-changed(provider/0)") in events
    assert link.unit_bags["provider/0"]["ingress-address"] == juju.unit("provider/0").address
    assert (
        juju.unit("provider/0").last.get_stored_state("stored", owner_path="Provider").content["hooks"] == 3
    )


def test_a_refresh_replaces_one_pod_after_the_other_the_highest_number_first():
    class Newer(Service):
        pass

    juju = served(Fussy(), units=2)
    juju.refresh("service", CharmData(charm=Newer, meta=SERVICE.meta, config=SERVICE.config))
    events = [(dispatch.unit, dispatch.event.name) for dispatch in juju.settle() if not dispatch.event.check]

    hooks = ["stop", "upgrade-charm", "config-changed", "start", "app-pebble-ready"]
    assert events == [(unit, hook) for unit in ("service/1", "service/0") for hook in hooks]
    assert {unit.spec.charm for unit in juju.app("service").units} == {Newer}


def test_commands_are_answered_when_they_run_and_processes_start_once():
    world = Fussy()
    juju = served(world, units=2)

    assert world.births == ["service/0 app good", "service/1 app good"]
    assert [unit.status for unit in juju.app("service").units] == ["active: ready is up"] * 2
    assert {port.port for port in juju.state("service/0").opened_ports} == {80}

    juju.update_status()
    juju.settle()
    assert juju.unit("service/1").status == "maintenance: asked the probe of service/1"
    assert len(world.births) == 2

    juju.config("service", {"text": "bad"})
    juju.settle()
    assert juju.unit("service/0").status == "blocked: bad is not good"


def test_an_unknown_command_is_an_error_like_any_other():
    juju = served(StillWorld())

    assert "mock for cmd" in juju.unit("service/0").status


def test_pebble_restarts_what_changed():
    class Trusting(Fussy):
        def execute(self, unit: Unit, container: str, command: Sequence[str]) -> testing.Exec | None:
            assert (unit.name, container) == ("service/0", "app")
            return testing.Exec(command)

    world = Trusting()
    juju = served(world)
    juju.config("service", {"text": "else"})
    juju.settle()

    assert world.births == ["service/0 app good", "service/0 app else"]


def test_a_check_has_the_status_that_the_world_gives_it():
    juju = served(Fussy())
    juju.set_check("service/0", "app", "ready", pebble.CheckStatus.DOWN, failures=3)
    juju.emit("service/0", check_recovered("app", "ready"))
    juju.settle()

    assert juju.unit("service/0").status == "active: ready is down"


def test_mounted_storage_is_a_directory_to_pebble():
    class Looker(Service):
        def _reconcile(self, _: ops.EventBase) -> None:
            isdir = self.unit.get_container("app").can_connect() and self.unit.get_container("app").isdir(
                "/data"
            )
            location = self.model.storages["data"][0].location
            self.unit.status = ops.ActiveStatus(f"{isdir} {location.is_dir()}")

    juju = Juju()
    juju.deploy(CharmData(charm=Looker, meta=SERVICE.meta, config=SERVICE.config), "looker")
    juju.settle()

    assert juju.unit("looker/0").status == "active: True True"


def test_a_template_says_what_pods_bring():
    layer = pebble.Layer({"services": {"built-in": {"override": "replace", "command": "sleep 1"}}})
    template = testing.State(containers=[testing.Container("app", layers={"rock": layer})])
    juju = Juju(world=Fussy())
    juju.deploy(SERVICE, "service", state_template=template)
    juju.settle()
    juju.lose_unit("service/0")
    juju.settle()

    assert set(juju.unit("service/0").containers["app"].plan.services) == {"app", "built-in"}
