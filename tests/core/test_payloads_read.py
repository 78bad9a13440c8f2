"""What is learnt from others: what can be read is used, what can't is left out and named."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from payload_samples import some_facts

from rolecall.core.model import Severity
from rolecall.core.payloads import (
    PROVIDED,
    REQUESTED,
    Heard,
    alertmanager_dispatch,
    certificate_transfer,
    grafana_datasource,
    ingress,
    log_push,
    prometheus_remote_write,
    s3,
    tracing,
    traefik_route,
)
from rolecall.core.payloads.certificate import Names, names
from rolecall.core.payloads.facts import bare, base_urls, service_host
from rolecall.core.payloads.heard import problems
from rolecall.core.payloads.pem import certificates
from rolecall.core.product import Settings
from rolecall.core.products import PRODUCTS

TEMPO = PRODUCTS["tempo"]
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\nAAAA\n-----END CERTIFICATE-----"
OTHER_PEM = PEM.replace("MIIB", "MIIC")
WHOLE = {
    "endpoint": "https://s3.example.com/",
    "bucket": "data",
    "access-key": "AK",
    "secret-key": "SK",
}

Units = Mapping[str, Mapping[str, str]]


# What the other side says well.


@pytest.mark.parametrize(
    ("read", "key"), [(log_push.read, "endpoint"), (prometheus_remote_write.read, "remote_write")]
)
def test_the_same_address_of_many_units_is_one(read: Callable[[Units], Heard[Any]], key: str) -> None:
    """Sending twice to one address would write everything twice."""
    bag = {key: '{"url": "http://gateway/push"}'}

    heard = read({"a/1": bag, "a/0": bag, "b/0": {key: '{"url": "http://another/push"}'}, "c/0": {}})

    assert heard == Heard(("http://another/push", "http://gateway/push"))


def test_a_bad_address_voids_nothing_else() -> None:
    """The unit that cannot be read is named, the other one is used."""
    units = {"a/0": {"endpoint": "{"}, "a/1": {"endpoint": '{"url": "http://x/push"}'}}

    assert log_push.read(units) == Heard(("http://x/push",), ("a/0 endpoint",))


def test_alertmanagers_are_read_in_both_versions() -> None:
    """Version 1 has a URL, version 0 an address and perhaps a scheme."""
    units = {
        "new/0": {"url": "https://alerts.example.com/prod-am/"},
        "old/0": {"public_address": "am-0:9093", "scheme": "https"},
        "old/1": {"public_address": "am-1:9093"},
        "mute/0": {"ingress-address": "10.1.0.1"},
    }

    heard = alertmanager_dispatch.read(units)

    assert heard == Heard(
        ("http://am-1:9093", "https://alerts.example.com/prod-am", "https://am-0:9093"),
    )


def test_an_ingress_url_has_no_slash_at_the_end() -> None:
    """Paths are put after it."""
    assert ingress.read({"ingress": '{"url": "http://example.com:80/prod-loki/"}'}) == Heard(
        "http://example.com:80/prod-loki"
    )
    assert ingress.read({}) == Heard("")


def test_traefik_gives_every_listener_a_url() -> None:
    """Each listener has the same port outside."""
    heard = traefik_route.read({"external_host": "example.com", "scheme": "https"})

    assert heard.value.urls({"http": 3200, "otlp-grpc": 4317}) == {
        "http": "https://example.com:3200",
        "otlp-grpc": "https://example.com:4317",
    }
    assert traefik_route.read({}).value.urls({"http": 3200}) == {}


def test_traefik_without_a_scheme_speaks_plain_text() -> None:
    """Its older charms said only the host."""
    assert traefik_route.read({"external_host": "10.0.0.1"}).value == traefik_route.Front(host="10.0.0.1")


def test_grafana_says_what_it_calls_us() -> None:
    """The application's uid counts; an older Grafana has one for each unit."""
    new = {"grafana_uid": "g", "app_datasource_uid": "u", "grafana_base_url": "http://grafana:3000"}
    old = {"grafana_uid": "g", "datasource_uids": '{"loki/1": "u1", "loki/0": "u0"}'}

    assert grafana_datasource.read(new).value == grafana_datasource.Shown(
        grafana="g", uid="u", url="http://grafana:3000"
    )
    assert grafana_datasource.read(old).value == grafana_datasource.Shown(grafana="g", uid="u0")


def test_certificates_are_read_in_both_versions() -> None:
    """Version 1 is a list of the application's, version 0 texts of its units; an end's own isn't wanted."""
    unit = {"certificate": OTHER_PEM, "ca": PEM, "chain": json.dumps([PEM, OTHER_PEM])}

    assert certificate_transfer.read({"certificates": json.dumps([PEM])}, {}) == Heard((PEM,))
    assert certificate_transfer.read({}, {"ca/0": unit}) == Heard((PEM, OTHER_PEM))
    assert certificate_transfer.read({}, {"ca/0": {"ca": "no PEM"}}) == Heard((), ("ca/0 ca",))


# Tracing.


def test_what_anybody_asks_for_is_opened() -> None:
    """OTLP is always open; another receiver is opened as soon as one application asks, and no other is."""
    asked = tracing.asked({"a": {"receivers": '["zipkin"]'}, "b": {"receivers": '["otlp_http", "kafka"]'}})

    opened = tracing.opened(TEMPO, Settings(), asked.value)

    assert asked == Heard(("kafka", "otlp_http", "zipkin"))
    assert opened == ("http", "otlp-grpc", "otlp-http", "streaming", "zipkin")


def test_what_settings_open_stays_open() -> None:
    """No integration is needed for a receiver that the administrator has opened."""
    settings = Settings(values={"receivers": ("jaeger-grpc",)})

    assert "jaeger-grpc" in tracing.opened(TEMPO, settings, ())
    assert "jaeger-grpc" not in tracing.opened(TEMPO, Settings(), ())


def test_one_bad_request_voids_no_other() -> None:
    """A list that can't be read is named with its application."""
    asked = tracing.asked({"a": {"receivers": "otlp_http"}, "b": {"receivers": '["zipkin"]'}})

    assert asked == Heard(("zipkin",), ("a receivers",))


def test_where_traces_go_is_read() -> None:
    """HTTP receivers have URLs, gRPC ones host and port; one that has the wrong kind is named."""
    receivers = [
        {"protocol": {"name": "otlp_http", "type": "http"}, "url": "http://tempo:4318/"},
        {"protocol": {"name": "otlp_grpc", "type": "grpc"}, "url": "tempo:4317"},
        {"protocol": {"name": "zipkin", "type": "http"}, "url": "tempo:9411"},
        {"protocol": {"name": "jaeger_thrift_http", "type": "http"}, "url": "http://tempo:14268"},
    ]

    heard = tracing.read({"receivers": json.dumps(receivers)})

    assert heard.refused == ("receivers zipkin",)
    assert heard.value["otlp_grpc"] == "tempo:4317"
    assert tracing.destinations(heard.value) == ("http://tempo:4318", "http://tempo:14268/api/traces")
    assert tracing.destinations({}) == ("", "")


# S3.


def test_a_whole_bucket_is_read() -> None:
    """Everything is there: no problem is, and the keys are where nothing prints them."""
    chain = json.dumps([PEM, base64.b64encode(OTHER_PEM.encode()).decode()])

    store = s3.read({**WHOLE, "region": "eu-1", "s3-uri-style": "host", "tls-ca-chain": chain})

    assert store.problems == ()
    assert store.s3 is not None
    assert (store.s3.endpoint, store.s3.bucket) == ("https://s3.example.com", "data")
    assert (store.s3.region, store.s3.path_style) == ("eu-1", False)
    assert store.authority == f"{PEM}\n{OTHER_PEM}\n"
    assert store.credentials is not None
    assert store.credentials.secret_key.reveal() == "SK"
    assert "SK" not in repr(store)


@pytest.mark.parametrize("missing", ["endpoint", "bucket", "access-key", "secret-key"])
def test_what_is_missing_is_named(missing: str) -> None:
    """The library calls keys alone enough; a product needs all four."""
    store = s3.read({key: text for key, text in WHOLE.items() if key != missing})

    assert store.s3 is None
    assert [problem.code for problem in store.problems] == ["s3-incomplete"]
    assert missing in store.problems[0].text


def test_a_provider_that_has_said_nothing_is_waited_for() -> None:
    """It is no fault: version 0 needs two rounds."""
    problems = s3.read({"version": "1"}).problems

    assert [(problem.code, problem.severity) for problem in problems] == [("s3-waiting", Severity.WAITING)]


@pytest.mark.parametrize("endpoint", ["s3.example.com", "ftp://s3", "https://", "http://a b"])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    """Whether TLS is spoken must not be guessed."""
    store = s3.read({**WHOLE, "endpoint": endpoint})

    assert store.s3 is None
    assert [problem.code for problem in store.problems] == ["s3-bad-endpoint"]


@pytest.mark.parametrize("key", ["bucket", "region"])
@pytest.mark.parametrize("name", ["a b", "a/b", "a\nb", "${SECRET}", "é"])
def test_what_no_store_calls_a_bucket_or_a_region_is_refused(key: str, name: str) -> None:
    """It would get into every process's config, and each would restart to be told of it."""
    store = s3.read({**WHOLE, key: name})

    assert store.s3 is None
    assert [(one.code, one.facts) for one in store.problems] == [(f"s3-bad-{key}", ((key, name),))]


@pytest.mark.parametrize("chain", ["[", "nothing", '["nothing"]', "[1]"])
def test_a_chain_without_certificates_blocks(chain: str) -> None:
    """A connection that cannot be trusted must not be tried with the system's authorities instead."""
    store = s3.read({**WHOLE, "tls-ca-chain": chain})

    assert store.s3 is None
    assert [problem.code for problem in store.problems] == ["s3-bad-authority"]


@pytest.mark.parametrize(
    ("key", "text", "code"), [("path", "/here", "s3-path"), ("s3-uri-style", "x", "s3-bad-style")]
)
def test_what_is_not_kept_to_is_told(key: str, text: str, code: str) -> None:
    """A warning: the store is used all the same."""
    store = s3.read({**WHOLE, key: text})

    assert store.s3 is not None
    assert [(one.code, one.severity) for one in store.problems] == [(code, Severity.WARNING)]


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_bucket_has_a_name_that_stores_accept(model: str, app: str) -> None:
    """Lower-case letters, digits and hyphens, 63 at most; what Juju calls models and applications fits."""
    name = s3.bucket(f"m{model}", f"a{app}")

    assert 3 <= len(name) <= 63
    assert name.isascii()
    assert all(letter.isalnum() or letter == "-" for letter in name)
    assert name == name.lower().strip("-")


def test_two_long_names_are_two_buckets() -> None:
    """What is cut off still tells them apart."""
    assert s3.bucket("m", "a" * 80) != s3.bucket("m", "a" * 81)


# The certificate's names.


def test_a_certificate_names_what_the_gateway_is_reached_by() -> None:
    """The unit, the service of all units, the address and the ingress; nothing of a worker."""
    host = "loki-0.loki-endpoints.prod.svc.cluster.local"

    subject = names("loki", host, address="10.1.0.10", external="logs.example.com")

    assert subject == Names(
        common="logs.example.com",
        dns=("logs.example.com", host, "loki.prod.svc.cluster.local"),
        ips=("10.1.0.10",),
    )


def test_a_name_that_is_too_long_is_not_the_common_one() -> None:
    """A request with a common name above 64 characters can't be made."""
    subject = names("loki", "x" * 65)

    assert (subject.common, subject.dns) == ("", ("x" * 65,))


def test_an_ingress_without_a_name_is_an_address() -> None:
    """An IP address among DNS names would match nothing."""
    assert names("loki", "loki-0", external="192.0.2.7").ips == ("192.0.2.7",)


# Small ones.


def test_what_is_refused_is_told() -> None:
    """A warning with the endpoint and the keys; nothing where nothing is refused."""
    heard = log_push.read({"loki/0": {"endpoint": "{"}})

    (problem,) = problems("logging", heard.refused)

    assert problem.severity is Severity.WARNING
    assert problem.text.startswith('cannot read what the integration "logging" says: loki/0 endpoint is')
    assert problems("logging", ()) == ()


def test_hosts_in_urls() -> None:
    """IPv6 addresses need brackets, and gRPC senders want host and port alone."""
    assert base_urls({"http": 80}, "::1", tls=True) == {"http": "https://[::1]:80"}
    assert bare("https://[::1]:80/path") == "[::1]:80"
    assert service_host("loki", "loki-host.example.com") == "loki-host.example.com"


def test_only_certificates_get_through() -> None:
    """A private key in the same text must not be passed on."""
    key = "-----BEGIN PRIVATE KEY-----\nMIIC\n-----END PRIVATE KEY-----"

    assert certificates(f"{key}\n{PEM}\nwords\n{OTHER_PEM}") == (PEM, OTHER_PEM)


# Whatever others say.

_TEXT = st.one_of(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ).map(json.dumps),
    st.just("[" * 100_000),
    st.just('{"url": "http://x"}'),
)
_WORDS = """
receivers ingress external_host scheme endpoint remote_write url public_address certificates ca chain
grafana_uid app_datasource_uid datasource_uids grafana_base_url bucket access-key secret-key region
tls-ca-chain s3-uri-style path version
"""
_KEYS = st.sampled_from(_WORDS.split())
_BAG = st.dictionaries(_KEYS, _TEXT, max_size=6)
_UNITS = st.dictionaries(st.sampled_from(["a/0", "a/1"]), _BAG)


@given(_BAG, _UNITS)
def test_nothing_that_others_say_raises(app: dict[str, str], units: dict[str, dict[str, str]]) -> None:
    """Whatever is in a bag of theirs, reading gives a value, and what is refused is a key that was there."""
    heard: list[Heard[Any]] = [
        alertmanager_dispatch.read(units),
        certificate_transfer.read(app, units),
        grafana_datasource.read(app),
        ingress.read(app),
        log_push.read(units),
        prometheus_remote_write.read(units),
        tracing.asked(units),
        tracing.read(app),
        traefik_route.read(app),
    ]
    s3.read(app)

    said = {key for bag in (app, *units.values()) for key in bag}
    for one in heard:
        assert all(said & set(place.split()) for place in one.refused)


@given(_BAG)
def test_nothing_that_others_say_stops_a_payload(theirs: dict[str, str]) -> None:
    """What we write may depend on what they say, but is always written."""
    for product in PRODUCTS.values():
        facts = some_facts(product)
        for interface, payload in PROVIDED.items():
            assert payload(facts, theirs).app.keys() >= payload(facts, {}).app.keys(), interface


@given(st.permutations(range(4)))
def test_the_order_of_units_changes_no_byte(order: list[int]) -> None:
    """G2: Juju lists units in any order; what differs would wake Prometheus and Traefik each time."""
    for product in PRODUCTS.values():
        facts = some_facts(product)
        targets = tuple(replace(facts.workers[0], unit=f"worker/{number}") for number in range(4))
        some = replace(facts, workers=tuple(targets[number] for number in order))
        mixed = replace(
            some,
            exporters=facts.exporters[::-1],
            coordinators=_backwards(facts.coordinators),
            ports=_backwards(facts.ports),
            urls=_backwards(facts.urls),
        )
        straight = replace(facts, workers=targets)
        for payload in (*PROVIDED.values(), *REQUESTED.values()):
            assert payload(mixed, {}) == payload(straight, {})


_V = TypeVar("_V")


def _backwards(values: Mapping[str, _V]) -> dict[str, _V]:
    return {key: values[key] for key in reversed(list(values))}
