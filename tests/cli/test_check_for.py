"""`rolecall check --for` on a machine where nothing runs: what it says, and what it ends with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from s3_server import free_address

from rolecall.cli.group import rolecall


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand beside a file whose cluster isn't up."""
    monkeypatch.chdir(tmp_path)
    address, port = free_address("127.11.0.9")
    gateway = f"{{address: {address}, port: {port}}}"
    Path("rolecall.yaml").write_text(f"clusters: {{logs: {{product: loki, gateway: {gateway}}}}}\n")


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(rolecall, ["check", *arguments])


@pytest.mark.usefixtures("nobody")
def test_nobody_takes_anything():
    """Nothing could be written: it says so, says why, and ends with 1."""
    result = run("--for", "0.5s", "--rate", "40", "--timeout", "1s")

    assert result.exit_code == 1
    first, head, *_ = result.stdout.splitlines()
    assert first.startswith("logs: cannot write: of ")
    assert "none was acknowledged (unreached: ConnectError)" in first
    assert head.split()[:4] == ["PHASE", "FROM", "SENT", "ACKNOWLEDGED"]
    assert re.search(r"logs: \d+ s: 0 of \d+ writes acknowledged", result.stderr)


@pytest.mark.usefixtures("nobody")
def test_as_json():
    """Programs get the whole report."""
    result = run("--for", "0.5s", "--rate", "40", "--timeout", "1s", "--json")

    assert result.exit_code == 1
    (check,) = json.loads(result.stdout)["checks"]
    assert (check["cluster"], check["ok"]) == ("logs", False)
    total = check["report"]["total"]
    assert total["failed"] == total["sent"] > 0
    assert total["acknowledged"] == 0


@pytest.mark.usefixtures("nobody")
def test_a_rate_needs_a_time():
    """A rate without a time is refused, with what to add."""
    result = run("--rate", "5")

    assert result.exit_code == 2
    assert "add --for, such as --for 60s" in result.stderr
