"""What the endpoints of the charms are called, and which there are."""

from __future__ import annotations

import pytest

from rolecall.core import endpoints
from rolecall.core.charm import Purpose, Side
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS

every_product = pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        (
            "loki",
            {
                "loki-cluster": "rolecall_cluster",
                "loki-peers": "rolecall_peers",
                "s3": "s3",
                "certificates": "tls-certificates",
                "ingress": "ingress",
                "self-metrics-endpoint": "prometheus_scrape",
                "grafana-source": "grafana_datasource",
                "catalogue": "catalogue",
                "logging": "loki_push_api",
            },
        ),
        (
            "mimir",
            {
                "mimir-cluster": "rolecall_cluster",
                "mimir-peers": "rolecall_peers",
                "s3": "s3",
                "certificates": "tls-certificates",
                "ingress": "ingress",
                "self-metrics-endpoint": "prometheus_scrape",
                "grafana-source": "grafana_datasource",
                "catalogue": "catalogue",
                "receive-remote-write": "prometheus_remote_write",
            },
        ),
        (
            "tempo",
            {
                "tempo-cluster": "rolecall_cluster",
                "peers": "rolecall_peers",
                "s3": "s3",
                "certificates": "tls-certificates",
                "ingress": "traefik_route",
                "metrics-endpoint": "prometheus_scrape",
                "grafana-source": "grafana_datasource",
                "catalogue": "catalogue",
                "tracing": "tracing",
            },
        ),
        (
            "pyroscope",
            {
                "pyroscope-cluster": "rolecall_cluster",
                "peers": "rolecall_peers",
                "s3": "s3",
                "certificates": "tls-certificates",
                "ingress": "traefik_route",
                "metrics-endpoint": "prometheus_scrape",
                "grafana-source": "grafana_datasource",
                "catalogue": "catalogue",
                "profiling": "profiling",
            },
        ),
    ],
)
def test_names_are_those_that_bundles_know(product: str, expected: dict[str, str]):
    found = endpoints.coordinator_endpoints(PRODUCTS[product])

    assert {one.name: one.interface for one in found} == expected


@pytest.mark.parametrize(
    ("product", "names"),
    [
        ("loki", "alertmanager charm-tracing logging-consumer receive-remote-write send-datasource"),
        ("mimir", "alertmanager grafana-dashboards-provider prometheus-api workload-tracing service-mesh"),
        ("tempo", "istio-ingress probes receive-datasource self-charm-tracing send-remote-write tempo-api"),
        ("pyroscope", "charm-tracing grafana-dashboard logging send-datasource workload-tracing"),
    ],
)
def test_what_is_not_built_is_known_all_the_same(product: str, names: str):
    found = {one.name for one in endpoints.known_endpoints(PRODUCTS[product]) if not one.built}

    assert set(names.split()) <= found


def test_a_mesh_is_not_known_where_there_is_none():
    known = {one.purpose for one in endpoints.known_endpoints(PRODUCTS["pyroscope"])}

    assert not known & {Purpose.MESH, Purpose.MESH_ABROAD, Purpose.MESH_FOR_OTHERS}


@every_product
def test_names_are_used_once_and_every_endpoint_has_an_interface(product: Product):
    found = endpoints.known_endpoints(product)

    assert len({one.name for one in found}) == len(found)
    assert all(one.interface for one in found)
    assert not any("{" in one.summary for one in found)


@every_product
def test_coordinator_and_worker_meet(product: Product):
    (worker,) = endpoints.worker_endpoints(product)
    coordinator = endpoints.endpoint(product, "cluster")

    assert (worker.name, worker.interface) == (coordinator.name, coordinator.interface)
    assert (worker.side, coordinator.side) == (Side.REQUIRES, Side.PROVIDES)
    assert not worker.optional
    assert worker.limit == 1


def test_an_endpoint_that_the_charm_lacks_is_not_found():
    with pytest.raises(KeyError):
        endpoints.endpoint(PRODUCTS["loki"], "alerting")
