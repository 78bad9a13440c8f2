"""The hunt for secrets finds them: in which files they may stand, and with which rights."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted import files, leaks

WORD = "planted-for-this-test"


def write(path: Path, mode: int, text: str = WORD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_that_is_for_secrets_may_hold_them(tmp_path: Path):
    for name in (
        "etc/rolecall/credentials",
        "etc/nginx/rolecall/admin.htpasswd",
        "etc/nginx/rolecall/0f.key",
    ):
        write(tmp_path / "root" / "etc" / name, 0o600)

    assert leaks(files(tmp_path), {WORD}) == []


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("etc/rolecall/credentials", 0o640),
        ("etc/rolecall/config.yaml", 0o600),
        ("etc/rolecall/credentials.bak", 0o600),
        ("tmp/rolecall/credentials", 0o600),
    ],
)
def test_everywhere_else_they_are_found(tmp_path: Path, name: str, mode: int):
    path = write(tmp_path / name, mode, f"\0binary {WORD}\0")

    assert leaks(files(tmp_path), {WORD, "another-secret"}) == [f"{path} holds secret 1"]


def test_nothing_to_look_for_is_no_result():
    with pytest.raises(AssertionError, match="nothing to look for"):
        leaks([("a place", "a text")], set())
