"""One file over HTTP: whole or not at all, and never for long from a server that says nothing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from release_server import ReleaseServer, nobody, quiet, serving, silence

from rolecall.local.fetch.download import Patience, download, read_text
from rolecall.local.fetch.found import SourceError

BODY = b"executable" * 100_000
SHORT = Patience(connect_s=1, stall_s=0.3)


@pytest.fixture
def server() -> Generator[ReleaseServer]:
    """Serve a release on loopback."""
    with serving() as release:
        release.files["/asset"] = BODY
        yield release


def test_a_download_is_the_served_bytes_and_their_digest(server: ReleaseServer, tmp_path: Path):
    """The file holds what was served, and the digest returned is of exactly that."""
    texts: list[str] = []

    digest = download(f"{server.url}/asset", tmp_path / "asset", say=texts.append)

    assert (tmp_path / "asset").read_bytes() == BODY
    assert digest == hashlib.sha256(BODY).hexdigest()
    assert texts[0].startswith("waiting for 127.0.0.1:")


def test_a_redirect_is_followed(server: ReleaseServer, tmp_path: Path):
    """Release hosts answer with a redirect to where the file lies."""
    server.redirects["/latest"] = "/asset"

    download(f"{server.url}/latest", tmp_path / "asset", say=quiet)

    assert (tmp_path / "asset").read_bytes() == BODY


def test_a_missing_asset_is_an_error_with_its_status(server: ReleaseServer, tmp_path: Path):
    """An answer other than 200 fails, names the address and leaves no file."""
    with pytest.raises(SourceError, match=r"/nothing answers 404"):
        download(f"{server.url}/nothing", tmp_path / "asset", say=quiet)

    assert list(tmp_path.iterdir()) == []


def test_a_truncated_body_leaves_no_file(server: ReleaseServer, tmp_path: Path):
    """A body shorter than announced is no download."""
    server.truncated.add("/asset")

    with pytest.raises(SourceError, match=r"failed us: .*complete"):
        download(f"{server.url}/asset", tmp_path / "asset", say=quiet)

    assert list(tmp_path.iterdir()) == []


def test_a_silent_server_is_given_up_in_time(tmp_path: Path):
    """A server that accepts and never answers costs no more than the patience given."""
    started = time.monotonic()

    with silence() as url, pytest.raises(SourceError, match=r"no answer from 127.0.0.1:\d+ in 0.3 s"):
        download(f"{url}/asset", tmp_path / "asset", say=quiet, patience=SHORT)

    assert time.monotonic() - started < 2
    assert list(tmp_path.iterdir()) == []


def test_a_dripping_server_is_given_up_in_time(server: ReleaseServer, tmp_path: Path):
    """A byte now and then does not count as an answer."""
    server.dripping.add("/drip")
    started = time.monotonic()

    with pytest.raises(SourceError, match=r"stopped sending after \d+ bytes"):
        download(f"{server.url}/drip", tmp_path / "asset", say=quiet, patience=SHORT)

    assert time.monotonic() - started < 2
    assert list(tmp_path.iterdir()) == []


def test_a_refused_connection_fails_at_once(tmp_path: Path):
    """Where nothing listens there is nothing to wait for."""
    with nobody() as url, pytest.raises(SourceError, match=r"failed us: .*refused"):
        download(f"{url}/asset", tmp_path / "asset", say=quiet)


def test_an_address_that_is_none_is_an_error_of_the_source(tmp_path: Path):
    """A malformed address ends the source, not the program."""
    with pytest.raises(SourceError, match="failed us"):
        download("nonsense://host/asset", tmp_path / "asset", say=quiet)


def test_an_interrupt_leaves_no_half_file(server: ReleaseServer, tmp_path: Path):
    """Ctrl-C while bytes arrive removes what has arrived, and goes on up."""
    server.dripping.add("/drip")

    def interrupt(text: str) -> None:
        if text.startswith("downloading"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(f"{server.url}/drip", tmp_path / "asset", say=interrupt)

    assert list(tmp_path.iterdir()) == []


def test_a_small_text_has_a_limit(server: ReleaseServer):
    """A checksum file that turns out to be something huge is refused."""
    with pytest.raises(SourceError, match="longer than 1000 bytes"):
        read_text(f"{server.url}/asset", say=quiet, most_bytes=1000)
