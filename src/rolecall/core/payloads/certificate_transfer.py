"""`certificate_transfer`: certificates of authorities that others ask us to trust.

https://github.com/canonical/charmlibs/tree/main/interfaces/certificate_transfer. Version 1, provider's
application: `certificates`, a JSON list of PEM texts. Version 0, provider's unit: `ca`, `certificate` and
the JSON list `chain`; only the authorities of it are wanted here.
"""

from __future__ import annotations

from collections.abc import Mapping

from rolecall.core.bags import Bags
from rolecall.core.payloads.facts import Facts, Heard, from_json
from rolecall.core.payloads.pem import certificates


def requested(_: Facts) -> Bags:
    """Say which version we speak; a provider of the older one doesn't look."""
    return Bags(app={"version": "1"})


def read(app: Mapping[str, str], units: Mapping[str, Mapping[str, str]]) -> Heard[tuple[str, ...]]:
    """Read the different certificates, sorted."""
    found: set[str] = set()
    refused: list[str] = []
    for place, text, listed in _texts(app, units):
        parts = from_json(text, list[str]) if listed else [text]
        read_here = [one for part in parts or () for one in certificates(part)]
        if parts is None or (parts and not read_here):
            refused.append(place)
        found.update(read_here)
    return Heard(tuple(sorted(found)), tuple(refused))


def _texts(
    app: Mapping[str, str], units: Mapping[str, Mapping[str, str]]
) -> tuple[tuple[str, str, bool], ...]:
    """List (place, text, whether it is a JSON list) of whatever may hold certificates."""
    texts = [("certificates", app["certificates"], True)] if "certificates" in app else []
    for unit in sorted(units):
        bag = units[unit]
        texts += [(f"{unit} {key}", bag[key], key == "chain") for key in ("ca", "chain") if key in bag]
    return tuple(texts)
