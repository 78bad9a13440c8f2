"""A real nginx in front of small servers that say what reached them."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from rolecall.core.gateway import Gateway, Options, Server, build
from rolecall.core.nginx import Dialect, Paths, render
from rolecall.core.product import Product
from rolecall.core.routes import Port

LIMIT_S = 15
CREDENTIALS = {"Authorization": "Basic " + base64.b64encode(b"admin:secret").decode()}


def find_nginx() -> Path | None:
    """Return an nginx that is at hand, without fetching one."""
    cached = sorted((Path.home() / ".cache" / "rolecall").glob("nginx-*/usr/sbin/nginx"), key=_number)
    candidates = (os.environ.get("ROLECALL_NGINX"), shutil.which("nginx"), "/usr/sbin/nginx", *cached[-1:])
    return next((Path(one) for one in candidates if one and Path(one).is_file()), None)


def _number(path: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", path.parts[-4])))


def dialect_of(nginx: Path) -> Dialect:
    """Return the dialect of an executable."""
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    return Dialect.of(said.rpartition("/")[2])


@dataclass(frozen=True)
class Seen:
    """One request as a process got it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Unit:
    """A process that answers with its own name and remembers what it was asked."""

    id: str
    address: str
    port: int
    status: int = 200
    hangs_up: bool = False
    seen: list[Seen] = field(default_factory=list[Seen])
    server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Listen on the unit's address."""
        unit = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                unit.seen.append(Seen(self.command, self.path, headers, body))
                if unit.hangs_up:
                    self.close_connection = True
                    return
                text = json.dumps({"unit": unit.id, "status": unit.status}).encode()
                self.send_response(unit.status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else text)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Stay quiet."""

        self.server = ThreadingHTTPServer((self.address, self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening; a unit that is down may be stopped once more."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@dataclass(frozen=True)
class Answer:
    """What the client got."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        return json.loads(self.text)


@dataclass
class Site:
    """A running gateway and the units behind it."""

    port: int
    units: dict[str, Unit]
    tls: ssl.SSLContext | None = None

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request with the path exactly as it is given."""
        if self.tls:
            connection = HTTPSConnection("127.0.0.1", self.port, timeout=LIMIT_S, context=self.tls)
        else:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read().decode())
        finally:
            connection.close()

    def seen(self) -> list[tuple[str, Seen]]:
        """List what has reached any unit, as (unit, request)."""
        return [(unit.id, one) for unit in self.units.values() for one in unit.seen]

    def forget(self) -> None:
        """Start the units' memories afresh."""
        for unit in self.units.values():
            unit.seen.clear()


def free_port() -> int:
    """Return a port that nothing listens on at any loopback address of these tests."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a test wants to have running."""

    product: Product
    units: Mapping[str, int]
    """Role to how many units of it."""
    options: Options = field(default_factory=Options)
    down: tuple[str, ...] = ()
    """Units that the gateway believes in but that don't listen."""
    tls: ssl.SSLContext | None = None


@contextmanager
def running(nginx: Path, folder: Path, plan: Plan) -> Generator[Site]:
    """Run the units and a real nginx with the rendered configuration."""
    port, inner = free_port(), free_port()
    others = tuple(one for one in plan.product.ports if one.name != "http")
    product = replace(plan.product, ports=(Port(name="http", number=inner), *others))
    units = [
        Unit(id=f"{role}/{n}", address=f"127.77.{block}.{n + 1}", port=inner)
        for block, (role, count) in enumerate(plan.units.items())
        for n in range(count)
    ]
    servers = {
        role: tuple(Server(unit=u.id, address=u.address) for u in units if u.id.startswith(f"{role}/"))
        for role in plan.units
    }
    (folder / "admin").write_text("admin:{PLAIN}secret\n")
    (folder / "admin").chmod(0o600)
    options = replace(
        plan.options, ports={**plan.options.ports, "http": port}, admin_file=str(folder / "admin")
    )
    gateway = build(product, product.lines[0], servers=servers, deployed=frozenset(), options=options)
    with ExitStack() as stack:
        for unit in units:
            if unit.id not in plan.down:
                unit.start()
            stack.callback(unit.stop)
        stack.enter_context(serving(nginx, folder, gateway))
        yield Site(port=port, units={unit.id: unit for unit in units}, tls=plan.tls)


@contextmanager
def serving(nginx: Path, folder: Path, gateway: Gateway) -> Generator[None]:
    """Run nginx until the block ends."""
    user = "root" if os.geteuid() == 0 else ""
    text = render(gateway, dialect=dialect_of(nginx), paths=Paths(prefix=str(folder), user=user))
    with started(nginx, folder, text, gateway.endpoints[0].port):
        yield


@contextmanager
def started(nginx: Path, folder: Path, text: str, port: int) -> Generator[None]:
    """Run nginx with a text until the block ends; it must answer on the port."""
    file, log = folder / "nginx.conf", folder / "log"
    file.write_text(text)
    with log.open("wb") as stderr:
        process = subprocess.Popen([nginx, "-e", "stderr", "-p", folder, "-c", file], stderr=stderr)
        try:
            _await_port(process, port, log)
            yield
        finally:
            process.terminate()
            process.wait(LIMIT_S)


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return as soon as the port is open; fail when nginx ends or the limit is over."""
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"nginx ended: {log.read_text()}") from None
        else:
            return
    raise AssertionError(f"nginx does not listen: {log.read_text()}")
