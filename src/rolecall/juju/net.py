"""Ask processes over HTTP from inside a charm: readiness, ring pages, lifecycle calls.

This is a seam: a test gives a charm another `Net`.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from typing import Protocol

from rolecall.core.routes import Answer

ANSWER_S = 2.0
"""How long a process may take to answer: a hook that waits longer keeps every other event waiting."""


class Net(Protocol):
    """What a charm asks of the network."""

    def ask(
        self, url: str, *, method: str = "GET", timeout_s: float = ANSWER_S, request: Request | None = None
    ) -> Answer:
        """Make one request; a connection that fails is an answer with status 0."""
        ...

    def tell(self, address: str, port: int, packet: bytes) -> None:
        """Send bytes to a process that reads them to their end and answers nothing; it may be away."""
        ...

    def own_name(self) -> str:
        """Return the fully qualified name of this machine."""
        ...

    def pause(self, seconds: float) -> None:
        """Let time pass, between two looks at something that ends soon."""
        ...

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        ...


class Request:
    """What a request carries beside its address."""

    def __init__(self, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> None:
        """Wrap headers and body."""
        self.headers = headers
        self.body = body


class HttpNet:
    """The real network."""

    def ask(
        self, url: str, *, method: str = "GET", timeout_s: float = ANSWER_S, request: Request | None = None
    ) -> Answer:
        """Make one request; a connection that fails is an answer with status 0."""
        sent = request or Request()
        prepared = urllib.request.Request(url, method=method, data=sent.body or None)  # noqa: S310 - our URLs
        prepared.add_header("Accept", "application/json")
        for name, value in sent.headers:
            prepared.add_header(name, value)
        try:
            with _opener(url).open(prepared, timeout=timeout_s) as response:
                return Answer(response.status, response.read().decode(errors="replace"))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, type(error).__name__)

    def tell(self, address: str, port: int, packet: bytes) -> None:
        """Send bytes to a process that reads them to their end and answers nothing; it may be away."""
        # Only a drain needs it.
        from rolecall import packets

        packets.tell(address, port, packet, ANSWER_S)

    def own_name(self) -> str:
        """Return the fully qualified name of this machine."""
        return socket.getfqdn()

    def pause(self, seconds: float) -> None:
        """Let time pass, between two looks at something that ends soon."""
        time.sleep(seconds)

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time()


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Open without the proxies of the environment: units are reached directly.

    The gateway is asked by the address of this very unit, which no certificate has to name. So no
    authority is looked up: to load those of the machine would take 30 ms.
    """
    opener = urllib.request.OpenerDirector()
    if url.startswith("https:"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        opener.add_handler(urllib.request.HTTPSHandler(context=context))
    else:
        opener.add_handler(urllib.request.HTTPHandler())
    for kind in _AFTER:
        opener.add_handler(kind())
    return opener


_AFTER = (
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.UnknownHandler,
)
"""What is done with an answer."""


def unit_name(net: Net, app: str, unit: str, model: str) -> str:
    """Return the name by which other units find this one, also after its pod has moved.

    A StatefulSet's pod is called `<app>-<number>` and found below the headless service
    `<app>-endpoints` (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-network-id).
    """
    pod = unit.replace("/", "-")
    own = net.own_name()
    return own if own.startswith(f"{pod}.") else f"{pod}.{app}-endpoints.{model}.svc.cluster.local"
