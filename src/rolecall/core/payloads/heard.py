"""How the texts of others are read: what can't be read is left out and named, the rest is used."""

from __future__ import annotations

from collections.abc import Mapping

from rolecall.core.model import Problem, Severity
from rolecall.core.payloads.facts import Heard, from_json, is_url


def endpoints(units: Mapping[str, Mapping[str, str]], key: str) -> Heard[tuple[str, ...]]:
    """Read `url` from the JSON mapping that each unit has under `key`; different ones, sorted."""
    found: set[str] = set()
    refused: list[str] = []
    for unit in sorted(units):
        text = units[unit].get(key)
        if text is None:
            continue
        url = (from_json(text, dict[str, object]) or {}).get("url")
        if isinstance(url, str) and is_url(url):
            found.add(url)
        else:
            refused.append(f"{unit} {key}")
    return Heard(tuple(sorted(found)), tuple(refused))


def problems(endpoint: str, refused: tuple[str, ...]) -> tuple[Problem, ...]:
    """Name what could not be read at an endpoint."""
    if not refused:
        return ()
    keys = ", ".join(refused)
    problem = Problem(
        code="unreadable-integration",
        text=f'cannot read what the integration "{endpoint}" says: {keys} is not as it should be',
        remedy="the rest of it is used; refresh the application on the other side",
        severity=Severity.WARNING,
        facts=(("endpoint", endpoint), ("keys", keys)),
    )
    return (problem,)
