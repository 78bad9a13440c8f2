"""G10: in which files a secret may stand, and how everything else is searched for it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

Place = tuple[str, str]
"""What it is called, and its text."""

PERMITTED = (
    "etc/rolecall/credentials",
    "etc/nginx/rolecall/admin.htpasswd",
    "etc/nginx/rolecall/*.key",
)
"""The files of a container that hold a secret; only their owner may read them."""


def leaks(places: Iterable[Place], secrets: Iterable[str]) -> list[str]:
    """List the places in which a secret stands and may not; the secrets themselves aren't shown."""
    hunted = sorted(set(secrets))
    assert hunted, "there is nothing to look for"
    assert all(len(secret) > 8 for secret in hunted), "what is so short is found by chance"
    return sorted(
        f"{name} holds secret {number}"
        for name, text in places
        for number, secret in enumerate(hunted)
        if secret in text
    )


def files(root: Path) -> Iterator[Place]:
    """List the files beneath a folder in which no secret may stand; others may write there meanwhile."""
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder, name)
            try:
                mode = path.lstat().st_mode
                if stat.S_ISREG(mode) and not _is_permitted(path, mode):
                    # Whatever it holds, each of its bytes is a letter.
                    yield str(path), path.read_bytes().decode("latin-1")
            except FileNotFoundError:
                continue


def _is_permitted(path: Path, mode: int) -> bool:
    return stat.S_IMODE(mode) == 0o600 and any(path.match(pattern) for pattern in PERMITTED)
