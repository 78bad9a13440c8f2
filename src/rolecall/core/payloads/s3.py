"""`s3`: the bucket that a product keeps its data in.

https://github.com/canonical/charmlibs/tree/main/interfaces/s3. The library that speaks it, old and new, puts
what the provider says and the secret it grants together as one mapping of texts; here it becomes values.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping

from msgspec import Struct

from rolecall.core.model import S3, Credentials, Problem, Secret, Severity
from rolecall.core.payloads.facts import from_json, is_url
from rolecall.core.payloads.pem import certificates

_PLACE = ("endpoint", "bucket")
_KEYS = ("access-key", "secret-key")
_LONGEST_BUCKET = 63
_REGION = "us-east-1"
"""What stores that know no regions go by."""


class Store(Struct, frozen=True, kw_only=True):
    """What a provider says of its bucket, as far as it can be used."""

    s3: S3 | None = None
    """None while something is missing. Its `ca` is empty: where the authority's file is, the host knows."""
    credentials: Credentials | None = None
    authority: str = ""
    """PEM certificates of the authorities that may have signed the endpoint's; empty: the system knows."""
    problems: tuple[Problem, ...] = ()


def bucket(model: str, app: str) -> str:
    """Name the bucket to ask for where the provider leaves it to us.

    Three to 63 lower-case letters, digits and hyphens
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
    """
    name = re.sub(r"[^a-z0-9]+", "-", f"{model}-{app}".lower()).strip("-")
    if len(name) <= _LONGEST_BUCKET:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_BUCKET - 9].rstrip('-')}-{digest}"


def read(info: Mapping[str, str], *, keys_known: bool = False) -> Store:
    """Read what the provider says: its texts and those of the secret that it grants.

    With `keys_known` the secret's texts aren't in `info`, because whoever asks has read them before.
    """
    if not any(info.get(key) for key in (*_PLACE, *_KEYS, "region", "tls-ca-chain")):
        return Store(problems=(_SILENT,))
    endpoint = info.get("endpoint", "").rstrip("/")
    authority, chain_problems = _chain(info.get("tls-ca-chain", ""))
    names = (*_name("bucket", info.get("bucket", "")), *_name("region", info.get("region", "")))
    style = _style(info.get("s3-uri-style", ""))
    missing = _missing(info, _PLACE if keys_known else (*_PLACE, *_KEYS))
    problems = [*missing, *_endpoint(endpoint), *names, *style, *chain_problems]
    if info.get("path", "").strip("/"):
        problems.append(_PATH)
    usable = not any(problem.severity is Severity.BLOCKED for problem in problems)
    keys = [info.get(key, "") for key in _KEYS]
    return Store(
        s3=_s3(info, endpoint) if usable else None,
        credentials=Credentials(access_key=Secret(keys[0]), secret_key=Secret(keys[1]))
        if all(keys)
        else None,
        authority=authority,
        problems=tuple(problems),
    )


def _s3(info: Mapping[str, str], endpoint: str) -> S3:
    return S3(
        endpoint=endpoint,
        bucket=info["bucket"],
        region=info.get("region") or _REGION,
        path_style=info.get("s3-uri-style") != "host",
    )


def _missing(info: Mapping[str, str], needed: tuple[str, ...]) -> tuple[Problem, ...]:
    missing = ", ".join(key for key in needed if not info.get(key))
    if not missing:
        return ()
    problem = Problem(
        code="s3-incomplete",
        text=f"cannot use the object store: the s3 integration says no {missing}",
        remedy="set it at the application that provides s3",
        facts=(("missing", missing),),
    )
    return (problem,)


def _endpoint(endpoint: str) -> tuple[Problem, ...]:
    if not endpoint or is_url(endpoint):
        return ()
    problem = Problem(
        code="s3-bad-endpoint",
        text=f"cannot use the object store: its endpoint {endpoint!r} is not an address",
        remedy="set http://host:port or https://host:port at the application that provides s3",
        facts=(("endpoint", endpoint),),
    )
    return (problem,)


def _name(key: str, name: str) -> tuple[Problem, ...]:
    """Refuse what no store calls a bucket or a region: every process would restart to be told of it."""
    if not name or _NAME.fullmatch(name):
        return ()
    problem = Problem(
        code=f"s3-bad-{key}",
        text=f"cannot use the object store: its {key} {name!r} is not a name",
        remedy="use letters, digits, dots, hyphens and underscores at the application that provides s3",
        facts=((key, name),),
    )
    return (problem,)


def _style(style: str) -> tuple[Problem, ...]:
    if style in ("", "path", "host"):
        return ()
    problem = Problem(
        code="s3-bad-style",
        text=f"cannot use the URI style {style!r} of the object store: it is neither path nor host",
        remedy="path is used; set one of them at the application that provides s3",
        severity=Severity.WARNING,
        facts=(("style", style),),
    )
    return (problem,)


def _chain(text: str) -> tuple[str, tuple[Problem, ...]]:
    """Read the certificates of a chain: a JSON list or a text, each in PEM or that in base64."""
    if not text:
        return "", ()
    parts = from_json(text, list[str]) if text.lstrip().startswith("[") else [text]
    found = tuple(dict.fromkeys(one for part in parts or () for one in certificates(_plain(part))))
    if found or parts == []:
        return "".join(f"{one}\n" for one in found), ()
    problem = Problem(
        code="s3-bad-authority",
        text="cannot trust the object store's authority: there is no certificate in its tls-ca-chain",
        remedy="set it to PEM at the application that provides s3",
    )
    return "", (problem,)


def _plain(part: str) -> str:
    """Take the base64 off that some providers put around PEM."""
    if "-----BEGIN" in part:
        return part
    try:
        return base64.b64decode("".join(part.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


_NAME = re.compile(r"[A-Za-z0-9._-]+")
_SILENT = Problem(
    code="s3-waiting",
    text="cannot use the object store: the s3 integration says nothing yet",
    remedy="wait for the application that provides it",
    severity=Severity.WAITING,
)
_PATH = Problem(
    code="s3-path",
    text="cannot keep to the path in the bucket: the products have the whole bucket",
    remedy="give each cluster a bucket of its own, and take the path out",
    severity=Severity.WARNING,
)
