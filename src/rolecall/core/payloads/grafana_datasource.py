"""`grafana_datasource`: how Grafana reads this product, and what it calls it.

https://github.com/canonical/charmlibs/tree/main/interfaces/grafana_datasource. Provider, application:
`grafana_source_data`. The address comes in one of two ways. A Grafana of late 2026 takes
`grafana_source_app_host` from the application's bag, makes one data source of it whatever the number of
units, and answers with `app_datasource_uid`. An older one knows only `grafana_source_host` in units' bags,
makes a data source for each, and puts the unit's number in its uid: it gets one unit, always the first, so
that dashboards survive a change of leader.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from rolecall.core.bags import Bags
from rolecall.core.payloads.facts import Facts, Heard, as_json, from_json, is_url


class Shown(Struct, frozen=True, kw_only=True):
    """What one Grafana calls us."""

    grafana: str = ""
    """The uid of that Grafana."""
    uid: str = ""
    """The uid of our data source in it."""
    url: str = ""
    """Where people reach that Grafana."""


def bags(facts: Facts, theirs: Mapping[str, str]) -> Bags:
    """Build the data source; `theirs` is what Grafana's application says."""
    source = facts.product.datasource
    if source is None:
        return Bags()
    url = f"{facts.url}{source.path}"
    data = {
        "model": facts.model,
        "model_uuid": facts.model_uuid,
        "application": facts.app,
        "type": source.type,
        "extra_fields": source.data(facts.datasources),
        "secure_extra_fields": {},
    }
    app = {"grafana_source_app_host": url, "grafana_source_data": as_json(data)}
    knows_units_only = "grafana_uid" in theirs and "app_datasource_uid" not in theirs
    unit = {"grafana_source_host": url} if knows_units_only and facts.unit == facts.first_unit else {}
    return Bags(app=app, unit=unit)


def read(app: Mapping[str, str]) -> Heard[Shown]:
    """Read what Grafana calls our data source."""
    refused: list[str] = []
    uid = app.get("app_datasource_uid", "")
    text = app.get("datasource_uids")
    if not uid and text is not None:
        by_unit = from_json(text, dict[str, str])
        if by_unit is None:
            refused.append("datasource_uids")
        uid = next((by_unit[unit] for unit in sorted(by_unit)), "") if by_unit else ""
    url = app.get("grafana_base_url", "")
    if url and not is_url(url):
        refused.append("grafana_base_url")
        url = ""
    shown = Shown(grafana=app.get("grafana_uid", ""), uid=uid, url=url)
    return Heard(shown, tuple(refused))
