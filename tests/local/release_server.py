"""A real HTTP server on loopback that mimics a project's release, its bad days included."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class ReleaseServer:
    """What is served, and what was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    redirects: dict[str, str] = field(default_factory=dict[str, str])
    truncated: set[str] = field(default_factory=set[str])
    """Paths whose announced length is longer than the body."""
    dripping: set[str] = field(default_factory=set[str])
    """Paths that send one byte now and then and never end."""
    requested: list[str] = field(default_factory=list[str])
    closed: threading.Event = field(default_factory=threading.Event)


class _Handler(http.server.BaseHTTPRequestHandler):
    release: ReleaseServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name upstream)
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer as the release says."""
        self.release.requested.append(self.path)
        if self.path in self.release.redirects:
            self._answer(302, b"", {"Location": self.release.redirects[self.path]})
        elif self.path in self.release.dripping:
            self._drip()
        elif self.path in self.release.files:
            body = self.release.files[self.path]
            more = 1000 if self.path in self.release.truncated else 0
            self._answer(200, body, {"Content-Length": str(len(body) + more)})
        else:
            self._answer(404, b"Not Found", {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not self.release.closed.wait(0.02):
                self.wfile.write(b".")
        except OSError:
            return


@contextmanager
def serving() -> Generator[ReleaseServer]:
    """Serve until the block ends."""
    release = ReleaseServer()
    handler = type("Handler", (_Handler,), {"release": release})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    release.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield release
    finally:
        release.closed.set()
        server.shutdown()
        server.server_close()
        thread.join()


def quiet(text: str) -> None:
    """Show no progress."""


@contextmanager
def silence() -> Generator[str]:
    """Yield the address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def nobody() -> Generator[str]:
    """Yield an address where nothing listens."""
    with socket.socket() as bound:
        # Bound but not listening: connections are refused, and no other process takes the port.
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
