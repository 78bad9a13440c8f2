"""Pack the charms with charmcraft and lint them; anything that is found to be wrong ends it with 1.

charmcraft comes from its registry into an environment in the cache and builds on this machine, without
LXD: that needs Debian or Ubuntu with python3-apt. What is packed elsewhere than on the charms' own base
holds this machine's Python and is good for tests only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import yaml

from rolecall.core.tree import Tree
from rolecall.local.fetch.cache import architecture, default_cache

_ROOT = Path(__file__).parent.parent
_BASE, _RELEASE = "ubuntu@24.04", "24.04"
_OS_RELEASE = f'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="{_RELEASE}"\nVERSION_CODENAME=noble\n'
_SYSTEM_PYTHON = Path("/usr/bin/python3")
# pyOpenSSL: the system's own may be too old for the system's cryptography, and both are seen.
_CHARMCRAFT, _CHARMLINT = ("charmcraft>=4.5,<5", "pyopenssl"), "charmlint>=0.3,<0.4"
_KNOWN = {
    "entrypoint": "it doesn't understand the start script that charmcraft itself writes",
    "naming-conventions": "options that other charms made known keep their names",
}
"""Checks of `charmcraft analyse` that don't count here, and why."""


class PackError(Exception):
    """A charm could not be packed, or something is wrong with it."""


def main() -> int:
    """Return 1 when a charm is not right, 3 when something is missing here."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = sorted(path.parent.relative_to(_ROOT / "charms").as_posix() for path in _files())
    parser.add_argument("charms", nargs="*", choices=[*known, []], help="such as %(choices)s; none: all")
    parser.add_argument("--to", type=Path, default=_ROOT / "dist" / "charms", help="where they go")
    chosen = parser.parse_args()
    if missing := _missing():
        print("\n".join(missing), file=sys.stderr)
        return 3
    found: list[str] = []
    try:
        tools = _Tools(default_cache() / "charmcraft")
        for charm in chosen.charms or known:
            packed, wrong = tools.pack(charm, chosen.to)
            print(f"{packed}: {packed.stat().st_size // 1024} KiB", flush=True)
            found += wrong
    except PackError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


def _files() -> list[Path]:
    return list((_ROOT / "charms").glob("*/*/charmcraft.yaml"))


def _missing() -> list[str]:
    """Say what this machine lacks."""
    found: list[str] = []
    if shutil.which("uv") is None and not (_ROOT / ".uv" / "bin" / "uv").exists():
        found.append("cannot pack: uv is not on PATH; install it, or run: make setup")
    if not _SYSTEM_PYTHON.exists():
        found.append(f"cannot pack: there is no {_SYSTEM_PYTHON}; use Debian or Ubuntu")
    elif subprocess.run([_SYSTEM_PYTHON, "-c", "import apt"], capture_output=True, check=False).returncode:
        fact = f"{_SYSTEM_PYTHON} cannot import apt, which charmcraft builds with"
        found.append(f"cannot pack: {fact}; on Debian or Ubuntu, run: apt install python3-apt")
    return found


class _Tools:
    """charmcraft, charmlint and a wheel of this tree, in a folder of the cache."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join((str(_ROOT / ".uv" / "bin"), os.environ["PATH"]))
        self._folder = folder
        self._uv = cast("str", shutil.which("uv", path=path))
        self._environment = {**os.environ, "PATH": path, "XDG_RUNTIME_DIR": str(folder)}
        self._charmcraft = self._install("charmcraft", _CHARMCRAFT, "--system-site-packages")
        self._charmlint = self._install_charmlint()
        if _host() != _RELEASE:
            # It refuses to build for another system than the one it believes to be on.
            (folder / "etc").mkdir(exist_ok=True)
            (folder / "etc" / "os-release").write_text(_OS_RELEASE)
            self._environment["UNIXCONFDIR"] = str(folder / "etc")
        self._wheels = folder / "wheels"
        shutil.rmtree(self._wheels, ignore_errors=True)
        self._run([self._uv, "build", "--quiet", "--wheel", "--out-dir", str(self._wheels), str(_ROOT)])
        self._pins = self._pinned()

    def pack(self, charm: str, to: Path) -> tuple[Path, list[str]]:
        """Pack one charm; return its file, and what the linters found."""
        to.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="pack-") as name:
            stage = Path(name) / "charm"
            shutil.copytree(_ROOT / "charms" / charm, stage, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copytree(self._wheels, stage / "wheels")
            self._prepare(stage)
            target = f"{_BASE}:{architecture()}"
            self._run([self._charmcraft, "pack", "--destructive-mode", "--platform", target], stage)
            (built,) = stage.glob("*.charm")
            packed = Path(shutil.move(built, to / built.name))
        return packed, [f"{charm}: {line}" for line in (*self._analysed(packed), *self._linted(charm))]

    def _prepare(self, stage: Path) -> None:
        """Make a copy of a charm one that can be built here: uv is on PATH, and pins are those of uv.lock."""
        file = stage / "charmcraft.yaml"
        tree = cast("Tree", yaml.safe_load(file.read_text()))
        del cast("dict[str, Tree]", tree["parts"])["charm"]["build-snaps"]
        file.write_text(yaml.safe_dump(tree, sort_keys=False))
        project = stage / "pyproject.toml"
        pins = f"constraint-dependencies = {json.dumps(self._pins)}"
        project.write_text(project.read_text().replace("[tool.uv]\n", f"[tool.uv]\n{pins}\n"))
        self._run([self._uv, "lock", "--quiet"], stage)

    def _pinned(self) -> list[str]:
        chosen = "--frozen --extra juju --no-dev --no-emit-project"
        plain = "--no-hashes --no-annotate --no-header --quiet"
        return self._run([self._uv, "export", *chosen.split(), *plain.split()]).splitlines()

    def _analysed(self, packed: Path) -> list[str]:
        done = self._tried([self._charmcraft, "analyse", "--format", "json", str(packed)])
        checks = cast("list[dict[str, str]]", json.loads(done.stdout))
        return [
            f"{check['name']}: {check['text']}"
            for check in checks
            if check["check_type"] == "lint"
            and check["result"] not in ("ok", "nonapplicable", "ignored")
            and check["name"] not in _KNOWN
        ]

    def _linted(self, charm: str) -> list[str]:
        command = [self._charmlint, "--no-colour", "--quiet", str(_ROOT / "charms" / charm)]
        done = self._tried(command)
        return [line for line in (*done.stdout.splitlines(), *done.stderr.splitlines()) if line.strip()]

    def _install(self, tool: str, packages: Sequence[str], *options: str) -> str:
        """Install a tool in an environment of its own; return its path."""
        place = self._folder / tool
        if not (place / "bin" / tool).exists():
            self._run(
                [
                    self._uv,
                    "venv",
                    "--quiet",
                    "--clear",
                    "--python",
                    str(_SYSTEM_PYTHON),
                    *options,
                    str(place),
                ]
            )
            self._run(
                [self._uv, "pip", "install", "--quiet", "--python", str(place / "bin" / "python"), *packages]
            )
        return str(place / "bin" / tool)

    def _install_charmlint(self) -> str:
        """Install charmlint, which asks for Python 3.12 but runs on 3.11: only pip can be told so."""
        place = self._folder / "charmlint"
        if not (place / "bin" / "charmlint").exists():
            python = str(place / "bin" / "python")
            self._run(
                [self._uv, "venv", "--quiet", "--clear", "--seed", "--python", sys.executable, str(place)]
            )
            options = ("--quiet", "--disable-pip-version-check", "--ignore-requires-python")
            self._run([python, "-m", "pip", "install", *options, _CHARMLINT])
        return str(place / "bin" / "charmlint")

    def _run(self, command: Sequence[str], folder: Path = _ROOT) -> str:
        done = self._tried(command, folder)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise PackError(
                f"cannot pack: {' '.join(command[:3])} ended with {done.returncode}; it said:\n{said}"
            )
        return done.stdout

    def _tried(self, command: Sequence[str], folder: Path = _ROOT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=folder, env=self._environment, capture_output=True, text=True, check=False
        )


def _host() -> str:
    """Return the version of this machine's Ubuntu; empty when it isn't one."""
    released = platform.freedesktop_os_release()
    return released.get("VERSION_ID", "") if released["ID"] == "ubuntu" else ""


if __name__ == "__main__":
    sys.exit(main())
