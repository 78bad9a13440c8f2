"""Unpack programs of Debian and its relatives into a folder of our own: no root, no installation.

Nothing of the system's package database is written: apt gets a cache of its own, and lists of its
own where the system has none. Signatures are checked with the system's keys, as always.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rolecall.local.fetch import child
from rolecall.local.fetch.found import Say, SourceError

LONGEST_S = 300.0

_MISSING = re.compile(r"^\s*(\S+) => not found", re.MULTILINE)
_LIBRARY = re.compile(r"lib[a-z0-9.+-]+|zlib1g")


def available() -> bool:
    """Tell whether this system has the tools to fetch and unpack its packages."""
    return all(shutil.which(tool) for tool in ("apt-get", "dpkg-deb", "ldd"))


@dataclass(slots=True, kw_only=True)
class Unpacker:
    """Fetches packages with apt and unpacks them into one tree."""

    work: Path
    """An empty folder for apt's files and the packages."""
    tree: Path
    say: Say
    lists: Path | None = None
    """Our own package lists, once the system's turned out to be of no use."""
    packages: dict[str, Path] = field(default_factory=dict[str, Path])

    def unpack(self, package: str) -> None:
        """Add the files of a package to the tree.

        Raises:
            SourceError: The package can't be had.
        """
        if package not in self.packages:
            self.packages[package] = self._fetched(package)
        self._run(["dpkg-deb", "-x", str(self.packages[package]), str(self.tree)], "unpacking")

    def libraries(self, package: str) -> list[str]:
        """Name the libraries that an unpacked package depends on."""
        command = ["dpkg-deb", "-f", str(self.packages[package]), "Depends"]
        depends = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        # Of alternatives the first is the one that the package was built with.
        names = [
            clause.split("|")[0].split()[0].split(":")[0] for clause in depends.split(",") if clause.strip()
        ]
        return [name for name in names if _LIBRARY.fullmatch(name) and name != "libc6"]

    def _fetched(self, package: str) -> Path:
        folder = self.work / package
        folder.mkdir()
        if self.lists is None:
            if found := self._download(package, folder):
                return found
            # No lists (a container image), or lists so old that the mirror has dropped their files.
            self._refresh()
        if found := self._download(package, folder):
            return found
        raise SourceError(f"apt-get can't download {package}")

    def _download(self, package: str, folder: Path) -> Path | None:
        self._apt(["download", package], folder, f"downloading Debian package {package}")
        return next(folder.glob("*.deb"), None)

    def _refresh(self) -> None:
        self.lists = self.work / "lists"
        (self.lists / "partial").mkdir(parents=True)
        self._apt(["update"], self.work, "refreshing package lists of our own")

    def _apt(self, arguments: Sequence[str], folder: Path, what: str) -> None:
        archives = self.work / "apt" / "archives" / "partial"
        archives.mkdir(parents=True, exist_ok=True)
        options = {
            "Dir::Cache": str(self.work / "apt"),
            # As root apt would fetch as another user, who can't write here.
            "APT::Sandbox::User": "root",
            "Acquire::Retries": "1",
            "Acquire::http::Timeout": "10",
            "Acquire::https::Timeout": "10",
            "Acquire::Languages": "none",
        }
        if self.lists is not None:
            options |= {"Dir::State::lists": str(self.lists)}
        flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        self._run(["apt-get", "-q", *flags, *arguments], what, folder, needed=False)

    def _run(
        self, command: Sequence[str], what: str, folder: Path | None = None, *, needed: bool = True
    ) -> None:
        said: list[str] = []

        def tick(elapsed: float) -> None:
            self.say(f"{what}, {elapsed:.0f} s")

        code = child.run(
            command, folder=folder or self.work, line=said.append, tick=tick, longest_s=LONGEST_S
        )
        if needed and code != 0:
            raise SourceError(f"{command[0]} failed: {' '.join(said[-3:])}")


def missing_libraries(executable: Path, folders: Sequence[Path] = ()) -> list[str]:
    """Name the shared libraries that the executable would not find, given extra folders."""
    path = ":".join(str(folder) for folder in folders)
    done = subprocess.run(
        ["env", f"LD_LIBRARY_PATH={path}", "ldd", str(executable)],
        capture_output=True,
        text=True,
        check=False,
    )
    return _MISSING.findall(done.stdout)


def library_folders(tree: Path) -> list[Path]:
    """Name the folders of the tree that hold shared libraries."""
    return sorted({file.parent for file in tree.rglob("*.so.*")})
