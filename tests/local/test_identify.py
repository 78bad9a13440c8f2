"""What a program says of itself, and where this user's cache lies."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rolecall.local.fetch.cache import default_cache
from rolecall.local.fetch.identify import output_of, version_in


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """ROLECALL_CACHE goes before XDG_CACHE_HOME, which goes before the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("ROLECALL_CACHE", raising=False)
    assert default_cache() == tmp_path / ".cache" / "rolecall"

    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert default_cache() == Path("/xdg/rolecall")

    monkeypatch.setenv("ROLECALL_CACHE", "/own")
    assert default_cache() == Path("/own")


def test_a_program_that_hangs_says_nothing(tmp_path: Path):
    """A program that waits for ever instead of telling its version is given up, whatever its children do."""
    hanging = tmp_path / "demo"
    hanging.write_text("#!/bin/sh\nsleep 3 &\nsleep 3\n")
    hanging.chmod(0o755)
    started = time.monotonic()

    assert output_of(hanging, ("-v",), answer_s=0.2) == ""
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("loki, version 3.7.6 (branch: HEAD)", "3.7.6"),
        ("tempo, version v2.8.0-rc.0 (branch: main)", "2.8.0-rc.0"),
        ("loki, version  (branch: , revision: unknown)\n  go version:       go1.26.8", "unknown"),
        ("listens on 127.10.20.11, v1.7.0", "1.7.0"),
        ("", "unknown"),
    ],
)
def test_a_version_is_the_program_s_own(output: str, version: str):
    """The number after the name counts; that of the Go it was built with does not."""
    assert version_in(output) == version
