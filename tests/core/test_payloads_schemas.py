"""The published schemas of the interfaces, restated: what a bag of ours must hold for others to read it.

https://github.com/canonical/charmlibs/tree/main/interfaces, the folder `interface` of each. Where none is
published, the keys that the interface's own library reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

import pytest
import yaml
from msgspec.structs import replace
from payload_samples import some_facts

from rolecall.core.charm import Side
from rolecall.core.endpoints import coordinator_endpoints
from rolecall.core.payloads import PROVIDED, REQUESTED, Bags, Facts
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.core.routes import Match
from rolecall.core.tree import Tree

ALL = pytest.mark.parametrize("product", PRODUCTS.values(), ids=lambda product: product.name)
TLS = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])

URL = re.compile(r"https?://[^/\s]+(/\S*)?")
HOST_AND_PORT = re.compile(r"[^/\s:]+:\d+")


def _of_json(bag: Mapping[str, str], key: str, kind: type[object]) -> object:
    value = cast("object", json.loads(bag[key]))
    assert isinstance(value, kind), f"{key} is {value!r}"
    return value


def _texts(tree: object, *keys: str) -> None:
    for key in keys:
        value = cast("Tree", tree)[key]
        assert isinstance(value, str), key
        assert value, key


@ALL
def test_every_interface_has_a_payload(product: Product) -> None:
    """Whatever relation of a charm is made, the other side hears something; three have means of their own."""
    own = {"rolecall_cluster", "rolecall_peers", "s3", "tls-certificates"}

    for endpoint in coordinator_endpoints(product):
        table = PROVIDED if endpoint.side is Side.PROVIDES else REQUESTED
        if endpoint.interface not in own:
            bags = table[endpoint.interface](some_facts(product), {})
            assert bags != Bags(), endpoint.name


@ALL
@TLS
def test_no_text_is_empty(product: Product, tls: bool) -> None:
    """Juju takes an empty text for a removal, and would say at each event that something has changed."""
    for payload in (*PROVIDED.values(), *REQUESTED.values()):
        bags = payload(some_facts(product, tls=tls), {})
        assert all((*bags.app.values(), *bags.unit.values()))


@ALL
@TLS
def test_grafana_datasource(product: Product, tls: bool) -> None:
    """`grafana_source_data` says where the source is from, and of which type; both extra fields are there."""
    bags = PROVIDED["grafana_datasource"](some_facts(product, tls=tls), {})

    data = cast("Tree", _of_json(bags.app, "grafana_source_data", dict))
    _texts(data, "model", "model_uuid", "application", "type")
    assert isinstance(data["extra_fields"], dict)
    assert isinstance(data["secure_extra_fields"], dict)
    assert URL.fullmatch(bags.app["grafana_source_app_host"])


@ALL
@TLS
def test_prometheus_scrape(product: Product, tls: bool) -> None:
    """Jobs have static targets and only keys that Prometheus' charm lets through; names are unique."""
    allowed = {"job_name", "metrics_path", "static_configs", "relabel_configs", "scheme"}

    bags = PROVIDED["prometheus_scrape"](some_facts(product, tls=tls), {})

    jobs = cast("list[Tree]", _of_json(bags.app, "scrape_jobs", list))
    for job in jobs:
        assert job.keys() <= allowed
        for static in cast("list[dict[str, list[str]]]", job["static_configs"]):
            assert all(HOST_AND_PORT.fullmatch(target) for target in static["targets"])
    assert len({cast("str", job["job_name"]) for job in jobs}) == len(jobs) == 4
    _texts(_of_json(bags.app, "scrape_metadata", dict), "model", "model_uuid", "application", "unit")
    assert cast("Tree", _of_json(bags.app, "alert_rules", dict))["groups"] == []
    _texts(bags.unit, "prometheus_scrape_unit_address", "prometheus_scrape_unit_name")


@ALL
def test_a_target_has_its_own_labels(product: Product) -> None:
    """Prometheus' charm labels what it scrapes as the coordinator's; the worker's own names win."""
    bags = PROVIDED["prometheus_scrape"](some_facts(product), {})

    jobs = cast("list[dict[str, list[dict[str, str]]]]", json.loads(bags.app["scrape_jobs"]))
    labels = [{one["target_label"]: one["replacement"] for one in job["relabel_configs"]} for job in jobs]
    own = {f"{product.name}/0", f"{product.name}/1", "worker/0", "worker/1"}
    assert {one["juju_unit"] for one in labels} == own
    assert all(
        one.keys() == {"juju_application", "juju_charm", "juju_model", "juju_model_uuid", "juju_unit"}
        for one in labels
    )


@TLS
def test_tracing(tls: bool) -> None:
    """Each receiver has a protocol with a name and a type, and a URL that has a scheme unless it is gRPC."""
    bags = PROVIDED["tracing"](some_facts(PRODUCTS["tempo"], tls=tls), {})

    receivers = cast("list[Tree]", _of_json(bags.app, "receivers", list))
    for receiver in receivers:
        protocol = cast("dict[str, str]", receiver["protocol"])
        _texts(protocol, "name", "type")
        form = {"http": URL, "grpc": HOST_AND_PORT}[protocol["type"]]
        assert form.fullmatch(cast("str", receiver["url"]))
    assert len(receivers) == 2


@ALL
def test_a_request_for_tracing_is_a_list_of_names(product: Product) -> None:
    """Only protocols that exist may be asked for."""
    bags = REQUESTED["tracing"](some_facts(product), {})

    known = {listener.protocol for listener in PRODUCTS["tempo"].listeners}
    assert set(cast("list[str]", _of_json(bags.app, "receivers", list))) <= known


@TLS
def test_profiling(tls: bool) -> None:
    """Host and port without a scheme, and whether there is no TLS."""
    bags = PROVIDED["profiling"](some_facts(PRODUCTS["pyroscope"], tls=tls), {})

    assert HOST_AND_PORT.fullmatch(cast("str", _of_json(bags.app, "otlp_grpc_endpoint_url", str)))
    assert _of_json(bags.app, "insecure", bool) is not tls


@pytest.mark.parametrize(
    ("product", "interface", "key"),
    [("loki", "loki_push_api", "endpoint"), ("mimir", "prometheus_remote_write", "remote_write")],
)
def test_intakes(product: str, interface: str, key: str) -> None:
    """Each unit names a URL, and it is one that the gateway lets everybody write to."""
    facts = some_facts(PRODUCTS[product])

    bags = PROVIDED[interface](facts, {})

    url = cast("dict[str, str]", _of_json(bags.unit, key, dict))["url"]
    assert _served(facts, url)


@ALL
@TLS
def test_ingress(product: Product, tls: bool) -> None:
    """Everything is JSON: names are texts, the port a number; the scheme is what the gateway speaks."""
    bags = REQUESTED["ingress"](some_facts(product, tls=tls), {})

    assert _of_json(bags.app, "model", str) == "prod"
    assert _of_json(bags.app, "name", str) == product.name
    assert _of_json(bags.app, "port", int) == product.listeners[0].number
    assert _of_json(bags.app, "scheme", str) == ("https" if tls else "http")
    assert _of_json(bags.unit, "host", str)


@ALL
@TLS
def test_traefik_route(product: Product, tls: bool) -> None:
    """Every router has an entry point that is asked for and a service that is there; gRPC is HTTP/2."""
    facts = replace(some_facts(product, tls=tls), ingress_scheme="https")

    bags = REQUESTED["traefik_route"](facts, {})

    http = cast("dict[str, dict[str, Tree]]", yaml.safe_load(bags.app["config"])["http"])
    points = cast("dict[str, dict[str, str]]", yaml.safe_load(bags.app["static"])["entryPoints"])
    assert len(http["routers"]) == len(points) == len(facts.ports)
    for router in http["routers"].values():
        assert set(cast("list[str]", router["entryPoints"])) <= points.keys()
        assert router["service"] in http["services"]
        assert set(cast("list[str]", router.get("middlewares", []))) <= http["middlewares"].keys()
    for listener in product.opened(facts.settings):
        service = http["services"][f"prod-{product.name}-{listener.name}"]
        servers = cast("dict[str, list[dict[str, str]]]", service["loadBalancer"])["servers"]
        plain = "h2c" if listener.grpc else "http"
        assert all(one["url"].startswith(f"{'https' if tls else plain}://") for one in servers)


@ALL
def test_catalogue(product: Product) -> None:
    """What people and programs are sent to is there: each address is one that the gateway answers at."""
    facts = some_facts(product)

    bags = REQUESTED["catalogue"](facts, {})

    _texts(bags.app, "name", "icon", "description", "api_docs")
    apis = cast("dict[str, str]", _of_json(bags.app, "api_endpoints", dict))
    assert apis
    for url in (*apis.values(), *((bags.app["url"],) if "url" in bags.app else ())):
        assert _served(facts, url)


def _served(facts: Facts, url: str) -> bool:
    """Say whether the gateway's main listener has a route for a URL."""
    path = url.removeprefix(facts.url)
    own = (one for one in facts.product.routes if (one.listener or facts.main) == facts.main)
    return path != url and any(
        path == one.path if one.match is Match.EXACT else path.startswith(one.path) for one in own
    )
