"""`tracing`, version 2: who sends traces names protocols, who takes them in answers with addresses.

https://github.com/canonical/charmlibs/tree/main/interfaces/tracing. Both sides use the key `receivers` of
their application's bag: a JSON list of names, and a JSON list of `{protocol: {name, type}, url}`. The
address of a gRPC receiver has no scheme.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from rolecall.core.bags import Bags
from rolecall.core.payloads.facts import Facts, Heard, as_json, bare, from_json, is_url
from rolecall.core.product import Product, Settings

OTLP_HTTP = "otlp_http"
JAEGER_HTTP = "jaeger_thrift_http"

_PLACES = {"{otlp}": OTLP_HTTP, "{jaeger}": JAEGER_HTTP}
"""What stands in a product's tracing variables, and the protocol that its processes then send by."""


class _Protocol(Struct, frozen=True):
    name: str
    type: Literal["http", "grpc"]


class _Receiver(Struct, frozen=True):
    protocol: _Protocol
    url: str


def bags(facts: Facts) -> Bags:
    """Build the answer to all who asked: every receiver that the gateway has open."""
    receivers = [
        _Receiver(
            _Protocol(listener.protocol, "grpc" if listener.grpc else "http"),
            bare(facts.urls[listener.name]) if listener.grpc else facts.urls[listener.name],
        )
        for listener in facts.product.listeners
        if listener.protocol and listener.name in facts.urls
    ]
    return Bags(app={"receivers": as_json(sorted(receivers, key=lambda one: one.protocol.name))})


def asked(apps: Mapping[str, Mapping[str, str]]) -> Heard[tuple[str, ...]]:
    """Read which protocols any application asks for, sorted; `apps` is from a name to its bag."""
    names: set[str] = set()
    refused: list[str] = []
    for app in sorted(apps):
        text = apps[app].get("receivers")
        if text is None:
            continue
        wanted = from_json(text, list[str])
        if wanted is None:
            refused.append(f"{app} receivers")
        else:
            names.update(wanted)
    return Heard(tuple(sorted(names)), tuple(refused))


def opened(product: Product, settings: Settings, protocols: Iterable[str]) -> tuple[str, ...]:
    """List the gateway's listeners that are to be open: by nature, by settings, or because somebody asks."""
    asked_for = frozenset(protocols)
    by_settings = frozenset(listener.name for listener in product.opened(settings))
    return tuple(
        listener.name
        for listener in product.listeners
        if listener.name in by_settings or (listener.protocol and listener.protocol in asked_for)
    )


def requested(facts: Facts) -> Bags:
    """Ask for the protocols that the product's processes send their own traces by."""
    templates = " ".join(facts.product.tracing.values())
    protocols = sorted(protocol for place, protocol in _PLACES.items() if place in templates)
    return Bags(app={"receivers": as_json(protocols)}) if protocols else Bags()


def read(app: Mapping[str, str]) -> Heard[Mapping[str, str]]:
    """Read where each protocol is taken in: its name to the base URL, for gRPC to host and port."""
    text = app.get("receivers")
    if text is None:
        return Heard({})
    receivers = from_json(text, list[_Receiver])
    if receivers is None:
        return Heard({}, ("receivers",))
    sound = {one.protocol.name: one.url.rstrip("/") for one in receivers if _sound(one)}
    refused = tuple(f"receivers {one.protocol.name}" for one in receivers if not _sound(one))
    return Heard(dict(sorted(sound.items())), refused)


def destinations(urls: Mapping[str, str]) -> tuple[str, str]:
    """Return what `Telemetry` calls `traces` and `jaeger_traces`, each empty where it isn't taken in."""
    jaeger = urls.get(JAEGER_HTTP, "")
    return urls.get(OTLP_HTTP, ""), f"{jaeger}/api/traces" if jaeger else ""


def _sound(receiver: _Receiver) -> bool:
    if receiver.protocol.type == "grpc":
        return _HOST_AND_PORT.fullmatch(receiver.url) is not None
    return is_url(receiver.url)


_HOST_AND_PORT = re.compile(r"[A-Za-z0-9._%:\[\]-]+:[0-9]+")
