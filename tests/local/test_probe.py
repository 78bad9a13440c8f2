"""The object-store probe, against a real S3 gateway and against listeners that misbehave on purpose."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from rolecall.local.probe import PREFIX, ProbeResult, message, probe
from rolecall.local.s3 import Cause, S3Target

ACCESS_KEY = "probing-access-key"
SECRET_KEY = "probing-secret-key"  # noqa: S105 - of a store that lives as long as a test
SLOWEST_START_S = 10
LATEST_S = 3
"""A limit of half a second, and room for the first import on a busy machine."""


def target(endpoint: str, **changes: str) -> S3Target:
    """Build the settings of a bucket at an endpoint."""
    made = S3Target(
        endpoint=endpoint,
        bucket="blocks",
        region="us-east-1",
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
    )
    return replace(made, **changes)


def assert_failed(result: ProbeResult, verb: str, cause: Cause) -> None:
    """Check what failed, and that the sentence names the bucket, the endpoint and something to do."""
    said = message(result)
    assert (result.ok, result.verb, result.cause) == (False, verb, cause), said
    assert f'bucket "{result.bucket}" at {result.endpoint}: {result.detail}; {result.remedy}' in said
    assert result.detail
    assert result.remedy


# A real gateway


@dataclass(frozen=True)
class Gateway:
    """A running versitygw."""

    endpoint: str
    folder: Path

    def keys(self, bucket: str) -> list[Path]:
        """List what the store holds under the probe's prefix."""
        return list((self.folder / bucket / PREFIX).glob("*"))


def versitygw() -> str:
    """Find versitygw, or skip and say so."""
    cached = Path.home() / ".cache/rolecall/bin/versitygw-1.7.0-amd64"
    found = os.environ.get("ROLECALL_VERSITYGW") or shutil.which("versitygw")
    found = found or (str(cached) if cached.is_file() else None)
    if not found:
        pytest.skip("versitygw is missing: not in ROLECALL_VERSITYGW, on PATH or in the cache")
    return found


@contextmanager
def running_gateway(root: Path, scheme: str = "http", options: tuple[str, ...] = ()) -> Generator[Gateway]:
    """Run versitygw over a folder until the block ends."""
    folder, sidecar = root / "buckets", root / "sidecar"
    folder.mkdir()
    sidecar.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [versitygw(), "--quiet", "--port", f"127.0.0.1:{port}", *options]
    # A sidecar, because not every file system that holds temporary files has extended attributes.
    command += ["posix", "--sidecar", str(sidecar), str(folder)]
    keys = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
    log = root / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=keys, stdout=out, stderr=out)
    try:
        wait_until_listening(process, port, log)
        yield Gateway(f"{scheme}://127.0.0.1:{port}", folder)
    finally:
        process.kill()
        process.wait(SLOWEST_START_S)


def wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the port accepts, and fail with the log when the process ends or the limit passes."""
    limit = time.monotonic() + SLOWEST_START_S
    while time.monotonic() < limit and process.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    pytest.fail(f"versitygw does not listen on {port} within {SLOWEST_START_S} s:\n{log.read_text()}")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway")) as made:
        (made.folder / "blocks").mkdir()
        yield made


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls_gateway(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Gateway]:
    root = tmp_path_factory.mktemp("tls-gateway")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(root / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(root / "certificate.pem")
    options = ("--cert", str(root / "certificate.pem"), "--key", str(root / "key.pem"))
    with running_gateway(root, "https", options) as made:
        (made.folder / "blocks").mkdir()
        yield made


@pytest.mark.real
def test_all_verbs_work(gateway: Gateway) -> None:
    """A bucket that does what the workers need is ok, and nothing stays in it."""
    result = probe(target(gateway.endpoint), create_bucket=False)

    assert result.ok, message(result)
    assert (result.cause, result.created) == (None, False)
    assert message(result) == f'can put, get, list and delete in bucket "blocks" at {gateway.endpoint}'
    assert gateway.keys("blocks") == []


@pytest.mark.real
def test_wrong_access_key(gateway: Gateway) -> None:
    """An access key that the store doesn't know is named as such."""
    result = probe(target(gateway.endpoint, access_key="somebody-else"), create_bucket=False)

    assert_failed(result, "put", Cause.WRONG_KEY)
    assert result.remedy == "correct access-key under object-store.s3"


@pytest.mark.real
@pytest.mark.parametrize("create_bucket", [False, True])
def test_wrong_secret_key(gateway: Gateway, create_bucket: bool) -> None:
    """A secret key that doesn't belong to the access key is named as such, whatever was asked."""
    s3 = target(gateway.endpoint, secret_key="of-somebody-else")  # noqa: S106

    result = probe(s3, create_bucket=create_bucket)

    assert_failed(result, "put", Cause.WRONG_KEY)
    assert result.remedy == "correct secret-key under object-store.s3"


@pytest.mark.real
def test_missing_bucket_is_not_made_unasked(gateway: Gateway) -> None:
    """A missing bucket is named and stays missing unless its making was asked for."""
    result = probe(target(gateway.endpoint, bucket="absent"), create_bucket=False)

    assert_failed(result, "put", Cause.NO_SUCH_BUCKET)
    assert "create-bucket: true" in result.remedy
    assert not (gateway.folder / "absent").exists()


@pytest.mark.real
def test_missing_bucket_is_made_when_asked(gateway: Gateway) -> None:
    """A missing bucket is made once when asked for, and the second probe finds it."""
    s3 = target(gateway.endpoint, bucket="made")

    first, second = probe(s3, create_bucket=True), probe(s3, create_bucket=True)

    assert (first.ok, first.created) == (True, True), message(first)
    assert (second.ok, second.created) == (True, False), message(second)
    assert message(first).endswith("(created)")
    assert gateway.keys("made") == []


@pytest.mark.real
def test_wrong_region(gateway: Gateway) -> None:
    """A region that the store refuses is told with the store's words and the setting to correct."""
    result = probe(target(gateway.endpoint, region="eu-north-9"), create_bucket=True)

    assert_failed(result, "put", Cause.OTHER)
    assert "us-east-1" in result.detail
    assert result.remedy == "correct region under object-store.s3"


@pytest.mark.real
def test_unknown_authority(tls_gateway: Gateway) -> None:
    """A certificate from an authority that nobody told of fails as TLS and points at `ca`."""
    result = probe(target(tls_gateway.endpoint), create_bucket=False)

    assert_failed(result, "put", Cause.TLS)
    assert "set ca" in result.remedy


@pytest.mark.real
def test_given_authority(tls_gateway: Gateway, authority: trustme.CA, tmp_path: Path) -> None:
    """A certificate from the authority that was given is trusted."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    result = probe(target(tls_gateway.endpoint, ca=str(tmp_path / "ca.pem")), create_bucket=False)

    assert result.ok, message(result)
    assert tls_gateway.keys("blocks") == []


@pytest.mark.real
def test_name_not_in_certificate(tls_gateway: Gateway, authority: trustme.CA, tmp_path: Path) -> None:
    """A certificate for another name fails as TLS, though its authority is trusted."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    endpoint = tls_gateway.endpoint.replace("127.0.0.1", "localhost")

    result = probe(target(endpoint, ca=str(tmp_path / "ca.pem")), create_bucket=False)

    assert_failed(result, "put", Cause.TLS)
    assert "localhost" in result.detail


@pytest.mark.real
def test_tls_spoken_to_plain_http(gateway: Gateway) -> None:
    """An endpoint written with https:// that speaks plain HTTP is named as that mistake."""
    result = probe(target(gateway.endpoint.replace("http:", "https:")), create_bucket=False)

    assert_failed(result, "put", Cause.TLS)
    assert "http://" in result.remedy


# Nobody there


def test_name_that_does_not_resolve() -> None:
    """A name that no name server knows is a DNS failure and is named."""
    result = probe(target("http://no-such-host.invalid:9000"), create_bucket=False)

    assert_failed(result, "put", Cause.DNS)
    assert "no-such-host.invalid" in result.detail


@pytest.mark.parametrize(("create_bucket", "verb"), [(False, "put"), (True, "head")])
def test_refused_port(create_bucket: bool, verb: str) -> None:
    """A port that nobody listens on is refused, and the first verb says so."""
    # Bound but not listening: refuses, and no other program can take it meanwhile.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{bound.getsockname()[1]}"

        result = probe(target(endpoint), create_bucket=create_bucket)

    assert_failed(result, verb, Cause.REFUSED)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_silent_listener(scheme: str) -> None:
    """A listener that never answers costs the limit at most."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()

        # Long enough for the request's share to end first, also where the machine is busy.
        result = probe(target(endpoint), create_bucket=False, timeout_s=6)

        took_s = time.monotonic() - began
    assert_failed(result, "put", Cause.TIMEOUT)
    assert result.detail == "no answer within 3.6 s", "the rest of the limit is for the clean-up"
    assert took_s < 6 + LATEST_S


def test_dripping_server() -> None:
    """A server that sends a byte now and then for ever costs the limit, and is left alone soon after."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server, over))
        dripping.start()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()

        result = probe(target(endpoint), create_bucket=False, timeout_s=2)

        took_s = time.monotonic() - began
        over.set()
        dripping.join(LATEST_S)
    assert_failed(result, "put", Cause.TIMEOUT)
    assert took_s < LATEST_S
    for thread in [each for each in threading.enumerate() if each.name == "object-store-probe"]:
        thread.join(LATEST_S)
        assert not thread.is_alive(), "the probe still runs, long after its answer"


def drip(server: socket.socket, over: threading.Event) -> None:
    """Send an endless answer to the first that connects."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        while not over.wait(0.02):
            connection.sendall(b"x")


# A store that misbehaves on purpose


@dataclass
class FakeStore:
    """An S3 server in memory that answers a verb as told instead of doing it."""

    answers: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict[str, list[tuple[int, bytes]]])
    """Verb to its next answers; a status of 0 closes the connection."""
    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    seen: list[str] = field(default_factory=list[str])
    authorizations: set[str] = field(default_factory=set[str])
    endpoint: str = ""

    def answer(self, method: str, url: str, body: bytes) -> tuple[int, bytes]:
        """Answer as told, or as S3 would."""
        parts = urlsplit(url)
        key = parts.path.removeprefix("/").partition("/")[2]
        verb = {"PUT": "put", "DELETE": "delete", "HEAD": "head"}.get(method, "get" if key else "list")
        self.seen.append(verb)
        if self.answers.get(verb):
            return self.answers[verb].pop(0)
        if verb == "list":
            prefix = parse_qs(parts.query)["prefix"][0]
            return 200, b"".join(b"<Key>%s</Key>" % k.encode() for k in self.objects if k.startswith(prefix))
        return self._on_key(verb, key, body)

    def _on_key(self, verb: str, key: str, body: bytes) -> tuple[int, bytes]:
        if verb == "put":
            self.objects[key] = body
        if verb == "delete":
            self.objects.pop(key, None)
            return 204, b""
        return (200, self.objects[key]) if key in self.objects else (404, error("NoSuchKey"))


def error(code: str, text: str = "") -> bytes:
    """Write an S3 error document."""
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{text}</Message></Error>".encode()


def handler_of(store: FakeStore) -> type[BaseHTTPRequestHandler]:
    """Build the HTTP side of a fake store."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the test's output clean."""

        def respond(self) -> None:
            store.authorizations.add(self.headers["Authorization"])
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            status, content = store.answer(self.command, self.path, body)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0" if status == 204 else str(len(content)))
            self.end_headers()
            if self.command != "HEAD" and status != 204:
                self.wfile.write(content)

        do_GET = do_PUT = do_HEAD = do_DELETE = respond  # noqa: N815

    return Handler


@pytest.fixture
def store() -> Iterator[FakeStore]:
    made = FakeStore()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(made)) as server:
        made.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def test_clock_skew(store: FakeStore) -> None:
    """A store that refuses our time is named as clock skew, with the time it has."""
    store.answers = {"put": [(403, error("RequestTimeTooSkewed"))]}

    result = probe(target(store.endpoint), create_bucket=False)

    assert_failed(result, "put", Cause.CLOCK_SKEW)
    assert "GMT" in result.detail


@pytest.mark.parametrize("verb", ["put", "get", "list", "delete"])
def test_denied_verb(store: FakeStore, verb: str) -> None:
    """The very verb that the key may not do is named."""
    store.answers = {verb: [(403, error("AccessDenied"))]}

    result = probe(target(store.endpoint), create_bucket=False)

    assert_failed(result, verb, Cause.DENIED)
    assert store.objects == {}, "what was put is deleted, at the second try when the first was refused"


def test_denied_without_a_word(store: FakeStore) -> None:
    """A bare 403, as a proxy before the store sends it, is denied too."""
    store.answers = {"put": [(403, b"")]}

    result = probe(target(store.endpoint), create_bucket=False)

    assert_failed(result, "put", Cause.DENIED)
    assert result.detail == "the key may not do that (HTTP 403)"


def test_bucket_is_made_in_its_region(store: FakeStore) -> None:
    """A bucket outside the default region is made with that region as its place."""
    result = probe(target(store.endpoint, region="eu-west-1"), create_bucket=True)

    assert (result.ok, result.created) == (True, True), message(result)
    assert b"<LocationConstraint>eu-west-1<" in store.objects[""]


def test_denied_bucket(store: FakeStore) -> None:
    """A bucket that may not be made is named with the verb create."""
    store.answers = {"head": [(404, b"")], "put": [(403, error("AccessDenied"))]}

    result = probe(target(store.endpoint), create_bucket=True)

    assert_failed(result, "create", Cause.DENIED)
    assert message(result).startswith('cannot create bucket "blocks" at http://127.0.0.1:')
    assert store.seen == ["head", "put"]


def test_key_left_behind_is_named(store: FakeStore) -> None:
    """A key that can't be deleted is named, so that someone else can."""
    store.answers = {"delete": [(403, error("AccessDenied"))] * 2}

    result = probe(target(store.endpoint), create_bucket=False)

    assert_failed(result, "delete", Cause.DENIED)
    [left] = store.objects
    assert left.startswith(PREFIX)
    assert left in result.detail


LIES: Mapping[str, tuple[str, dict[str, list[tuple[int, bytes]]]]] = {
    "other bytes": ("get", {"get": [(200, b"not what was put")]}),
    "an empty list": ("list", {"list": [(200, b"<ListBucketResult/>")]}),
    "a delete that deletes nothing": ("delete", {"delete": [(204, b"")]}),
    "no S3 at all": ("put", {"put": [(404, b"<html>Not Found</html>")]}),
}


@pytest.mark.parametrize("lie", LIES)
def test_store_that_does_not_do_what_it_says(store: FakeStore, lie: str) -> None:
    """A store that answers 200 and does something else is found out."""
    verb, answers = LIES[lie]
    store.answers = deepcopy(answers)

    result = probe(target(store.endpoint), create_bucket=False)

    assert_failed(result, verb, Cause.OTHER)
    assert store.objects == {}


@pytest.mark.parametrize("passing", [(503, error("SlowDown")), (0, b"")])
def test_one_retry(store: FakeStore, passing: tuple[int, bytes]) -> None:
    """One failure that may pass is tried again once; a second one, of any verb, is the verdict."""
    store.answers = {"put": [passing]}
    assert probe(target(store.endpoint), create_bucket=False).ok

    store.answers = {"put": [passing], "get": [passing]}
    store.seen.clear()
    result = probe(target(store.endpoint), create_bucket=False)

    assert_failed(result, "get", Cause.OTHER)
    assert store.seen == ["put", "put", "get", "delete"]


def test_own_settings_only(store: FakeStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys, endpoints, proxies and profiles of the user's environment and home are not used."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = home\naws_secret_access_key = home\n"
    )
    (tmp_path / ".aws/config").write_text("[default]\nregion = home-1\nendpoint_url = http://home.invalid\n")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))

    result = probe(target(store.endpoint), create_bucket=False)

    assert result.ok, message(result)
    [*used] = {a.partition("Credential=")[2].partition("/20")[0] for a in store.authorizations}
    assert used == [ACCESS_KEY]
    assert all("/us-east-1/s3/aws4_request" in a for a in store.authorizations)


ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "environment",
    "AWS_SECRET_ACCESS_KEY": "environment",
    "AWS_SESSION_TOKEN": "environment",
    "AWS_PROFILE": "absent",
    "AWS_REGION": "environment-1",
    "AWS_ENDPOINT_URL": "http://environment.invalid",
    "AWS_CA_BUNDLE": "/absent",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1",
}


# Secrets and settings


def test_no_key_is_repeated(store: FakeStore) -> None:
    """A store that repeats our keys in its message does not get them into a result."""
    store.answers = {"put": [(400, error("Odd", f"{ACCESS_KEY} &amp; {SECRET_KEY}\x07"))]}
    s3 = target(store.endpoint)

    result = probe(s3, create_bucket=False)

    assert result.detail == "Odd: *** & ***"
    for text in (repr(s3), repr(result), message(result)):
        assert ACCESS_KEY not in text
        assert SECRET_KEY not in text


def test_no_password_of_the_endpoint_is_shown(store: FakeStore) -> None:
    """A name and password written into the endpoint are neither shown nor sent."""
    endpoint = store.endpoint.replace("//", "//someone:hidden@")

    result = probe(target(endpoint), create_bucket=False)

    assert result.ok, message(result)
    assert result.endpoint == store.endpoint


Change = Callable[[S3Target], S3Target]
MISSHAPEN: Mapping[str, tuple[Cause, Change]] = {
    "no scheme": (Cause.OTHER, lambda s3: replace(s3, endpoint="127.0.0.1:9000")),
    "no port number": (Cause.OTHER, lambda s3: replace(s3, endpoint="http://127.0.0.1:nine")),
    "no bucket": (Cause.OTHER, lambda s3: replace(s3, bucket="")),
    "no access key": (Cause.WRONG_KEY, lambda s3: replace(s3, access_key="")),
    "a space before": (Cause.WRONG_KEY, lambda s3: replace(s3, access_key=" " + ACCESS_KEY)),
    "a line end": (Cause.WRONG_KEY, lambda s3: replace(s3, secret_key=SECRET_KEY + "\n")),
    "no such ca": (Cause.TLS, lambda s3: replace(s3, ca="/absent/ca.pem")),
}


@pytest.mark.parametrize("case", MISSHAPEN)
def test_settings_that_cannot_be_sent(store: FakeStore, case: str) -> None:
    """Settings that no store could be asked with are refused before anything is sent."""
    cause, change = MISSHAPEN[case]

    result = probe(change(target(store.endpoint)), create_bucket=False)

    assert_failed(result, "put", cause)
    assert SECRET_KEY not in message(result)
    assert store.seen == []


def test_bucket_in_the_host_name() -> None:
    """Without path style the bucket is part of the host name, so that is what must resolve."""
    endpoint = "http://store.invalid:9000"

    result = probe(replace(target(endpoint), path_style=False), create_bucket=False)

    assert_failed(result, "put", Cause.DNS)
    assert '"blocks.store.invalid"' in result.detail
