"""Fetch an executable from its project's release, and trust it only by its SHA-256."""

from __future__ import annotations

import platform
import re
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from rolecall.core.binary import Release
from rolecall.local.fetch.cache import architecture
from rolecall.local.fetch.download import PATIENCE, Patience, download, read_text
from rolecall.local.fetch.found import Say, SourceError

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def fetch(
    release: Release, version: str, to: Path, *, work: Path, say: Say, patience: Patience = PATIENCE
) -> None:
    """Download the asset into the work folder, check it, and write its executable to a file."""
    if platform.system() != "Linux":
        raise SourceError(f"its release assets are for Linux, not {platform.system()}")
    url = _address(release.url, version)
    expected, origin = _expected(release, version, say, patience)
    asset = work / Path(urlsplit(url).path).name
    digest = download(url, asset, say=say, patience=patience)
    if digest != expected:
        asset.unlink()
        raise SourceError(
            f"the file from {url} was deleted: its SHA-256 is {digest}, but {origin} says {expected}"
        )
    if release.member:
        say(f"unpacking {asset.name}")
        _unpack(asset, _address(release.member, version), to)
    else:
        asset.replace(to)


def _address(template: str, version: str) -> str:
    return template.format(version=version, arch=architecture())


def _expected(release: Release, version: str, say: Say, patience: Patience) -> tuple[str, str]:
    """Return the digest that the asset must have, and who says so."""
    if pinned := release.sha256.get(architecture()):
        return pinned.lower(), "Rolecall's pin"
    if not release.checksums:
        raise SourceError(
            f"its release has no SHA-256 that we know for {architecture()}, so it isn't trusted"
        )
    address = _address(release.checksums, version)
    name = Path(urlsplit(_address(release.url, version)).path).name
    text = read_text(address, say=say, patience=patience)
    digest = digest_of(name, text)
    if not digest:
        raise SourceError(f"{address} has no SHA-256 for {name}")
    return digest, Path(urlsplit(address).path).name


def digest_of(name: str, checksums: str) -> str:
    """Return the SHA-256 of a file as a checksum file states it; empty when it doesn't.

    Lines are `DIGEST  NAME` as sha256sum writes them; a file of one bare digest speaks of any name.
    """
    lines = [line.split() for line in checksums.splitlines() if line.strip()]
    for words in lines:
        named = len(words) == 2 and words[1].lstrip("*").removeprefix("./") == name
        alone = len(words) == 1 and len(lines) == 1
        if (named or alone) and _DIGEST.fullmatch(words[0]):
            return words[0].lower()
    return ""


def _unpack(archive: Path, member: str, to: Path) -> None:
    """Write one file of a zip or tar archive to a path of our choosing."""
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, member, to)
        else:
            _untar(archive, member, to)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise SourceError(f"cannot unpack {archive.name}: {error}") from error


def _unzip(archive: Path, member: str, to: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        if member not in packed.namelist():
            raise SourceError(f"{archive.name} holds no {member}, only {', '.join(packed.namelist()[:5])}")
        with packed.open(member) as source:
            _copy(source, to)


def _untar(archive: Path, member: str, to: Path) -> None:
    with tarfile.open(archive) as packed:
        for info in packed:
            # Links are not followed: the executable is a file of the archive itself.
            wanted = info.isfile() and info.name.removeprefix("./") == member
            if wanted and (source := packed.extractfile(info)):
                with source:
                    _copy(source, to)
                return
    raise SourceError(f"{archive.name} holds no file {member}")


def _copy(source: IO[bytes], to: Path) -> None:
    with to.open("wb") as file:
        shutil.copyfileobj(source, file, 2**20)
