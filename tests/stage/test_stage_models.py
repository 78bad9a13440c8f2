"""Models, users' secrets, and units that don't get anywhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import jubilant
import pytest
from stage_site import TOY, Site, site

from stage.host import claim_network
from stage.packing import unzipped


@pytest.fixture(scope="module")
def other() -> Iterator[Site]:
    """A second model on a stage."""
    with site() as running:
        running.juju.add_model("other")
        running.juju.deploy(TOY, "alpha")
        running.settle()
        yield running


def test_models_are_apart(other: Site) -> None:
    first = jubilant.Juju(model="stage", cli_binary=other.juju.cli_binary)
    assert first.status().apps == {}
    assert list(other.juju.status().apps) == ["alpha"]
    assert first.show_model().model_uuid != other.juju.show_model().model_uuid
    with pytest.raises(jubilant.CLIError, match="model nowhere not found"):
        jubilant.Juju(model="nowhere", cli_binary=other.juju.cli_binary).status()


def test_a_users_secret(other: Site) -> None:
    uri = other.juju.add_secret("mine", {"a": "b"})
    other.juju.grant_secret("mine", "alpha")
    other.juju.update_secret(uri, {"a": "c"})
    shown = other.juju.show_secret("mine", reveal=True)
    assert (shown.content, shown.revision, shown.name) == ({"a": "c"}, 2, "mine")
    assert [secret.name for secret in other.juju.secrets()] == ["mine"]


def test_a_hook_that_always_fails_can_be_skipped_or_removed_by_force(other: Site) -> None:
    other.juju.config("alpha", {"fail-on": "config-changed"})
    other.juju.wait(lambda status: status.apps["alpha"].units["alpha/0"].is_error, delay=0.1, successes=1)
    other.juju.cli("resolved", "--no-retry", "alpha/0")
    other.settle()
    other.juju.config("alpha", {"word": "again"})
    other.juju.wait(lambda status: status.apps["alpha"].units["alpha/0"].is_error, delay=0.1, successes=1)
    other.juju.remove_application("alpha", force=True)
    other.juju.wait(lambda status: not status.apps)
    assert "alpha/0: runs stop" not in other.log()


def test_a_destroyed_model_is_gone(other: Site) -> None:
    other.juju.destroy_model("other", force=True)
    assert '"other"' not in other.juju.cli("models", "--format", "json", include_model=False)
    assert not (other.home / "models" / "other").exists()


def test_stages_of_one_machine_have_networks_of_their_own(tmp_path: Path) -> None:
    with claim_network(tmp_path) as one, claim_network(tmp_path) as other:
        assert one.getsockname()[0] != other.getsockname()[0]


def test_a_packed_charm_keeps_its_rights(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "dispatch").write_text("#!/bin/sh\n")
    (source / "dispatch").chmod(0o755)
    shutil.make_archive(str(tmp_path / "some"), "zip", source)
    packed = (tmp_path / "some.zip").rename(tmp_path / "some.charm")

    folder = unzipped(packed, tmp_path / "packed")

    assert (folder / "dispatch").stat().st_mode & 0o777 == 0o755
