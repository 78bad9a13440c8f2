"""Ask the units' own processes, over HTTP: ready, ring pages, lifecycle calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import httpx2

from rolecall.core.routes import Answer

_ANSWER_S = 3.0


class Asker:
    """One HTTP client for all units of a command."""

    def __init__(self) -> None:
        """Open the client; proxies and credentials of the user's environment are not for loopback."""
        self._client = httpx2.Client(timeout=_ANSWER_S, trust_env=False)

    def __enter__(self) -> Asker:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        self._client.close()

    def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        timeout_s: float = _ANSWER_S,
    ) -> Answer:
        """Make one request; one that fails has status 0."""
        sent = {"Accept": "application/json", **dict(headers)}
        try:
            response = self._client.request(
                method, url, timeout=timeout_s, headers=sent, content=body or None
            )
        except httpx2.HTTPError as error:
            return Answer(0, type(error).__name__)
        return Answer(response.status_code, response.text)

    def ready(self, urls: Iterable[str]) -> Mapping[str, Answer]:
        """Ask several addresses at once."""
        wanted = tuple(dict.fromkeys(urls))
        if not wanted:
            return {}
        with ThreadPoolExecutor(max_workers=min(16, len(wanted))) as pool:
            return dict(zip(wanted, pool.map(self.ask, wanted), strict=True))
