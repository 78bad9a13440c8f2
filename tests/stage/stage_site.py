"""A stage of its own for a module of tests, driven through jubilant as a real Juju would be."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jubilant
import pytest

HERE = Path(__file__).parent
JUJU = HERE.parent.parent / "stage" / "juju"
TOY = HERE / "toy"
CLIENT = HERE / "client"
LIMIT_S, REAL_LIMIT_S = 240, 900
REAL = os.environ.get("JUJU", "")
"""The command of a real Juju that the charms' suite is to run on, such as `juju`; empty: the stage."""


@dataclass(frozen=True)
class Site:
    """A running stage, or a model of a real Juju."""

    home: Path
    juju: jubilant.Juju
    real: bool = False

    def need_stage(self, verb: str) -> None:
        """Skip the test on a real Juju: it needs something that only the stage has."""
        if self.real:
            pytest.skip(f"needs {verb}, which only the stage has; {REAL} is a real Juju")

    def settle(self) -> jubilant.Status:
        """Wait until no unit has anything left to do."""
        self.juju.cli("stage", "wait-idle", "--limit", str(LIMIT_S))
        return self.juju.status()

    def is_idle(self) -> bool:
        """Whether no unit has anything left to do now; a real Juju's agents say so themselves."""
        if self.real:
            return True
        try:
            self.juju.cli("stage", "wait-idle", "--limit", "0")
        except jubilant.CLIError:
            return False
        return True

    def seen(self, unit: str) -> list[dict[str, Any]]:
        """Return what a unit of the toy charm wrote down, one entry for each hook."""
        notes = self.home / "models" / "stage" / "units" / unit.replace("/", "-") / "seen.jsonl"
        return [json.loads(line) for line in notes.read_text().splitlines()] if notes.is_file() else []

    def hooks(self, unit: str, since: int = 0) -> list[str]:
        """Return the names of the hooks that a unit ran, in order."""
        return [entry["hook"] for entry in self.seen(unit)[since:]]

    def called(self, unit: str) -> str:
        """Return the words that a unit's hooks have called hook tools with, one call a line."""
        return (self.home / "models" / "stage" / "units" / unit.replace("/", "-") / "tools.log").read_text()

    def log(self) -> str:
        """Return the stage's log."""
        return (self.home / "stage.log").read_text()


@contextmanager
def site(pods: str = "stage.plain:PlainPod", more: Mapping[str, str] | None = None) -> Generator[Site]:
    """Run a stage in a folder of its own, and take it down at the end."""
    home = Path(tempfile.mkdtemp(prefix="stage-"))
    settings = {"STAGE_HOME": str(home), "STAGE_PODS": pods, "STAGE_RETRY_S": "0.2", **(more or {})}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    running = Site(home, jubilant.Juju(cli_binary=JUJU, wait_timeout=LIMIT_S))
    try:
        yield running
    finally:
        running.juju.cli("stage", "down", include_model=False)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def real_site() -> Generator[Site]:
    """Use a model of its own on the real Juju, and destroy it at the end."""
    running = Site(Path(os.devnull), jubilant.Juju(cli_binary=REAL, wait_timeout=REAL_LIMIT_S), real=True)
    running.juju.add_model(model := f"rolecall-{secrets.token_hex(4)}")
    try:
        yield running
    finally:
        running.juju.destroy_model(model, destroy_storage=True, force=True)
