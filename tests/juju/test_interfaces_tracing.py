"""The `tracing` payloads against the library that other charms speak it by, on the other side each time."""

from __future__ import annotations

from collections.abc import Mapping

import ops
import pytest
from charmlibs.interfaces.tracing import TracingEndpointProvider, TracingEndpointRequirer
from ops import testing

from rolecall.core.payloads import Facts, tracing
from rolecall.core.payloads.facts import base_urls
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS

# The library still asks pydantic as its first version was asked; nothing of ours uses pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")

_ENDPOINT = {"interface": "tracing", "limit": 1}
_PROTOCOLS = ("zipkin", "otlp_grpc", "otlp_http", "jaeger_grpc", "jaeger_thrift_http")


class Sender(ops.CharmBase):
    """A charm that sends traces by every protocol that the library knows."""

    found: Mapping[str, str | None] = {}

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._tracing = TracingEndpointRequirer(self, "tracing", protocols=list(_PROTOCOLS))
        framework.observe(self.on.update_status, self._on_event)

    def _on_event(self, _: ops.EventBase) -> None:
        Sender.found = {one: self._tracing.get_endpoint(one) for one in _PROTOCOLS}


class Taker(ops.CharmBase):
    """A charm that takes in what is asked for."""

    asked: frozenset[str] = frozenset()

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._tracing = TracingEndpointProvider(self, relation_name="tracing")
        framework.observe(self.on.update_status, self._on_event)

    def _on_event(self, _: ops.EventBase) -> None:
        Taker.asked = frozenset(str(one) for one in self._tracing.requested_protocols())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        self._tracing.publish_receivers(
            [
                ("otlp_http", "http://other:4318"),
                ("otlp_grpc", "other:4317"),
                ("jaeger_thrift_http", "http://other:1"),
            ]
        )


def _facts(product: Product, *, tls: bool = False) -> Facts:
    ports = {listener.name: listener.number for listener in product.listeners}
    return Facts(
        product=product,
        model="prod",
        model_uuid="uuid",
        app=product.name,
        unit=f"{product.name}/0",
        charm=product.name,
        host="host",
        address="10.1.0.1",
        ports=ports,
        urls=base_urls(ports, "tempo.prod.svc", tls=tls),
        tls=tls,
    )


def _run(charm: type[ops.CharmBase], side: str, said: Mapping[str, str]) -> Mapping[str, str]:
    """Run a charm of the other side, and return what it says to what is said."""
    context = testing.Context(charm, meta={"name": "other", side: {"tracing": _ENDPOINT}})
    relation = testing.Relation("tracing", remote_app_name="tempo", remote_app_data=dict(said))
    out = context.run(context.on.update_status(), testing.State(leader=True, relations={relation}))
    return out.get_relation(relation.id).local_app_data


@pytest.mark.parametrize("tls", [False, True])
def test_senders_find_every_receiver(tls: bool) -> None:
    """All five are open; the library gives a sender each one's address."""
    _run(Sender, "requires", tracing.bags(_facts(PRODUCTS["tempo"], tls=tls)).app)

    scheme = "https" if tls else "http"
    assert Sender.found == {
        "zipkin": f"{scheme}://tempo.prod.svc:9411",
        "otlp_grpc": "tempo.prod.svc:4317",
        "otlp_http": f"{scheme}://tempo.prod.svc:4318",
        "jaeger_grpc": "tempo.prod.svc:14250",
        "jaeger_thrift_http": f"{scheme}://tempo.prod.svc:14268",
    }


def test_what_senders_ask_for_is_read() -> None:
    """The library asks by the names that our listeners have."""
    context = testing.Context(Sender, meta={"name": "app", "requires": {"tracing": _ENDPOINT}})
    relation = testing.Relation("tracing", remote_app_name="tempo")
    out = context.run(context.on.relation_created(relation), testing.State(leader=True, relations={relation}))

    asked = tracing.asked({"app": out.get_relation(relation.id).local_app_data})

    known = {listener.protocol for listener in PRODUCTS["tempo"].listeners if listener.protocol}
    assert asked.refused == ()
    assert set(asked.value) == set(_PROTOCOLS) == known


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=lambda product: product.name)
def test_takers_understand_what_a_product_asks_for(product: Product) -> None:
    """And what they answer with is read back as what the product's processes send to."""
    answered = _run(Taker, "provides", tracing.requested(_facts(product)).app)

    heard = tracing.read(answered)

    assert Taker.asked == ({"jaeger_thrift_http"} if "{jaeger}" in str(product.tracing) else {"otlp_http"})
    assert heard.refused == ()
    assert heard.value["otlp_grpc"] == "other:4317"
    assert tracing.destinations(heard.value) == ("http://other:4318", "http://other:1/api/traces")
