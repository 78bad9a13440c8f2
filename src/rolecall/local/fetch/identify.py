"""Find programs on PATH and ask them what they are.

A name says little: Debian's `loki` is a genetics program, and two projects are called `pebble`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rolecall.core.binary import version_of
from rolecall.local.fetch.found import UNKNOWN

ANSWER_S = 10.0
MOST_BYTES = 65536


def on_path(names: Sequence[str], extra: Sequence[str] = ()) -> Iterator[Path]:
    """Yield every executable of these names, in the order of PATH and then of the extra folders.

    Relative entries of PATH are left out: what runs must not depend on the current directory.
    """
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), *extra]
    for folder in dict.fromkeys(folders):
        if not os.path.isabs(folder):  # noqa: PTH117  (an empty entry is a relative one)
            continue
        for name in names:
            if which := shutil.which(name, path=folder):
                yield Path(which)


def output_of(path: Path, arguments: Sequence[str], *, answer_s: float = ANSWER_S) -> str:
    """Return what the program prints for the arguments; empty when it can't be run or hangs."""
    # A file and not a pipe: an impostor may leave a child behind that keeps a pipe open.
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(
                [path, *arguments],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=answer_s,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        output.seek(0)
        return output.read(MOST_BYTES).decode(errors="replace")


def version_in(output: str) -> str:
    """Return the first version number in the text, else `unknown`; Go's own does not count."""
    return version_of(output) or UNKNOWN
