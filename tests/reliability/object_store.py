"""A real S3 server that can go away, come back at the same place, and refuse."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from patience import until
from s3_server import S3Server, free_address

from rolecall.local.probe import probe
from rolecall.local.s3 import Cause, S3Target

_READY_S = 30.0


class FickleStore:
    """One S3 server: its folder, address and keys stay, its process may not."""

    def __init__(self, binary: Path, folder: Path) -> None:
        """Prepare it; it doesn't run yet."""
        host, port = free_address()
        self._folder, self._place = folder, f"{host}:{port}"
        self._process: subprocess.Popen[bytes] | None = None
        buckets = folder / "buckets"
        buckets.mkdir(parents=True)
        self.server = S3Server(
            endpoint=f"http://{self._place}",
            access_key=f"FICKLEACCESS{secrets.token_hex(4)}",
            secret_key=f"fickle-secret-{secrets.token_hex(12)}",
            folder=buckets,
            binary=binary,
        )
        self.bucket = ""

    def start(self, *, access_key: str = "") -> None:
        """Run it; with another `access_key` it refuses those that everybody has."""
        keys = {
            "ROOT_ACCESS_KEY": access_key or self.server.access_key,
            "ROOT_SECRET_KEY": self.server.secret_key,
        }
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.server.binary, "--port", self._place, "posix", self.server.folder],
                env={**os.environ, **keys},
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        asker = replace(self.server, access_key=keys["ROOT_ACCESS_KEY"])
        until(lambda: _answers(asker), _READY_S, "the S3 server to answer", seen=self._said)

    def stop(self) -> None:
        """End its process."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_READY_S)
            self._process = None

    def hide_bucket(self) -> None:
        """Have it say that there is no such bucket."""
        self._shown.rename(self._hidden)

    def show_bucket(self) -> None:
        """Have the bucket there again, with all that it held."""
        self._hidden.rename(self._shown)

    @property
    def _shown(self) -> Path:
        return self.server.folder / self.bucket

    @property
    def _hidden(self) -> Path:
        return self._folder / f"hidden-{self.bucket}"

    def _said(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-500:]


def _answers(server: S3Server) -> bool:
    """Whether it says something of a bucket that isn't there."""
    target = S3Target(
        endpoint=server.endpoint,
        bucket="nothing-here",
        region="us-east-1",
        access_key=server.access_key,
        secret_key=server.secret_key,
    )
    return probe(target, create_bucket=False, timeout_s=5).cause is Cause.NO_SUCH_BUCKET


@contextmanager
def fickle_store(binary: Path, folder: Path) -> Generator[FickleStore]:
    """Run a server with one bucket until the block ends."""
    store = FickleStore(binary, folder)
    store.start()
    try:
        store.bucket = store.server.bucket()
        yield store
    finally:
        store.stop()
