"""Read where a cluster keeps its data: `object-store:` of rolecall.yaml, and its two keys.

A key never stands in the file: it is named, by a variable or a file, and read only when it is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rolecall.core.model import S3, Credentials, Directory, ObjectStore, Secret
from rolecall.local.file.section import Section

_ENDPOINT = re.compile(r"https?://[^\s/@]+/?")
_EXAMPLE = (
    "object-store: {s3: {endpoint: URL, bucket: NAME, access-key: {env: NAME}, secret-key: {env: NAME}}}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Where keys are read from."""

    environment: Mapping[str, str]
    folder: Path
    """Relative paths begin here."""
    needed: bool
    """Whether what is named must be there."""


def parse(section: Section, secrets: Secrets) -> tuple[ObjectStore | None, Credentials | None, bool]:
    """Return a cluster's store, its keys, and whether its bucket is to be made."""
    nothing = None, None, False
    chosen = section.section("object-store", "object-store: {directory: null}")
    if chosen is None:
        return nothing
    chosen.only("directory", "s3")
    if "directory" in chosen.values and "s3" in chosen.values:
        section.refuse("object-store", "it names both a directory and s3", "keep one of the two")
        return nothing
    if "s3" in chosen.values:
        s3 = chosen.section("s3", _EXAMPLE.partition("{")[2][:-1])
        return _s3(s3, secrets) if s3 is not None else nothing
    path = chosen.text("directory")
    return (Directory(path=_path(secrets.folder, path)) if path else None), None, False


def _s3(section: Section, secrets: Secrets) -> tuple[ObjectStore | None, Credentials | None, bool]:
    section.only(
        "endpoint", "bucket", "region", "access-key", "secret-key", "ca", "create-bucket", "path-style"
    )
    endpoint = section.text("endpoint", required="https://s3.example.com")
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        # The value is not shown, nor kept: what is wrong with it may be a password in it.
        fact = "it isn't http:// or https:// with a host and nothing else"
        section.refuse("endpoint", fact, "write https://s3.example.com:9000")
        endpoint = ""
    bucket = section.text("bucket", required="NAME")
    keys = {name: _secret(section, name, secrets) for name in ("access-key", "secret-key")}
    access, secret = keys["access-key"], keys["secret-key"]
    store = S3(
        endpoint=endpoint.rstrip("/"),
        bucket=bucket,
        region=section.text("region", default="us-east-1"),
        ca=_ca(section, secrets),
        path_style=section.flag("path-style", default=True),
    )
    credentials = Credentials(access_key=access, secret_key=secret) if access and secret else None
    return store, credentials, section.flag("create-bucket", default=False)


def _ca(section: Section, secrets: Secrets) -> str:
    name = section.text("ca")
    path = _path(secrets.folder, name) if name else ""
    if path and secrets.needed and not Path(path).is_file():
        section.refuse(
            "ca", f"there is no file {path}", "name the certificate authority's file, or take it out"
        )
    return path


def _secret(section: Section, name: str, secrets: Secrets) -> Secret | None:
    """Return the key that is named; None when it can't be read or isn't needed."""
    value = section.values.get(name)
    remedy = f"write {name}: {{env: NAME}} or {name}: {{file: PATH}}"
    if value is None:
        section.refuse(name, "it is missing", remedy, "missing-key")
        return None
    if not isinstance(value, Mapping):
        section.refuse(
            name, "the key itself stands in the file", f"{remedy}, and make a new key", "plain-secret"
        )
        return None
    named = section.section(name, remedy)
    if named is None:
        return None
    named.only("env", "file")
    variable, path = named.text("env"), named.text("file")
    if bool(variable) == bool(path):
        section.refuse(name, "it needs one of env and file", remedy)
        return None
    if not secrets.needed:
        return None
    return _from_variable(named, variable, secrets) if variable else _from_file(named, path, secrets)


def _from_variable(section: Section, name: str, secrets: Secrets) -> Secret | None:
    value = secrets.environment.get(name, "").strip()
    if value:
        return Secret(value)
    section.refuse("env", f"the variable {name} is not set", f"export {name}=…", "missing-secret")
    return None


def _from_file(section: Section, name: str, secrets: Secrets) -> Secret | None:
    path = Path(_path(secrets.folder, name))
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        fact = (error.strerror or "it can't be read") if isinstance(error, OSError) else "it is not text"
        section.refuse(
            "file", f"{path}: {fact}", "name a file that holds the key and nothing else", "missing-secret"
        )
        return None
    if not value or "\n" in value:
        section.refuse(
            "file",
            f"{path} doesn't hold one line",
            "write the key and nothing else into it",
            "missing-secret",
        )
        return None
    return Secret(value)


def _path(folder: Path, name: str) -> str:
    return str((folder / Path(name).expanduser()).absolute())
