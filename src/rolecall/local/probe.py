"""Ask an object store, before anything starts, whether it does what the workers will need.

Rules:
- The probe uses the settings the workers get and nothing else.
- A bucket is made only when asked for. The probe's own key is always deleted, or named when it can't be.
- Whatever happens, the answer is there within the limit and holds no key, only what the store said of it.

It must not judge the cluster: it returns facts, and its callers decide what they stop.
"""

from __future__ import annotations

import html
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass

from rolecall.local.s3 import ASK_STORE, SETTINGS, Bucket, Cause, Failure, S3Target, misshapen, shown, silent

PREFIX = "rolecall-probe/"
"""Where the probe puts its key, so that an administrator can tell whose it is."""

# One hung request and the clean-up after it must fit into the limit of the whole probe.
_REQUEST_SHARE, _CLEAN_UP_SHARE = 0.6, 0.3


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
    failed = misshapen(s3) or _within(timeout_s, run)
    return ProbeResult(
        ok=failed is None,
        verb=run.verb,
        bucket=s3.bucket,
        endpoint=shown(s3.endpoint),
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


def _within(timeout_s: float, run: _Run) -> Failure | None:
    """Run the verbs and come back in time, even from a resolver or a server that drips for ever."""
    answer: futures.Future[Failure | None] = futures.Future()

    def work() -> None:
        try:
            answer.set_result(run.verbs())
        except BaseException as error:  # whatever it is, it belongs to the caller
            answer.set_exception(error)

    threading.Thread(target=work, name="object-store-probe", daemon=True).start()
    if not futures.wait([answer], timeout_s).done:
        if run.store.resolving:
            detail = f'no name server told the address of "{run.store.host}" within {timeout_s:g} s'
            return Failure(Cause.DNS, detail, "check the name servers, or correct endpoint" + SETTINGS)
        return silent(timeout_s)
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
        self.store = Bucket(s3, timeout_s * _REQUEST_SHARE, retries=1)

    def verbs(self) -> Failure | None:
        """Try each verb in order and return the first failure."""
        try:
            for verb, step in self._steps():
                self.verb = verb
                step()
        except Failure as failed:
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
            raise Failure(Cause.OTHER, "other bytes came back than were put", ASK_STORE)

    def _list(self) -> None:
        answer = self.store.send("GET", params={"list-type": "2", "prefix": self._key})
        if f"<Key>{self._key}</Key>".encode() not in answer.content:
            raise Failure(Cause.OTHER, "the key that was put is not in the list", ASK_STORE)

    def _delete(self) -> None:
        self.store.send("DELETE", self._key)
        if self.store.send("GET", self._key, accept=range(404, 405)).status != 404:
            raise Failure(Cause.OTHER, "the key is still there after it was deleted", ASK_STORE)
        self._stored = False

    def _clean_up(self, failed: Failure) -> None:
        """Delete the key if the store has it or may have it, and name it if that fails."""
        # A put without an answer may have been carried out all the same.
        uncertain = failed.passing or failed.cause is Cause.TIMEOUT
        if not self._stored and not (self.verb == "put" and uncertain):
            return
        store = Bucket(self._s3, self._timeout_s * _CLEAN_UP_SHARE, retries=0)
        try:
            store.send("DELETE", self._key)
        except Failure:
            if self._stored:
                failed.detail += f' (key "{self._key}" is left behind)'
        finally:
            store.close()


_LOCATION = (
    b'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>"
)
