"""The frames that the stage's clients and its daemon exchange over a unix socket.

A frame is a 4-byte length, then that many bytes; a message is fields that NUL separates. The hook tool
and the command keep their own copies of the sending side, since they import next to nothing.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from pathlib import Path

Answer = tuple[int, str, str]
"""An exit code, what goes to standard output, and what goes to standard error."""

_LENGTH = struct.Struct(">I")


def receive(connection: socket.socket) -> list[str] | None:
    """Read a message; None if the other side has hung up."""
    header = _exactly(connection, _LENGTH.size)
    if header is None:
        return None
    body = _exactly(connection, _LENGTH.unpack(header)[0])
    return None if body is None else body.decode("utf-8", "surrogateescape").split("\0")


def send(connection: socket.socket, fields: list[str]) -> None:
    """Write a message."""
    body = "\0".join(fields).encode("utf-8", "surrogateescape")
    connection.sendall(_LENGTH.pack(len(body)) + body)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class Server:
    """Answers each message that comes over a unix socket, every connection in a thread of its own."""

    def __init__(self, path: Path, answer: Callable[[list[str]], Answer]) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                fields = receive(self.request)
                if fields is not None:
                    code, out, err = answer(fields)
                    send(self.request, [str(code), out, err])

        class Listener(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """Say nothing of a client that went away before its answer."""

        path.unlink(missing_ok=True)
        self._listener = Listener(str(path), Handler)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.1,), name=f"serve {path.name}"
        )

    def start(self) -> None:
        """Serve in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; connections that are being answered end by themselves."""
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()
