"""`alertmanager_dispatch`: where alerts are sent.

No schema is published. Provider, unit: `url`; older ones `public_address` (host and port) and `scheme`.
"""

from __future__ import annotations

from collections.abc import Mapping

from rolecall.core.payloads.facts import Heard, is_url


def read(units: Mapping[str, Mapping[str, str]]) -> Heard[tuple[str, ...]]:
    """Read the different addresses of Alertmanagers, sorted, without a slash at the end."""
    found: set[str] = set()
    refused: list[str] = []
    for unit in sorted(units):
        bag = units[unit]
        if "url" in bag:
            key, url = "url", bag["url"]
        elif "public_address" in bag:
            key, url = "public_address", f"{bag.get('scheme') or 'http'}://{bag['public_address']}"
        else:
            continue
        if is_url(url):
            found.add(url.rstrip("/"))
        else:
            refused.append(f"{unit} {key}")
    return Heard(tuple(sorted(found)), tuple(refused))
