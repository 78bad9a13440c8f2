"""A cluster's gateway as a client sees it."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

import httpx2

from rolecall.core.routes import Answer, Call


class UnreachedError(Exception):
    """No connection was made: the request was surely not served."""


class BrokenError(Exception):
    """The connection broke or timed out before the whole answer came: perhaps the request was served."""


class Door(Protocol):
    """What takes one request to a gateway."""

    def send(self, call: Call, tenant: str) -> Answer:
        """Send a request for a tenant; empty: for nobody in particular.

        Raises:
            UnreachedError: nobody was there.
            BrokenError: no whole answer came.
        """
        ...


class HttpDoor:
    """A gateway by HTTP; each request has a connection of its own.

    A gateway that reloads closes the kept connections that are idle, and a client that sends into one of
    them cannot tell whether it was served (RFC 9112, section 9.5): that is no fault of the cluster.
    """

    def __init__(self, urls: Mapping[str, str], *, timeout_s: float = 15.0) -> None:
        """Open it; `urls` maps each listener of the gateway to its base, such as `http://10.0.0.1:80`."""
        self._urls = dict(urls)
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._client = httpx2.Client(trust_env=False, timeout=timeout_s, limits=limits)

    def __enter__(self) -> HttpDoor:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._client.close()

    def send(self, call: Call, tenant: str) -> Answer:
        """Send a request; see `Door`. A call that names no listener goes to the first."""
        base = self._urls[call.listener] if call.listener else next(iter(self._urls.values()))
        headers = {**dict(call.headers), **({"X-Scope-OrgID": tenant} if tenant else {})}
        try:
            answer = self._client.request(
                call.method, f"{base}{call.path}", headers=headers, content=call.body or None
            )
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise UnreachedError(type(error).__name__) from error
        except httpx2.HTTPError as error:
            raise BrokenError(type(error).__name__) from error
        return Answer(answer.status_code, answer.text)
