"""The steps of a shell script that gives its process a root of its own, in a new mount namespace.

In order: `begun`, then `layered` and `bound` as often as it takes, then `entered`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the host that is shown at a path of the new root."""

    source: Path
    path: str
    read_only: bool = False
    deep: bool = False
    """With what is mounted beneath it."""


def begun(root: Path, layers: Path) -> Iterator[str]:
    """Make the root a mount of its own, and a place for layers."""
    yield "set -e"
    yield f"mount --bind {quote(str(root))} {quote(str(root))}"
    yield f"mount -t tmpfs -o mode=755 stage {quote(str(layers))}"


def layered(root: Path, layers: Path, folders: Iterable[str]) -> Iterator[str]:
    """Show folders of the host; what is written in them stays in memory, with the namespace."""
    # By relative names: a colon or a comma in a path of ours would end an option of overlayfs.
    yield f"cd {quote(str(layers))}"
    for folder in folders:
        name = folder.replace("/", "-")
        options = f"lowerdir=/{folder},upperdir={name},workdir={name}.work"
        yield f"mkdir {name} {name}.work"
        yield f"mkdir -p {quote(str(root / folder))}"
        yield f"mount -t overlay -o {options} stage {quote(str(root / folder))}"


def bound(root: Path, binds: Sequence[Bind]) -> Iterator[str]:
    """Show files and folders of the host at other paths; all places are made by one command."""
    places = [(bind, Path(f"{root}{bind.path}")) for bind in binds]
    folders = [place if bind.source.is_dir() else place.parent for bind, place in places]
    yield f"mkdir -p {' '.join(quote(str(folder)) for folder in folders)}"
    for bind, place in places:
        target = quote(str(place))
        if not bind.source.is_dir():
            yield f"[ -e {target} ] || : > {target}"
        flags = ("--rbind" if bind.deep else "--bind") + (" -o ro" if bind.read_only else "")
        yield f"mount {flags} {quote(str(bind.source))} {target}"


def entered(root: Path) -> Iterator[str]:
    """Let the script's process have the root as its `/`, and nothing else of the host."""
    yield f"mount -t proc proc {quote(str(root))}/proc"
    yield f"cd {quote(str(root))}"
    yield "pivot_root . ."
    yield "umount -l ."
    yield "cd /"
