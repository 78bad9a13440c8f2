"""What a hook imports: every module costs each hook of each unit its time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PRODUCTS = ("loki", "mimir", "pyroscope", "tempo")

_NOBODY = (
    "botocore",
    "charmlibs",
    "click",
    "cryptography",
    "difflib",
    "httpx2",
    "object_storage",
    "psutil",
    "pydantic",
    "rich",
    "rolecall.cli",
    "rolecall.local",
    "rolecall.juju.export",
    "rolecall.juju.metadata",
    "rolecall.roundtrip",
)
"""What no charm imports before an event asks for it: TLS, the other host, the command line."""

_NO_WORKER = (
    "rolecall.core.coordinator",
    "rolecall.core.gateway",
    "rolecall.core.nginx",
    "rolecall.core.payloads",
    "rolecall.core.rollout",
    "rolecall.core.telemetry",
    "rolecall.juju.coordinator",
    "rolecall.juju.gateway",
    "rolecall.juju.interfaces.s3",
)
"""What is the coordinator's alone."""

_NO_COORDINATOR = (
    "rolecall.core.drain",
    "rolecall.core.worker",
    "rolecall.juju.following",
    "rolecall.juju.solo",
    "rolecall.juju.worker_host",
)
"""What a coordinator needs only while the option `solo` is on."""


def _imported(charm: Path) -> frozenset[str]:
    """Import a charm as its hook does, without running it, and list the modules."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT / "src")}
    program = f"import runpy; runpy.run_path({str(charm)!r}, run_name='charm')"
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    lines = (line for line in result.stderr.splitlines() if line.startswith("import time:"))
    return frozenset(line.rpartition("|")[2].strip() for line in lines)


def _below(packages: tuple[str, ...], modules: frozenset[str]) -> list[str]:
    beginnings = tuple(f"{package}." for package in packages)
    return sorted(name for name in modules if name in packages or name.startswith(beginnings))


@pytest.mark.parametrize("product", _PRODUCTS)
@pytest.mark.parametrize("kind", ["worker", "coordinator"])
def test_a_hook_imports_what_it_needs(product: str, kind: str) -> None:
    modules = _imported(_ROOT / "charms" / product / kind / "src" / "charm.py")

    others = tuple(f"rolecall.core.products.{name}" for name in _PRODUCTS if name != product)
    unneeded = _NOBODY + others + (_NO_WORKER if kind == "worker" else _NO_COORDINATOR)
    # Both sides of the comparison are seen: a name that is misspelled here would let everything pass.
    assert {"ops", f"rolecall.core.products.{product}", f"rolecall.juju.{kind}"} <= modules
    assert _below(unneeded, modules) == []


def test_what_is_not_to_be_imported_is_there() -> None:
    """A list of names that don't exist would forbid nothing."""
    program = f"import {', '.join((*_NOBODY, *_NO_WORKER, *_NO_COORDINATOR))}"
    subprocess.run([sys.executable, "-c", program], check=True)
