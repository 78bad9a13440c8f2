"""Send bytes to a process that reads them to their end and answers nothing."""

from __future__ import annotations

import socket
from contextlib import suppress


def tell(address: str, port: int, packet: bytes, timeout_s: float) -> None:
    """Send a packet; a process that can't be told doesn't know it, and no harm is done."""
    with suppress(OSError), socket.create_connection((address, port), timeout=timeout_s) as connection:
        connection.sendall(packet)
        connection.shutdown(socket.SHUT_WR)
        # It hangs up when it has read all of it.
        connection.recv(1)
