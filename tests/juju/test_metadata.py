"""The charms' metadata: complete, in agreement with itself, and what is committed."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from metadata_faults import faults

from rolecall.core.products import PRODUCTS
from rolecall.juju import metadata

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "scripts" / "charms.py"
EVERY = [(product, kind) for product in PRODUCTS for kind in metadata.KINDS]
every_charm = pytest.mark.parametrize(("product", "kind"), EVERY)


def charm(product: str = "loki", kind: metadata.Kind = "coordinator") -> dict[str, Any]:
    """Return a charm's metadata, free to be changed."""
    return copy.deepcopy(metadata.charmcraft(PRODUCTS[product], kind))


@every_charm
def test_nothing_is_wrong_with_it(product: str, kind: metadata.Kind):
    assert faults(charm(product, kind)) == []


@every_charm
def test_the_committed_file_says_it(product: str, kind: metadata.Kind):
    text = (ROOT / "charms" / product / kind / "charmcraft.yaml").read_text()

    assert yaml.safe_load(text) == charm(product, kind)


def drop(*path: str) -> Callable[[dict[str, Any]], None]:
    """Build a change that takes away what is at a place."""

    def change(tree: dict[str, Any]) -> None:
        *parents, last = path
        for key in parents:
            tree = tree[key]
        del tree[last]

    return change


def put(value: object, *path: str) -> Callable[[dict[str, Any]], None]:
    """Build a change that puts a value at a place."""

    def change(tree: dict[str, Any]) -> None:
        *parents, last = path
        for key in parents:
            tree = tree[key]
        tree[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (drop("requires", "s3", "interface"), "endpoint s3: it has no interface"),
        (drop("provides", "logging", "optional"), "endpoint logging: it doesn't say whether it is optional"),
        (drop("requires", "s3", "description"), "endpoint s3: it has no description"),
        (
            put({"interface": "s3", "optional": True, "description": "S3"}, "provides", "s3"),
            "endpoint s3: it is there twice",
        ),
        (drop("resources", "loki-image"), "container loki: there is no resource loki-image"),
        (drop("containers", "nginx"), "resource nginx-image: no container uses it"),
        (put("file", "resources", "nginx-image", "type"), "resource nginx-image: it is no image"),
        (
            put("docker.io/grafana/loki", "resources", "loki-image", "upstream-source"),
            "resource loki-image: its source has no tag",
        ),
        (
            put([{"storage": "data", "location": "data"}], "containers", "loki", "mounts"),
            "container loki: there is no storage data",
        ),
        (
            put([{"storage": "data", "location": "data"}], "containers", "loki", "mounts"),
            "container loki: data is no absolute path",
        ),
        (put({"data": {"type": "filesystem"}}, "storage"), "storage data: no container mounts it"),
        (put({"data": {"type": "fs"}}, "storage"), "storage data: there is no type fs"),
        (put("bol", "config", "options", "admin", "type"), "option admin: there is no type bol"),
        (drop("config", "options", "admin", "default"), "option admin: it has no default"),
        (put(0, "config", "options", "admin", "default"), "option admin: its default is no boolean"),
        (put("", "config", "options", "admin", "description"), "option admin: it has no description"),
        (
            drop("actions", "check", "additionalProperties"),
            "action check: it takes parameters that it doesn't know",
        ),
        (
            drop("actions", "rollout", "params", "action", "type"),
            "action rollout: parameter action has no type or no description",
        ),
        (
            put("stop", "actions", "rollout", "params", "action", "default"),
            "action rollout: the default of action is not among its words",
        ),
        (put(["k8s-api"], "assumes"), "assumes: it names no Juju"),
        (put(["juju >= 3.6"], "assumes"), "assumes: containers need k8s-api"),
    ],
)
def test_each_fault_is_found(change: Callable[[dict[str, Any]], None], fault: str):
    changed = charm()
    change(changed)

    assert fault in faults(changed)


@every_charm
def test_the_image_is_the_version_that_the_product_is_tested_with(product: str, kind: metadata.Kind):
    known = PRODUCTS[product]
    resource = charm(product, kind)["resources"][f"{metadata.charm_of(known).container}-image"]

    assert resource["upstream-source"].endswith(f":{known.binary.version}")


def test_only_a_product_with_receivers_can_list_them():
    found = {product for product in PRODUCTS if "list-receivers" in charm(product)["actions"]}

    assert found == {"tempo"}


def test_a_worker_keeps_its_data_on_its_storage():
    worker = charm("mimir", "worker")
    (mount,) = worker["containers"]["mimir"]["mounts"]

    assert mount == {"storage": "data", "location": metadata.charm_of(PRODUCTS["mimir"]).storage.path}
    assert list(worker["storage"]) == ["data"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


def test_what_is_committed_is_what_would_be_written():
    done = run("check")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_was_changed_is_found(tmp_path: Path):
    assert run("write", "--root", str(tmp_path)).returncode == 0
    folder = tmp_path / "charms" / "loki" / "worker"
    (folder / "charmcraft.yaml").write_text("name: mine\n")
    (folder / "src" / "charm.py").chmod(0o644)
    (folder / "LICENSE").unlink()
    (folder / "notes.txt").write_text("mine\n")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("LICENSE")

    done = run("check", "--root", str(tmp_path))

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "charms/loki/worker/charmcraft.yaml: it is not what would be written",
        "charms/loki/worker/src/charm.py: its mode is not 755",
        "charms/loki/worker/README.md: it is a symbolic link",
        "charms/loki/worker/LICENSE: it is missing",
        "charms/loki/worker/notes.txt: nothing generates it",
        "cannot go on: the charms differ from their data; run: make generate",
    ]


def test_files_are_the_same_whatever_the_hash_seed(tmp_path: Path):
    """Written twice by two processes, they have the same bytes."""
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "write", "--root", str(tmp_path / seed)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def contents(root: Path) -> dict[str, bytes]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
