"""Ask an object store, before anything starts, whether it does what the workers will need.

Rules:
- The probe uses the settings the workers get and nothing else. Each request is signed here and sent by
  botocore's plain HTTP session; no botocore client is made, for a client looks for keys, regions,
  proxies and retries in `~/.aws`, the environment and instance metadata.
- A bucket is made only when asked for. The probe's own key is always deleted, or named when it can't be.
- Whatever happens, the answer is there within the limit and holds no key, only what the store said of it.

It must not judge the cluster: it returns facts, and its callers decide what they stop.
"""

from __future__ import annotations

import html
import importlib
import re
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import quote, urlsplit

PREFIX = "rolecall-probe/"
"""Where the probe puts its key, so that an administrator can tell whose it is."""

# One hung request and the clean-up after it must fit into the limit of the whole probe.
_REQUEST_SHARE, _CLEAN_UP_SHARE = 0.6, 0.3

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What the probe found: the verb that failed and why, or that all of them work."""

    ok: bool
    verb: str
    """The last verb tried: head, create, put, get, list or delete."""
    bucket: str
    endpoint: str
    cause: Cause | None
    """None when `ok`."""
    detail: str
    remedy: str
    created: bool
    """Whether the probe made the bucket; it stays, also when a later verb failed."""


def probe(s3: S3Target, *, create_bucket: bool, timeout_s: float = 5) -> ProbeResult:
    """Put, get, list and delete a key of its own in the bucket.

    Args:
        s3: The very settings the workers will get.
        create_bucket: Make the bucket first when it is missing.
        timeout_s: Limit of the whole probe.
    """
    run = _Run(s3, create_bucket=create_bucket, timeout_s=timeout_s)
    failed = _misshapen(s3) or _within(timeout_s, run)
    return ProbeResult(
        ok=failed is None,
        verb=run.verb,
        bucket=s3.bucket,
        endpoint=_shown(s3.endpoint),
        cause=failed.cause if failed else None,
        detail=failed.detail if failed else "",
        remedy=failed.remedy if failed else "",
        created=run.created,
    )


def message(result: ProbeResult) -> str:
    """Say a result in one sentence."""
    where = f'bucket "{result.bucket}" at {result.endpoint}'
    if result.ok:
        return f"can put, get, list and delete in {where}" + (" (created)" if result.created else "")
    return f"cannot {_PHRASES[result.verb]} {where}: {result.detail}; {result.remedy}"


_PHRASES = {
    "head": "look for",
    "create": "create",
    "put": "put into",
    "get": "get from",
    "list": "list",
    "delete": "delete from",
}


class _Failed(Exception):  # noqa: N818 - a finding, not an error of the program
    """A verb that did not work, and why."""

    def __init__(self, cause: Cause, detail: str, remedy: str, *, passing: bool = False) -> None:
        super().__init__(detail)
        self.cause, self.detail, self.remedy, self.passing = cause, detail, remedy, passing


def _within(timeout_s: float, run: _Run) -> _Failed | None:
    """Run the verbs and come back in time, even from a resolver or a server that drips for ever."""
    answer: futures.Future[_Failed | None] = futures.Future()

    def work() -> None:
        try:
            answer.set_result(run.verbs())
        except BaseException as error:  # whatever it is, it belongs to the caller
            answer.set_exception(error)

    threading.Thread(target=work, name="object-store-probe", daemon=True).start()
    if not futures.wait([answer], timeout_s).done:
        if run.store.resolving:
            detail = f'no name server told the address of "{run.store.host}" within {timeout_s:g} s'
            return _Failed(Cause.DNS, detail, "check the name servers, or correct endpoint" + _SETTINGS)
        return _silent(timeout_s)
    return answer.result()


class _Run:
    """One pass over the verbs, and how far it came."""

    def __init__(self, s3: S3Target, *, create_bucket: bool, timeout_s: float) -> None:
        self.verb = "head" if create_bucket else "put"
        self.created = False
        self._stored = False
        self._s3, self._create_bucket, self._timeout_s = s3, create_bucket, timeout_s
        self._key = PREFIX + secrets.token_hex(16)
        self._content = f"put by rolecall, safe to delete: {self._key}".encode()
        self.store = _Store(s3, timeout_s * _REQUEST_SHARE, retries=1)

    def verbs(self) -> _Failed | None:
        """Try each verb in order and return the first failure."""
        try:
            for verb, step in self._steps():
                self.verb = verb
                step()
        except _Failed as failed:
            self._clean_up(failed)
            return failed
        finally:
            self.store.close()
        return None

    def _steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        if self._create_bucket:
            yield "head", self._have_bucket
        yield "put", self._put
        yield "get", self._get
        yield "list", self._list
        yield "delete", self._delete

    def _have_bucket(self) -> None:
        # Only "there is none" matters here: a HEAD carries no error code, so put names every other cause.
        if self.store.send("HEAD", accept=range(300, 500)).status != 404:
            return
        self.verb = "create"
        region = html.escape(self._s3.region).encode()
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html: us-east-1 must not be named.
        body = b"" if region in {b"", b"us-east-1"} else _LOCATION % region
        # 409: made by someone else in between, which is as good if put works.
        self.created = self.store.send("PUT", body=body, accept=range(409, 410)).status != 409

    def _put(self) -> None:
        self.store.send("PUT", self._key, body=self._content)
        self._stored = True

    def _get(self) -> None:
        if self.store.send("GET", self._key).content != self._content:
            raise _Failed(Cause.OTHER, "other bytes came back than were put", _ASK_STORE)

    def _list(self) -> None:
        answer = self.store.send("GET", params={"list-type": "2", "prefix": self._key})
        if f"<Key>{self._key}</Key>".encode() not in answer.content:
            raise _Failed(Cause.OTHER, "the key that was put is not in the list", _ASK_STORE)

    def _delete(self) -> None:
        self.store.send("DELETE", self._key)
        if self.store.send("GET", self._key, accept=range(404, 405)).status != 404:
            raise _Failed(Cause.OTHER, "the key is still there after it was deleted", _ASK_STORE)
        self._stored = False

    def _clean_up(self, failed: _Failed) -> None:
        """Delete the key if the store has it or may have it, and name it if that fails."""
        # A put without an answer may have been carried out all the same.
        uncertain = failed.passing or failed.cause is Cause.TIMEOUT
        if not self._stored and not (self.verb == "put" and uncertain):
            return
        store = _Store(self._s3, self._timeout_s * _CLEAN_UP_SHARE, retries=0)
        try:
            store.send("DELETE", self._key)
        except _Failed:
            if self._stored:
                failed.detail += f' (key "{self._key}" is left behind)'
        finally:
            store.close()


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
class _Answer:
    status: int
    content: bytes
    date: str


class _Store:
    """One bucket over HTTP; every unwelcome answer is a `_Failed`."""

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
    ) -> _Answer:
        """Send one request, once more if that may help, and return an answer that is 2xx or accepted."""
        try:
            answer = self._exchange(method, _address(self._s3, key), params or {}, body)
            if 200 <= answer.status < 300 or answer.status in accept:
                return answer
            raise _refusal(answer, self._s3)
        except _Failed as failed:
            if not (failed.passing and self._retries):
                raise
        self._retries -= 1
        return self.send(method, key, params=params, body=body, accept=accept)

    def _exchange(self, method: str, url: str, params: Mapping[str, str], body: bytes) -> _Answer:
        try:
            self._resolve(url)
            request = self._request(method=method, url=url, params=params, data=body)
            self._signer.add_auth(request)
            response = self._session.send(request.prepare())
        except (self._error, OSError, UnicodeError) as error:
            raise _unanswered(error, self.host, self._limit_s) from None
        return _Answer(response.status_code, response.content, response.headers.get("date", ""))

    def _resolve(self, url: str) -> None:
        # Asked apart from the connection: a resolver that hangs must not look like a store that hangs.
        self.host, self.resolving = urlsplit(url).hostname or "", True
        socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
        self.resolving = False


_SETTINGS = " under object-store.s3"
_TRUST = "set ca to the authority that signed the certificate, or correct endpoint" + _SETTINGS
_ASK_STORE = "see the log of the object store"
_LOCATION = (
    b'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>"
)

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_ACCESS_KEY = (Cause.WRONG_KEY, "wrong access key", "correct access-key" + _SETTINGS)
_REFUSALS = {
    "InvalidAccessKeyId": _ACCESS_KEY,
    "XAdminUserNotFound": _ACCESS_KEY,  # versitygw's word for it
    "SignatureDoesNotMatch": (Cause.WRONG_KEY, "wrong secret key", "correct secret-key" + _SETTINGS),
    "AccessDenied": (Cause.DENIED, "the key may not do that", "allow it in the policies of the store"),
    "NoSuchBucket": (Cause.NO_SUCH_BUCKET, "no such bucket", "set create-bucket: true, or make it"),
    "RequestTimeTooSkewed": (Cause.CLOCK_SKEW, "clock skew", "set the clock of this machine or of the store"),
}
_REGION = "correct region" + _SETTINGS
_REMEDIES = {
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "InvalidBucketName": "correct bucket" + _SETTINGS,
    "InvalidLocationConstraint": _REGION,
    "InvalidRegion": _REGION,
    "PermanentRedirect": _REGION,
}


def _refusal(answer: _Answer, s3: S3Target) -> _Failed:
    """Turn an S3 error into a failure, in our words where the code has only one reading."""
    text = answer.content[:65536].decode(errors="replace")
    code = _element("Code", text) or ("AccessDenied" if answer.status == 403 else "")
    if code in _REFUSALS:
        cause, words, remedy = _REFUSALS[code]
        detail = f"{words} ({code})" if answer.content else f"{words} (HTTP {answer.status})"
        if cause is Cause.CLOCK_SKEW and answer.date:
            detail += f", the store says {answer.date}"
        return _Failed(cause, detail, remedy)
    if not code:
        detail = f"HTTP {answer.status} without an S3 error code"
        remedy = "check that S3 is spoken there, and the scheme of endpoint"
    else:
        said = f"{code}: {_element('Message', text)}"
        for key in (s3.secret_key, s3.access_key):
            said = said.replace(key, "***")  # a store may repeat what it was sent
        detail, remedy = said[:300], _REMEDIES.get(code, _ASK_STORE)
    return _Failed(Cause.OTHER, detail, remedy, passing=answer.status >= 500)


def _element(name: str, text: str) -> str:
    """Return the text of the first such element, on one line and without control characters."""
    # A pattern, not an XML parser: the document comes from whoever answers at the endpoint.
    found = re.search(f"<{name}>([^<]*)</{name}>", text)
    words = " ".join(html.unescape(found[1]).split()) if found else ""
    return "".join(character for character in words if character.isprintable())


def _unanswered(error: BaseException, host: str, limit_s: float) -> _Failed:
    """Name why no answer came, from the innermost error: the wrappers' texts may hold the request."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    match error:
        case socket.gaierror() | UnicodeError():
            detail = f'the name "{host}" does not resolve'
            return _Failed(Cause.DNS, detail, "correct endpoint" + _SETTINGS)
        case ConnectionRefusedError():
            remedy = "start the store, or correct endpoint" + _SETTINGS
            return _Failed(Cause.REFUSED, "connection refused", remedy)
        case ssl.SSLError():
            return _untrusted(error)
        case TimeoutError():
            return _silent(limit_s)
        case ValueError() if type(error).__name__ == "CertificateError":
            # urllib3 compares the names itself; its text holds those names only.
            return _Failed(Cause.TLS, f"TLS: {error}", _TRUST)
        case _:
            closed = isinstance(error, ConnectionError)
            words = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            detail = "the connection was closed without an answer" if closed else words
            return _Failed(Cause.OTHER, detail, "check endpoint and the way to it", passing=closed)


def _untrusted(error: ssl.SSLError) -> _Failed:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _Failed(Cause.TLS, f"TLS: {error.verify_message.rstrip('.')}", _TRUST)
    if error.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return _Failed(Cause.TLS, "TLS: the endpoint speaks plain HTTP", "write endpoint with http://")
    words = (error.reason or type(error).__name__).replace("_", " ").lower()
    return _Failed(Cause.TLS, f"TLS: {words}", "correct ca or endpoint" + _SETTINGS)


def _silent(limit_s: float) -> _Failed:
    remedy = "check that the store runs and that no firewall is between, or correct endpoint"
    return _Failed(Cause.TIMEOUT, f"no answer within {limit_s:g} s", remedy + _SETTINGS)


def _misshapen(s3: S3Target) -> _Failed | None:
    """Refuse settings that can't be sent at all, before anything is."""
    try:
        parts = urlsplit(s3.endpoint)
        reachable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        reachable = False
    if not reachable:
        detail = "endpoint is not http:// or https:// and a host"
        return _Failed(Cause.OTHER, detail, "correct endpoint" + _SETTINGS)
    if not s3.bucket:
        return _Failed(Cause.OTHER, "bucket is empty", "set bucket" + _SETTINGS)
    for name, key in (("access-key", s3.access_key), ("secret-key", s3.secret_key)):
        if not key or key != key.strip() or not key.isprintable() or not key.isascii():
            detail = f"{name} is empty, or has a character around or in it that no key has"
            return _Failed(Cause.WRONG_KEY, detail, f"correct {name}" + _SETTINGS)
    if s3.ca and not Path(s3.ca).is_file():
        return _Failed(Cause.TLS, f'there is no file "{s3.ca}"', "correct ca" + _SETTINGS)
    return None


def _shown(endpoint: str) -> str:
    """Return the endpoint without a name and password that someone may have written into it."""
    scheme, mark, rest = endpoint.rpartition("://")
    return scheme + mark + rest.rpartition("@")[2]


def _address(s3: S3Target, key: str) -> str:
    """Build the URL of a key, or of the bucket when there is no key."""
    parts = urlsplit(_shown(s3.endpoint))
    path = parts.path.rstrip("/")
    if s3.path_style:
        return f"{parts.scheme}://{parts.netloc}{path}/{quote(s3.bucket, safe='')}/{key}".rstrip("/")
    return f"{parts.scheme}://{s3.bucket}.{parts.netloc}{path}/{key}"
