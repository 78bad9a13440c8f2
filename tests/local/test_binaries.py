"""Where executables are looked for, in which order, and what the cache holds afterwards."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from release_server import ReleaseServer, serving, silence

from rolecall.core.binary import Binary, GoModule, Release
from rolecall.local.fetch.binaries import locate, present
from rolecall.local.fetch.cache import architecture, entry, exclusive
from rolecall.local.fetch.download import Patience
from rolecall.local.fetch.found import BinaryError, Found, Source, silent
from rolecall.local.fetch.helpers import PEBBLE
from rolecall.local.fetch.identify import output_of

GO = shutil.which("go")
PROGRAM = b"#!/bin/sh\necho demo, version 1.2.3\n"
IMPOSTOR = b"#!/bin/sh\necho demo, the game, version 9.9.9\n"
BARE = Binary(name="demo", version="1.2.3", variable="ROLECALL_DEMO", identify=("-v",), mark="demo, version")


@pytest.fixture
def server() -> Generator[ReleaseServer]:
    """Serve a release of the program on loopback."""
    with serving() as release:
        release.files["/demo"] = PROGRAM
        yield release


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder the whole PATH but for the system's own, and clear the variable."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("ROLECALL_DEMO", raising=False)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Name a cache that does not exist yet."""
    return tmp_path / "cache"


def executable(file: Path, body: bytes = PROGRAM) -> Path:
    """Write an executable file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    file.chmod(0o755)
    return file


def released(url: str, body: bytes = PROGRAM, module: GoModule | None = None) -> Binary:
    """Describe the program as one that a server has a release of."""
    release = Release(url=f"{url}/demo", sha256={architecture(): hashlib.sha256(body).hexdigest()})
    return Binary(name="demo", version="1.2.3", variable="ROLECALL_DEMO", release=release, module=module)


def files_of(cache: Path) -> list[str]:
    """Name what lies in the cache but for the lock files."""
    return sorted(file.name for file in (cache / "bin").iterdir() if file.suffix != ".lock")


def ignore(elapsed: float) -> None:
    """Let the time go by."""


def found(path: Path, source: Source, version: str = "1.2.3") -> Found:
    """Describe the program as found."""
    return Found(name="demo", path=path, source=source, version=version)


ENTRY = f"demo-1.2.3-{architecture()}"


def test_the_variable_comes_first(path: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that the administrator named is taken before PATH and cache, and asked for its version."""
    executable(path / "demo")
    named = executable(tmp_path / "mine", b"#!/bin/sh\necho demo, version 4.5.6-rc.1\n")
    monkeypatch.setenv("ROLECALL_DEMO", str(named))

    assert locate(BARE, cache=cache) == found(named, "variable", "4.5.6-rc.1")


@pytest.mark.parametrize(
    ("name", "fact"),
    [("nothing", "there is no such file"), ("plain", "it is not an executable file"), ("", "it is not")],
)
def test_a_bad_variable_is_never_passed_over(
    path: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fact: str
):
    """A variable that names nothing, a plain file or a folder is an error, though PATH has the program."""
    executable(path / "demo")
    (tmp_path / "plain").write_text("no program")
    monkeypatch.setenv("ROLECALL_DEMO", str(tmp_path / name))

    with pytest.raises(BinaryError, match=f"^cannot use ROLECALL_DEMO={tmp_path / name}: {fact}"):
        locate(BARE, cache=cache)
    with pytest.raises(BinaryError):
        present(BARE, cache=cache)


def test_an_impostor_on_path_is_passed_over(
    path: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Another program of the same name hides nothing: the search goes on along PATH."""
    executable(path / "demo", IMPOSTOR)
    real = executable(tmp_path / "later" / "demo")
    monkeypatch.setenv("PATH", f"{path}:{real.parent}")

    assert locate(BARE, cache=cache) == found(real, "path")


def test_an_impostor_alone_is_named_in_the_error(path: Path, cache: Path):
    """When the only one on PATH is another program, the error says so."""
    impostor = executable(path / "demo", IMPOSTOR)

    with pytest.raises(BinaryError, match=f"{impostor} is another program of that name"):
        locate(BARE, cache=cache)


def test_the_current_directory_is_no_part_of_path(path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    """Empty and relative entries of PATH are left out."""
    executable(path / "demo")
    monkeypatch.chdir(path)
    monkeypatch.setenv("PATH", ":.:")

    assert present(BARE, cache=cache) is None


def test_the_cache_is_looked_at_before_the_network(cache: Path, server: ReleaseServer):
    """What is in the cache is not fetched again."""
    binary = released(server.url)
    cached = executable(entry(cache, binary, "1.2.3"))

    assert locate(binary, cache=cache) == found(cached, "cache")
    assert cached.name == ENTRY
    assert server.requested == []


def test_a_release_is_fetched_into_the_cache(cache: Path, server: ReleaseServer):
    """A download ends up executable and alone in the cache, where the next search finds it."""
    binary = released(server.url)

    first = locate(binary, cache=cache)
    second = locate(binary, cache=cache)

    assert first == found(cache / "bin" / ENTRY, "release")
    assert second == found(cache / "bin" / ENTRY, "cache")
    assert output_of(first.path, ()) == "demo, version 1.2.3\n"
    assert files_of(cache) == [ENTRY]
    assert server.requested == ["/demo"]


def test_the_sources_can_be_chosen(path: Path, cache: Path, server: ReleaseServer):
    """A source that was not asked for is not used, though it has the program."""
    executable(path / "demo")

    chosen = locate(released(server.url), sources={"release", "build"}, cache=cache)

    assert chosen.source == "release"


def test_present_asks_no_network(path: Path, cache: Path, server: ReleaseServer):
    """Looking whether it is here fetches nothing and makes nothing."""
    assert present(released(server.url), cache=cache) is None
    assert server.requested == []
    assert not cache.exists()

    executable(path / "demo")

    assert present(released(server.url), cache=cache) == found(path / "demo", "path", "unknown")


def test_when_every_source_fails_each_says_why(cache: Path, server: ReleaseServer):
    """The one error has the reason of every source, and what to do."""
    binary = released(server.url, body=b"expected")

    with pytest.raises(BinaryError) as caught:
        locate(binary, cache=cache)

    got, pinned = hashlib.sha256(PROGRAM).hexdigest(), hashlib.sha256(b"expected").hexdigest()
    assert str(caught.value) == (
        "cannot find demo: ROLECALL_DEMO is not set, PATH has no demo,"
        f" {cache}/bin has no {ENTRY},"
        f" the file from {server.url}/demo was deleted: its SHA-256 is {got},"
        f" but Rolecall's pin says {pinned},"
        " we have no Go module to build it from;"
        " put demo on PATH or name the file in ROLECALL_DEMO"
    )
    assert files_of(cache) == []


def test_a_cache_that_cannot_be_written_is_a_reason_like_others(cache: Path, server: ReleaseServer):
    """A cache that is a plain file ends in the search's own error, not in a trace."""
    cache.write_text("in the way")

    with pytest.raises(BinaryError, match=r"release: \[Errno \d+\]"):
        locate(released(server.url), cache=cache)


@pytest.mark.skipif(GO is None, reason="needs go on PATH")
def test_a_silent_release_falls_through_to_the_build(path: Path, cache: Path, tmp_path: Path):
    """When the server says nothing, the build follows within seconds, under the module's own version."""
    (path / "go").symlink_to(GO or "")
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.test/demo\n\ngo 1.21\n")
    (folder / "main.go").write_text("package main\n\nfunc main() {}\n")
    module = GoModule(folder=str(folder), package="example.test/demo", version="1.2.2")
    texts: list[str] = []

    with silence() as url:
        built = locate(
            released(url, module=module),
            sources={"cache", "release", "build"},
            cache=cache,
            progress=lambda name, text: texts.append(f"{name}: {text}"),
            patience=Patience(stall_s=0.3),
        )

    assert built == found(cache / "bin" / f"demo-1.2.2-{architecture()}", "build", "1.2.2")
    assert files_of(cache) == [built.path.name]
    assert any(text.startswith("demo: building with Go") for text in texts)
    assert present(released(url, module=module), cache=cache) == found(built.path, "cache", "1.2.2")


def test_an_interrupt_leaves_nothing_half_made(cache: Path, server: ReleaseServer):
    """Ctrl-C during a download leaves neither a half file nor a lock that is held."""
    server.dripping.add("/demo")

    def interrupt(name: str, text: str) -> None:
        assert name == "demo"
        if text.startswith("downloading"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        locate(released(server.url), cache=cache, progress=interrupt)

    assert files_of(cache) == []
    server.dripping.clear()
    assert locate(released(server.url), cache=cache).source == "release"


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_are_not(
    cache: Path, server: ReleaseServer
):
    """Unfinished files go when nobody holds their lock, and stay while somebody does."""
    folder = cache / "bin"
    (folder / ".dead-1-amd64.work").mkdir(parents=True)
    (folder / ".dead-1-amd64.part").write_text("half")
    (folder / ".live-1-amd64.part").write_text("half")

    with exclusive(folder / "live-1-amd64", ignore):
        locate(released(server.url), cache=cache)

    assert files_of(cache) == [".live-1-amd64.part", ENTRY]


def test_only_one_of_two_fetches(cache: Path, server: ReleaseServer):
    """While one makes an entry the other says that it waits, and then uses what was made."""
    binary = released(server.url)
    target = entry(cache, binary, "1.2.3")
    texts: list[str] = []
    results: list[Found] = []

    def other() -> None:
        results.append(
            locate(binary, cache=cache, progress=lambda name, text: texts.append(f"{name}: {text}"))
        )

    thread = threading.Thread(target=other)
    with exclusive(target, ignore):
        thread.start()
        deadline = time.monotonic() + 5
        while not texts and time.monotonic() < deadline:
            time.sleep(0.01)
        executable(target)
    thread.join(5)

    assert texts[0] == "demo: waiting for another process that fetches or builds it, 0 s"
    assert results == [found(target, "cache")]
    assert server.requested == []


def test_pebble_is_not_taken_from_a_release_that_cannot_be_checked(cache: Path):
    """Pebble's release has no digest that we know, so no download is even tried."""
    with pytest.raises(BinaryError, match="its release has no SHA-256 that we know"):
        locate(PEBBLE, sources={"release"}, cache=cache, progress=silent)
