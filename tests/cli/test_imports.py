"""What `--help` may cost."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "yaml",
    "msgspec",
    "ops",
    "rich",
    "httpx2",
    "psutil",
    "botocore",
    "rolecall.core",
    "rolecall.local",
    "rolecall.cli.up",
)

_PROBE = """
import sys
from rolecall.cli import main
sys.argv = ["rolecall", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print(*sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("argument", ["--help", "--version", "nonsense"])
def test_nothing_heavy_is_imported(argument: str):
    """The help, the version and a misspelt command import nothing but click."""
    result = subprocess.run(
        [sys.executable, "-c", _PROBE, argument], capture_output=True, text=True, check=True, timeout=60
    )

    modules = set(result.stderr.splitlines()[-1].split())

    assert "rolecall.cli.group" in modules
    assert not modules & set(HEAVY)


@pytest.mark.parametrize("name", ["judge", "roles", "render"])
def test_pure_commands_import_no_host(name: str):
    """A command that starts nothing imports nothing that could."""
    result = subprocess.run(
        [sys.executable, "-c", _PROBE, name, "--help"], capture_output=True, text=True, check=True, timeout=60
    )

    assert not set(result.stderr.splitlines()[-1].split()) & {"ops", "httpx2", "psutil", "botocore", "rich"}
