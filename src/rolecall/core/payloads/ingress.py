"""`ingress`, version 2: one HTTP listener of an application, seen from outside at a URL with a path.

https://github.com/canonical/charmlibs/tree/main/interfaces/ingress. Requirer, application: `model`, `name`,
`port`, and beyond the schema `scheme` and `strip-prefix`; unit: `host`, and beyond the schema `ip`; all as
JSON. Provider, application: `ingress`, JSON with `url`. Only the main listener can go through it.
"""

from __future__ import annotations

from collections.abc import Mapping

from rolecall.core.bags import Bags
from rolecall.core.payloads.facts import Facts, Heard, as_json, from_json, is_url


def requested(facts: Facts) -> Bags:
    """Ask for a URL of the gateway's main listener."""
    app = {
        "model": facts.model,
        "name": facts.app,
        "port": facts.ports[facts.main],
        "scheme": facts.scheme,
        "strip-prefix": True,
    }
    unit = {"host": facts.host, **({"ip": facts.address} if facts.address else {})}
    return Bags(
        app={key: as_json(value) for key, value in app.items()},
        unit={key: as_json(value) for key, value in unit.items()},
    )


def read(app: Mapping[str, str]) -> Heard[str]:
    """Read the URL, without a slash at the end; empty while there is none."""
    text = app.get("ingress")
    if text is None:
        return Heard("")
    url = (from_json(text, dict[str, object]) or {}).get("url")
    if isinstance(url, str) and is_url(url):
        return Heard(url.rstrip("/"))
    return Heard("", ("ingress",))
