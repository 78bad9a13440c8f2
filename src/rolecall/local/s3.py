"""Speak to one S3 bucket with the settings the workers get, and name what goes wrong in our words.

Each request is signed here and sent by botocore's plain HTTP session; no botocore client is made, for a
client looks for keys, regions, proxies and retries in `~/.aws`, the environment and instance metadata.
No key is ever in a failure, only what the store said of it.
"""

from __future__ import annotations

import html
import importlib
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import quote, urlsplit

# What Go programs trust, so that the probe judges a certificate as the workers will:
# https://go.dev/src/crypto/x509/root_linux.go
_SYSTEM_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Cause(StrEnum):
    """Why an object store can't be used."""

    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    WRONG_KEY = "wrong-key"
    DENIED = "denied"
    NO_SUCH_BUCKET = "no-such-bucket"
    CLOCK_SKEW = "clock-skew"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Target:
    """One bucket, and how the workers reach it."""

    endpoint: str
    """Scheme, host and port, as in `https://s3.example.com:9000`."""
    bucket: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    ca: str = ""
    """File with the only authorities to trust; empty means those of the system."""
    path_style: bool = True


class Failure(Exception):  # noqa: N818 - a finding, not an error of the program
    """A verb that did not work, and why."""

    def __init__(self, cause: Cause, detail: str, remedy: str, *, passing: bool = False) -> None:
        super().__init__(detail)
        self.cause, self.detail, self.remedy, self.passing = cause, detail, remedy, passing


class _Request(Protocol):
    def prepare(self) -> object: ...


class _Signer(Protocol):
    def add_auth(self, request: _Request) -> None: ...


class _Response(Protocol):
    status_code: int
    content: bytes
    headers: Mapping[str, str]


class _Session(Protocol):
    def send(self, request: object) -> _Response: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store said."""

    status: int
    content: bytes
    date: str


class Bucket:
    """One bucket over HTTP; every unwelcome answer is a `Failure`."""

    def __init__(self, s3: S3Target, limit_s: float, *, retries: int) -> None:
        self._s3, self._limit_s, self._retries = s3, limit_s, retries
        self.resolving = False
        self.host = ""
        # botocore has no types, and importing it costs a quarter of a second that only the probe should pay.
        load = importlib.import_module
        keys = load("botocore.credentials").Credentials(s3.access_key, s3.secret_key)
        signer = load("botocore.auth").S3SigV4Auth(keys, "s3", s3.region or "us-east-1")
        verify = s3.ca or next((path for path in _SYSTEM_AUTHORITIES if Path(path).is_file()), True)
        session = load("botocore.httpsession").URLLib3Session(verify=verify, timeout=(limit_s, limit_s))
        self._request = cast("Callable[..., _Request]", load("botocore.awsrequest").AWSRequest)
        self._error = cast("type[Exception]", load("botocore.exceptions").BotoCoreError)
        self._signer = cast("_Signer", signer)
        self._session = cast("_Session", session)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(
        self,
        method: str,
        key: str = "",
        *,
        params: Mapping[str, str] | None = None,
        body: bytes = b"",
        accept: range = range(0),
    ) -> Answer:
        """Send one request, once more if that may help, and return an answer that is 2xx or accepted."""
        try:
            answer = self._exchange(method, _address(self._s3, key), params or {}, body)
            if 200 <= answer.status < 300 or answer.status in accept:
                return answer
            raise _refusal(answer, self._s3)
        except Failure as failed:
            if not (failed.passing and self._retries):
                raise
        self._retries -= 1
        return self.send(method, key, params=params, body=body, accept=accept)

    def _exchange(self, method: str, url: str, params: Mapping[str, str], body: bytes) -> Answer:
        try:
            self._resolve(url)
            request = self._request(method=method, url=url, params=params, data=body)
            self._signer.add_auth(request)
            response = self._session.send(request.prepare())
        except (self._error, OSError, UnicodeError) as error:
            raise _unanswered(error, self.host, self._limit_s) from None
        return Answer(response.status_code, response.content, response.headers.get("date", ""))

    def _resolve(self, url: str) -> None:
        # Asked apart from the connection: a resolver that hangs must not look like a store that hangs.
        self.host, self.resolving = urlsplit(url).hostname or "", True
        socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
        self.resolving = False


SETTINGS = " under object-store.s3"
_TRUST = "set ca to the authority that signed the certificate, or correct endpoint" + SETTINGS
ASK_STORE = "see the log of the object store"
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_ACCESS_KEY = (Cause.WRONG_KEY, "wrong access key", "correct access-key" + SETTINGS)
_REFUSALS = {
    "InvalidAccessKeyId": _ACCESS_KEY,
    "XAdminUserNotFound": _ACCESS_KEY,  # versitygw's word for it
    "SignatureDoesNotMatch": (Cause.WRONG_KEY, "wrong secret key", "correct secret-key" + SETTINGS),
    "AccessDenied": (Cause.DENIED, "the key may not do that", "allow it in the policies of the store"),
    "NoSuchBucket": (Cause.NO_SUCH_BUCKET, "no such bucket", "set create-bucket: true, or make it"),
    "RequestTimeTooSkewed": (Cause.CLOCK_SKEW, "clock skew", "set the clock of this machine or of the store"),
}
_REGION = "correct region" + SETTINGS
_REMEDIES = {
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "InvalidBucketName": "correct bucket" + SETTINGS,
    "InvalidLocationConstraint": _REGION,
    "InvalidRegion": _REGION,
    "PermanentRedirect": _REGION,
}


def _refusal(answer: Answer, s3: S3Target) -> Failure:
    """Turn an S3 error into a failure, in our words where the code has only one reading."""
    text = answer.content[:65536].decode(errors="replace")
    code = _element("Code", text) or ("AccessDenied" if answer.status == 403 else "")
    if code in _REFUSALS:
        cause, words, remedy = _REFUSALS[code]
        detail = f"{words} ({code})" if answer.content else f"{words} (HTTP {answer.status})"
        if cause is Cause.CLOCK_SKEW and answer.date:
            detail += f", the store says {answer.date}"
        return Failure(cause, detail, remedy)
    if not code:
        detail = f"HTTP {answer.status} without an S3 error code"
        remedy = "check that S3 is spoken there, and the scheme of endpoint"
    else:
        said = f"{code}: {_element('Message', text)}"
        for key in (s3.secret_key, s3.access_key):
            said = said.replace(key, "***")  # a store may repeat what it was sent
        detail, remedy = said[:300], _REMEDIES.get(code, ASK_STORE)
    return Failure(Cause.OTHER, detail, remedy, passing=answer.status >= 500)


def _element(name: str, text: str) -> str:
    """Return the text of the first such element, on one line and without control characters."""
    # A pattern, not an XML parser: the document comes from whoever answers at the endpoint.
    found = re.search(f"<{name}>([^<]*)</{name}>", text)
    words = " ".join(html.unescape(found[1]).split()) if found else ""
    return "".join(character for character in words if character.isprintable())


def _unanswered(error: BaseException, host: str, limit_s: float) -> Failure:
    """Name why no answer came, from the innermost error: the wrappers' texts may hold the request."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    match error:
        case socket.gaierror() | UnicodeError():
            detail = f'the name "{host}" does not resolve'
            return Failure(Cause.DNS, detail, "correct endpoint" + SETTINGS)
        case ConnectionRefusedError():
            remedy = "start the store, or correct endpoint" + SETTINGS
            return Failure(Cause.REFUSED, "connection refused", remedy)
        case ssl.SSLError():
            return _untrusted(error)
        case TimeoutError():
            return silent(limit_s)
        case ValueError() if type(error).__name__ == "CertificateError":
            # urllib3 compares the names itself; its text holds those names only.
            return Failure(Cause.TLS, f"TLS: {error}", _TRUST)
        case _:
            closed = isinstance(error, ConnectionError)
            words = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            detail = "the connection was closed without an answer" if closed else words
            return Failure(Cause.OTHER, detail, "check endpoint and the way to it", passing=closed)


def _untrusted(error: ssl.SSLError) -> Failure:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(Cause.TLS, f"TLS: {error.verify_message.rstrip('.')}", _TRUST)
    if error.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return Failure(Cause.TLS, "TLS: the endpoint speaks plain HTTP", "write endpoint with http://")
    words = (error.reason or type(error).__name__).replace("_", " ").lower()
    return Failure(Cause.TLS, f"TLS: {words}", "correct ca or endpoint" + SETTINGS)


def silent(limit_s: float) -> Failure:
    """Return the failure of a store that says nothing."""
    remedy = "check that the store runs and that no firewall is between, or correct endpoint"
    return Failure(Cause.TIMEOUT, f"no answer within {limit_s:g} s", remedy + SETTINGS)


def misshapen(s3: S3Target) -> Failure | None:
    """Refuse settings that can't be sent at all, before anything is."""
    try:
        parts = urlsplit(s3.endpoint)
        reachable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        reachable = False
    if not reachable:
        detail = "endpoint is not http:// or https:// and a host"
        return Failure(Cause.OTHER, detail, "correct endpoint" + SETTINGS)
    if not s3.bucket:
        return Failure(Cause.OTHER, "bucket is empty", "set bucket" + SETTINGS)
    for name, key in (("access-key", s3.access_key), ("secret-key", s3.secret_key)):
        if not key or key != key.strip() or not key.isprintable() or not key.isascii():
            detail = f"{name} is empty, or has a character around or in it that no key has"
            return Failure(Cause.WRONG_KEY, detail, f"correct {name}" + SETTINGS)
    if s3.ca and not Path(s3.ca).is_file():
        return Failure(Cause.TLS, f'there is no file "{s3.ca}"', "correct ca" + SETTINGS)
    return None


def shown(endpoint: str) -> str:
    """Return the endpoint without a name and password that someone may have written into it."""
    scheme, mark, rest = endpoint.rpartition("://")
    return scheme + mark + rest.rpartition("@")[2]


def _address(s3: S3Target, key: str) -> str:
    """Build the URL of a key, or of the bucket when there is no key."""
    parts = urlsplit(shown(s3.endpoint))
    path = parts.path.rstrip("/")
    if s3.path_style:
        return f"{parts.scheme}://{parts.netloc}{path}/{quote(s3.bucket, safe='')}/{key}".rstrip("/")
    return f"{parts.scheme}://{s3.bucket}.{parts.netloc}{path}/{key}"
