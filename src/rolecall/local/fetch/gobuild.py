"""Build an executable with Go from a module that is committed with Rolecall.

The module's go.sum is complete, so every byte that the build fetches is verified and nothing is
resolved anew. Nothing is written to the module's own folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rolecall.core.binary import GoModule
from rolecall.local.fetch import child
from rolecall.local.fetch.cache import architecture
from rolecall.local.fetch.found import Say, SourceError

MODULES = Path(__file__).parent / "modules"
KEPT_LINES = 8

_GO_DIRECTIVE = re.compile(r"^go (\d+(?:\.\d+)*)", re.MULTILINE)
_GO_VERSION = re.compile(r"go version go(\d+(?:\.\d+)*)")


@dataclass(slots=True)
class _Log:
    """What the build has printed so far."""

    downloads: int = 0
    packages: int = 0
    rest: deque[str] = field(default_factory=lambda: deque[str](maxlen=KEPT_LINES))

    def add(self, line: str) -> None:
        """Count a line, or keep it for the error."""
        if line.startswith("go: downloading "):
            self.downloads += 1
        elif line and " " not in line:
            # `go build -v` prints a package's import path when it is about to compile it.
            self.packages += 1
        elif line:
            self.rest.append(line.strip())

    def progress(self, elapsed: float) -> str:
        """Say how far the build is."""
        return (
            f"building with Go: {self.packages} packages compiled,"
            f" {self.downloads} modules downloaded, {elapsed:.0f} s"
        )


def build(module: GoModule, to: Path, *, work: Path, say: Say) -> None:
    """Build the module's package in the work folder and write the executable to a file."""
    go = shutil.which("go")
    if go is None:
        raise SourceError("there is no go on PATH to build it with")
    source = work / "module"
    # Where Go keeps its half-finished files, so that they go when the work folder goes.
    temporary = work / "tmp"
    temporary.mkdir()
    _copy_module(MODULES / module.folder, source)
    log = _Log()

    def tick(elapsed: float) -> None:
        say(log.progress(elapsed))

    code = child.run(
        _command(go, module, to), folder=source, environment=_environment(temporary), line=log.add, tick=tick
    )
    if code != 0:
        raise SourceError(_failure(go, source, log, code))


def _copy_module(origin: Path, source: Path) -> None:
    source.mkdir()
    try:
        for name in ("go.mod", "go.sum"):
            if (origin / name).exists() or name == "go.mod":
                shutil.copyfile(origin / name, source / name)
        for file in origin.glob("*.go"):
            shutil.copyfile(file, source / file.name)
    except OSError as error:
        raise SourceError(f"cannot copy its Go module: {error}") from error


def _command(go: str, module: GoModule, to: Path) -> Sequence[str]:
    tags = [f"-tags={','.join(module.tags)}"] if module.tags else []
    return [
        *(go, "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"),
        *(*tags, "-o", str(to), module.package),
    ]


def _environment(temporary: Path) -> dict[str, str]:
    """Take the user's environment, less what would build something else.

    Proxies, checksum databases, caches and GOTOOLCHAIN stay the user's. Each value is set rather
    than removed: for an absent variable Go reads what `go env -w` has written down.
    """
    return os.environ | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOWORK": "off",
        "GO111MODULE": "on",
        "GOOS": sys.platform,
        "GOARCH": architecture(),
        "GOTMPDIR": str(temporary),
    }


def _failure(go: str, source: Path, log: _Log, code: int) -> str:
    """Say why the build failed; an old Go comes first, for what Go says of it is easily missed."""
    said = " ".join(log.rest) or f"go build ended with code {code} and said nothing"
    wanted = _match(_GO_DIRECTIVE, (source / "go.mod").read_text())
    installed = _match(_GO_VERSION, _installed(go, source.parent))
    if installed and _numbers(installed) < _numbers(wanted):
        return (
            f"the installed Go is {installed} and the module needs {wanted}:"
            f" install that, or set GOTOOLCHAIN=auto to let Go fetch it ({said})"
        )
    return f"the build failed: {said}"


def _installed(go: str, folder: Path) -> str:
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    done = subprocess.run(
        [go, "version"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout


def _match(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")) if version else ()
