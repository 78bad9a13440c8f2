"""Building with Go: nothing of the user's environment breaks it, and nothing of it stays behind."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from release_server import quiet

from rolecall.core.binary import GoModule
from rolecall.local.fetch import child
from rolecall.local.fetch.found import SourceError
from rolecall.local.fetch.gobuild import MODULES, build
from rolecall.local.fetch.helpers import PEBBLE, VERSITYGW
from rolecall.local.fetch.identify import output_of

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="needs go on PATH")
MAIN = 'package main\n\nfunc main() { println("demo 1.2.3") }\n'


def a_module(folder: Path, *, go: str = "1.21", main: str = MAIN) -> GoModule:
    """Write a Go module without dependencies."""
    folder.mkdir()
    (folder / "go.mod").write_text(f"module example.test/demo\n\ngo {go}\n")
    (folder / "main.go").write_text(main)
    return GoModule(folder=str(folder), package="example.test/demo")


def made(module: GoModule, folder: Path) -> Path:
    """Build the module and return the executable's path."""
    (folder / "work").mkdir()
    build(module, folder / "demo", work=folder / "work", say=quiet)
    return folder / "demo"


@needs_go
def test_a_build_gives_an_executable_whatever_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Flags, workspaces and targets of the user's own work with Go don't reach our build."""
    monkeypatch.setenv("GOFLAGS", "-mod=vendor -nonsense")
    monkeypatch.setenv("GOWORK", "/nowhere/go.work")
    monkeypatch.setenv("GOOS", "windows")
    monkeypatch.setenv("GO111MODULE", "off")

    executable = made(a_module(tmp_path / "module"), tmp_path)

    assert output_of(executable, ()) == "demo 1.2.3\n"


@needs_go
def test_a_failed_build_says_what_the_compiler_said(tmp_path: Path):
    """The error carries the compiler's own lines."""
    module = a_module(tmp_path / "module", main="package main\n\nfunc main() { nonsense() }\n")

    with pytest.raises(SourceError, match=r"the build failed: .*undefined: nonsense"):
        made(module, tmp_path)


@needs_go
def test_an_old_go_is_named_as_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """When the module needs a newer Go, the error says which is here and which is needed."""
    monkeypatch.setenv("GOTOOLCHAIN", "local")

    with pytest.raises(SourceError, match=r"the installed Go is 1\.\S+ and the module needs 99\.1"):
        made(a_module(tmp_path / "module", go="99.1"), tmp_path)


def test_without_go_there_is_no_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine without Go is told so."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SourceError, match="no go on PATH"):
        made(GoModule(folder="pebble", package="unused"), tmp_path)


def test_every_helper_has_its_committed_module():
    """Each module that a helper names is there, with a go.sum that leaves nothing to look up."""
    modules = [helper.module for helper in (PEBBLE, VERSITYGW)]

    files = [MODULES / module.folder / name for module in modules if module for name in ("go.mod", "go.sum")]

    assert len(files) == 4
    assert all(file.is_file() for file in files)


def test_an_interrupt_ends_the_whole_group(tmp_path: Path):
    """What the child has started ends with it when the watcher is interrupted."""
    pids: list[int] = []

    def interrupt(elapsed: float) -> None:
        assert elapsed < 10
        if pids:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        child.run(
            ["sh", "-c", "sleep 60 & echo $!; wait"],
            folder=tmp_path,
            line=lambda text: pids.append(int(text)),
            tick=interrupt,
        )

    assert gone(pids[0])


def test_a_child_that_takes_too_long_is_ended(tmp_path: Path):
    """A child that runs longer than it may does not end well."""
    code = child.run(
        ["sleep", "60"],
        folder=tmp_path,
        line=quiet,
        tick=ignore,
        longest_s=0.1,
    )

    assert code < 0


def test_lines_and_code_of_a_child_are_handed_over(tmp_path: Path):
    """Every line of output and errors arrives in order, and the exit code is the child's."""
    lines: list[str] = []

    code = child.run(
        ["sh", "-c", "echo one; echo two >&2; exit 3"],
        folder=tmp_path,
        line=lines.append,
        tick=ignore,
    )

    assert (code, lines) == (3, ["one", "two"])


def ignore(elapsed: float) -> None:
    """Let the time go by."""


def gone(pid: int) -> bool:
    """Tell whether the process has ended within two seconds; one that waits to be reaped has."""
    for _ in range(40):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
