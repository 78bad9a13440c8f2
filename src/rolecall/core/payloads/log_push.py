"""`loki_push_api`: log lines, pushed to every address that the provider's units name.

No schema is published. Provider, unit: `endpoint`, JSON with `url`. Requirer, application: `metadata` (Juju's
names) and `alert_rules`. Senders take the same address from several units for one; they send everything
once to each different one.
"""

from __future__ import annotations

from collections.abc import Mapping

from rolecall.core.bags import Bags
from rolecall.core.payloads.facts import Facts, Heard, as_json
from rolecall.core.payloads.heard import endpoints
from rolecall.core.signals import Signal


def bags(facts: Facts) -> Bags:
    """Build what those are told that push their logs here."""
    url = facts.intake(Signal.LOGS)
    return Bags(unit={"endpoint": as_json({"url": url})}) if url else Bags()


def requested(facts: Facts) -> Bags:
    """Build what is told to who takes our logs in."""
    return Bags(app={"alert_rules": as_json(facts.log_rules), "metadata": as_json(facts.topology())})


def read(units: Mapping[str, Mapping[str, str]]) -> Heard[tuple[str, ...]]:
    """Read the different addresses that take logs in, sorted."""
    return endpoints(units, "endpoint")
