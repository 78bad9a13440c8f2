"""A release asset is trusted by its SHA-256 alone, and only its executable is kept."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Generator
from pathlib import Path

import pytest
from release_server import ReleaseServer, quiet, serving

from rolecall.core.binary import Release
from rolecall.local.fetch.cache import architecture
from rolecall.local.fetch.found import SourceError
from rolecall.local.fetch.release import digest_of, fetch

PROGRAM = b"#!/bin/sh\necho demo\n"
ARCH = architecture()


@pytest.fixture
def server() -> Generator[ReleaseServer]:
    """Serve a release on loopback."""
    with serving() as release:
        yield release


def sha256(body: bytes) -> str:
    """Return the digest as checksum files write it."""
    return hashlib.sha256(body).hexdigest()


def zipped(name: str) -> bytes:
    """Pack the program into a zip archive beside another file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("LICENSE", "free")
        archive.writestr(name, PROGRAM)
    return file.getvalue()


def tarred(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Pack the program into a compressed tar archive beside another file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("LICENSE"))
        info = tarfile.TarInfo(name)
        info.size, info.type, info.linkname = len(PROGRAM), kind, "/etc/passwd"
        archive.addfile(info, io.BytesIO(PROGRAM))
    return file.getvalue()


def bring(release: Release, folder: Path) -> Path:
    """Fetch version 1.2.3 of a release and return the executable's path."""
    (folder / "work").mkdir()
    fetch(release, "1.2.3", folder / "demo", work=folder / "work", say=quiet)
    return folder / "demo"


@pytest.mark.parametrize(
    ("body", "member"),
    [
        pytest.param(zipped(f"demo-{ARCH}"), "demo-{arch}", id="zip"),
        pytest.param(tarred("demo-1.2.3/demo"), "demo-{version}/demo", id="tar.gz"),
        pytest.param(tarred("./demo"), "demo", id="tar.gz with ./"),
        pytest.param(PROGRAM, "", id="bare"),
    ],
)
def test_each_kind_of_asset_gives_its_executable(
    server: ReleaseServer, tmp_path: Path, body: bytes, member: str
):
    """Zip, tar.gz and bare assets that match their pin give the very bytes of the executable."""
    server.files[f"/v1.2.3/demo-{ARCH}"] = body
    release = Release(
        url=server.url + "/v{version}/demo-{arch}", member=member, sha256={ARCH: sha256(body).upper()}
    )

    assert bring(release, tmp_path).read_bytes() == PROGRAM


def test_without_a_pin_the_checksum_file_decides(server: ReleaseServer, tmp_path: Path):
    """The release's own checksum file stands in for a pin."""
    server.files |= {"/demo": PROGRAM, "/SHA256SUMS": f"{sha256(PROGRAM)}  demo\n".encode()}
    release = Release(url=f"{server.url}/demo", checksums=f"{server.url}/SHA256SUMS")

    assert bring(release, tmp_path).read_bytes() == PROGRAM


@pytest.mark.parametrize("pinned", [True, False])
def test_a_mismatch_deletes_the_file_and_says_so(server: ReleaseServer, tmp_path: Path, pinned: bool):
    """A file with another digest is deleted, and the error has both digests and who is right."""
    server.files |= {"/demo": b"something else", "/SHA256SUMS": f"{sha256(PROGRAM)}  demo\n".encode()}
    pins = {ARCH: sha256(PROGRAM)} if pinned else {}
    release = Release(url=f"{server.url}/demo", sha256=pins, checksums=f"{server.url}/SHA256SUMS")

    with pytest.raises(SourceError) as caught:
        bring(release, tmp_path)

    origin = "Rolecall's pin" if pinned else "SHA256SUMS"
    assert str(caught.value) == (
        f"the file from {server.url}/demo was deleted: its SHA-256 is {sha256(b'something else')},"
        f" but {origin} says {sha256(PROGRAM)}"
    )
    assert list((tmp_path / "work").iterdir()) == []
    assert not (tmp_path / "demo").exists()


def test_an_asset_without_a_known_digest_is_not_even_asked_for(server: ReleaseServer, tmp_path: Path):
    """What can't be checked is not downloaded."""
    with pytest.raises(SourceError, match=f"no SHA-256 that we know for {ARCH}"):
        bring(Release(url=f"{server.url}/demo"), tmp_path)

    assert server.requested == []


@pytest.mark.parametrize("checksums", ["/missing", "/empty"])
def test_without_a_usable_checksum_file_nothing_is_downloaded(
    server: ReleaseServer, tmp_path: Path, checksums: str
):
    """A checksum file that is missing, or silent on this asset, ends the source before the download."""
    server.files |= {"/demo": PROGRAM, "/empty": b""}

    with pytest.raises(SourceError, match=checksums):
        bring(Release(url=f"{server.url}/demo", checksums=server.url + checksums), tmp_path)

    assert "/demo" not in server.requested


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(zipped("other"), id="zip without it"),
        pytest.param(tarred("other"), id="tar.gz without it"),
        pytest.param(tarred("demo", tarfile.SYMTYPE), id="tar.gz with a link"),
        pytest.param(tarred("demo")[:80], id="cut tar.gz"),
        pytest.param(b"no archive", id="no archive"),
    ],
)
def test_an_archive_without_the_executable_is_an_error(server: ReleaseServer, tmp_path: Path, body: bytes):
    """An archive that is broken, or holds no such regular file, ends the source."""
    server.files["/demo.pack"] = body
    release = Release(url=f"{server.url}/demo.pack", member="demo", sha256={ARCH: sha256(body)})

    with pytest.raises(SourceError, match=r"demo\.pack"):
        bring(release, tmp_path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{'A' * 64}  demo\n", "a" * 64),
        (f"{'b' * 64}  other\n{'a' * 64} *./demo\n", "a" * 64),
        (f"{'a' * 64}\n", "a" * 64),
        (f"{'a' * 64}\n{'b' * 64}\n", ""),
        (f"{'a' * 64}  demo.sig\n", ""),
        (f"{'a' * 63}  demo\n", ""),
        ("<html>not found</html>", ""),
    ],
)
def test_a_checksum_file_speaks_only_of_the_file_it_names(text: str, found: str):
    """Only a line for this very file, or a lone digest, counts."""
    assert digest_of("demo", text) == found
