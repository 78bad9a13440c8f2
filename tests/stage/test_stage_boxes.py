"""A charm with a real container: what its Pebble tells becomes hooks, and storage outlives its pod."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jubilant
import pytest
from stage_site import HERE, Site, site
from staged_pods import need

pytestmark = pytest.mark.real

FQDN = "boxed-0.boxed-endpoints.stage.svc.cluster.local"


@pytest.fixture(scope="module")
def boxed() -> Iterator[Site]:
    """One unit with one container, whose check fails for want of a file."""
    need("nginx-image")
    with site("stage.pod:LoopbackPod") as running:
        running.juju.deploy(HERE / "boxed")
        wait_for(running, f"ok failed on {FQDN}")
        yield running


def wait_for(running: Site, message: str) -> None:
    """Wait until the unit says something."""

    def says(status: jubilant.Status) -> bool:
        return status.apps["boxed"].units["boxed/0"].workload_status.message == message

    running.juju.wait(says, delay=0.2, successes=1)


def storage(running: Site) -> Path:
    """Return the unit's storage on the host."""
    return next((running.home / "models/stage/storage").glob("boxed-*-data-0"))


def ran(running: Site) -> list[str]:
    """Return the hooks that the unit has run, in order."""
    lines = running.log().splitlines()
    return [line.partition("boxed/0: runs ")[2] for line in lines if "boxed/0: runs " in line]


def test_pebble_is_ready_after_start(boxed: Site) -> None:
    names = ran(boxed)
    assert names.index("start") < names.index("box-pebble-ready") < names.index("box-pebble-check-failed")


def test_checks_and_notices_reach_the_charm(boxed: Site) -> None:
    (storage(boxed) / "ok").touch()
    wait_for(boxed, f"ok recovered on {FQDN}")
    boxed.juju.run("boxed/0", "notify")
    wait_for(boxed, f"heard example.com/hello on {FQDN}")


def test_storage_outlives_a_lost_pod(boxed: Site) -> None:
    before = len(ran(boxed))
    (storage(boxed) / "kept").touch()
    boxed.juju.cli("stage", "lose-pod", "boxed/0")
    wait_for(boxed, f"ready on {FQDN}")
    assert ran(boxed)[before : before + 4] == ["upgrade-charm", "config-changed", "start", "box-pebble-ready"]
    assert (storage(boxed) / "kept").is_file()


def test_an_application_that_goes_takes_its_pod_and_on_demand_its_storage(boxed: Site) -> None:
    folder = storage(boxed)
    boxed.juju.remove_application("boxed", destroy_storage=True)
    boxed.juju.wait(lambda status: "boxed" not in status.apps)
    assert ran(boxed)[-3:] == ["data-storage-detaching", "stop", "remove"]
    assert not folder.exists()
