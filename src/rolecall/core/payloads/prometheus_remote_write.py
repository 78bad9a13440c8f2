"""`prometheus_remote_write`: series, written to every address that the provider's units name.

https://github.com/canonical/charmlibs/tree/main/interfaces/prometheus_remote_write. Provider, unit:
`remote_write`, JSON with `url`. Requirer, application: `alert_rules` and `scrape_metadata` (Juju's names).
"""

from __future__ import annotations

from collections.abc import Mapping

from rolecall.core.bags import Bags
from rolecall.core.payloads.facts import Facts, Heard, as_json
from rolecall.core.payloads.heard import endpoints
from rolecall.core.signals import Signal


def bags(facts: Facts) -> Bags:
    """Build what those are told that write their series here."""
    url = facts.intake(Signal.METRICS)
    return Bags(unit={"remote_write": as_json({"url": url})}) if url else Bags()


def requested(facts: Facts) -> Bags:
    """Build what is told to who takes our series in."""
    app = {"alert_rules": as_json(facts.alert_rules), "scrape_metadata": as_json(facts.topology())}
    return Bags(app=app)


def read(units: Mapping[str, Mapping[str, str]]) -> Heard[tuple[str, ...]]:
    """Read the different addresses that take series in, sorted."""
    return endpoints(units, "remote_write")
