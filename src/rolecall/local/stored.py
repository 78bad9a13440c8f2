"""Look into the object store for what a unit has handed over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rolecall.core.model import S3, Credentials
from rolecall.local.s3 import Bucket, S3Target

_LIMIT_S = 5.0
_MISSING = 404


def bucket(store: S3, credentials: Credentials) -> S3Target:
    """Return the bucket that is meant, with the very settings that the workers get."""
    return S3Target(
        endpoint=store.endpoint,
        bucket=store.bucket,
        region=store.region,
        access_key=credentials.access_key.reveal(),
        secret_key=credentials.secret_key.reveal(),
        ca=store.ca,
        path_style=store.path_style,
    )


def absent(place: S3Target | Path, keys: Iterable[str]) -> tuple[str, ...]:
    """List those of `keys` that aren't in a bucket or beneath a folder.

    Raises:
        Failure: the bucket can't be looked into.
    """
    if isinstance(place, Path):
        return tuple(key for key in keys if not (place / key).exists())
    wanted = tuple(keys)
    if not wanted:
        return ()
    opened = Bucket(place, _LIMIT_S, retries=1)
    try:
        return tuple(
            key for key in wanted if opened.send("HEAD", key, accept=range(_MISSING, 405)).status == _MISSING
        )
    finally:
        opened.close()
