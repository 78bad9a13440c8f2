"""Tell Grafana of clusters: data sources, linked to each other, as a provisioning file.

https://grafana.com/docs/grafana/latest/administration/provisioning/#data-sources
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from rolecall.core import identity
from rolecall.core.product import Product
from rolecall.core.signals import Signal
from rolecall.core.tree import Tree


class Shown(Struct, frozen=True, kw_only=True):
    """One cluster that Grafana is to show."""

    name: str
    product: Product
    url: str
    """Its gateway's main address."""

    @property
    def uid(self) -> str:
        """How the others refer to it."""
        return f"rolecall-{self.name}"


def datasources(clusters: Iterable[Shown]) -> str:
    """Render a data source for each cluster; the first of each kind is what the others link to."""
    chosen = tuple(one for one in clusters if one.product.datasource is not None)
    uids: dict[Signal, str] = {}
    for one in chosen:
        for intake in one.product.intakes[:1]:
            uids.setdefault(intake.signal, one.uid)
    return identity.dump({"apiVersion": 1, "datasources": [_datasource(one, uids) for one in chosen]})


def _datasource(shown: Shown, uids: dict[Signal, str]) -> Tree:
    source = shown.product.datasource
    if source is None:
        raise ValueError(f"{shown.product.name} is not for Grafana")
    return {
        "name": f"{shown.product.title} ({shown.name})",
        "uid": shown.uid,
        "type": source.type,
        "access": "proxy",
        "url": f"{shown.url}{source.path}",
        "jsonData": source.data(uids),
    }
