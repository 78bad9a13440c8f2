"""A real S3 server over a directory, with keys that a test can search for."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from patience import until

from rolecall.local import probe
from rolecall.local.s3 import S3Target

_READY_S = 30
ACCESS, SECRET = "REAL_ACCESS_KEY", "REAL_SECRET_KEY"
"""Variables that a rolecall.yaml names the keys by."""


@dataclass(frozen=True)
class S3Server:
    """Where it is, who may use it, and what it holds."""

    endpoint: str
    access_key: str
    secret_key: str
    folder: Path
    binary: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables with the keys."""
        return {ACCESS: self.access_key, SECRET: self.secret_key}

    def bucket(self) -> str:
        """Make a new bucket."""
        name = f"real-{secrets.token_hex(4)}"
        target = S3Target(
            endpoint=self.endpoint,
            bucket=name,
            region="us-east-1",
            access_key=self.access_key,
            secret_key=self.secret_key,
        )
        made = probe.probe(target, create_bucket=True, timeout_s=30)
        assert made.ok, probe.message(made)
        return name

    def store(self, bucket: str) -> dict[str, object]:
        """Return `object-store:` for a bucket."""
        keys = {"access-key": {"env": ACCESS}, "secret-key": {"env": SECRET}}
        return {"s3": {"endpoint": self.endpoint, "bucket": bucket, **keys}}

    def another_account(self) -> tuple[str, str]:
        """Make an account that may do everything too; return its access key and its secret key."""
        access, secret = f"OTHERACCESS{secrets.token_hex(4)}", f"other-secret-{secrets.token_hex(12)}"
        create = ("create-user", "--access", access, "--secret", secret, "--role", "admin")
        subprocess.run(
            [self.binary, "admin", "--endpoint-url", self.endpoint, *create],
            env={
                **os.environ,
                "ADMIN_ACCESS_KEY_ID": self.access_key,
                "ADMIN_SECRET_ACCESS_KEY": self.secret_key,
            },
            check=True,
            capture_output=True,
        )
        return access, secret

    def keys(self, bucket: str) -> list[str]:
        """List what a bucket holds."""
        root = self.folder / bucket
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def free_address(address: str = "127.0.0.1") -> tuple[str, int]:
    """Return an address and a port of it that nothing listens on."""
    with socket.socket() as trial:
        trial.bind((address, 0))
        return address, trial.getsockname()[1]


@contextmanager
def serving(binary: Path, folder: Path) -> Generator[S3Server]:
    """Run the server over `folder` until the block ends."""
    # Its posix backend takes a relative folder for one of its own making.
    data = (folder / "buckets").absolute()
    data.mkdir()
    (folder / "accounts").mkdir()
    host, port = free_address()
    server = S3Server(
        endpoint=f"http://{host}:{port}",
        access_key=f"PLANTEDACCESS{secrets.token_hex(4)}",
        secret_key=f"planted-secret-{secrets.token_hex(12)}",
        folder=data,
        binary=binary,
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binary, "--port", f"{host}:{port}", "--iam-dir", folder / "accounts", "posix", data],
            env={
                **os.environ,
                "ROOT_ACCESS_KEY": server.access_key,
                "ROOT_SECRET_KEY": server.secret_key,
            },
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        until(lambda: _open(host, port) or process.poll() is not None, _READY_S, "the S3 server to listen")
        assert process.poll() is None, (folder / "log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(_READY_S)


def _open(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
