"""Tempo as its clients use it, through the gateway: every protocol it takes, every way to read."""

from __future__ import annotations

import importlib
import json
import struct
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from patience import until
from protobuf import fixed64, message, number, text

from rolecall.core.products.tempo import TEMPO
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

# It has no types.
grpc: Any = importlib.import_module("grpc")

READ_S = 30.0
FOUND_S = 60.0
RECEIVERS = ("zipkin", "jaeger-thrift-http", "jaeger-grpc")
_OTLP = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_STREAMING = "/tempopb.StreamingQuerier"


@dataclass(frozen=True)
class Trace:
    """A trace of one span."""

    id: str
    service: str
    start_ns: int

    @property
    def name(self) -> str:
        """Name of its span, which no other has."""
        return f"span-of-{self.id}"

    @property
    def span(self) -> str:
        """Id of its span."""
        return self.id[16:]

    @property
    def lasted_ns(self) -> int:
        """How long its span lasted."""
        return 2_000_000


def a_trace(service: str = "real") -> Trace:
    """Make up a trace; its id has no leading zero, which some answers leave out."""
    return Trace(id=f"a{uuid4().hex[1:]}", service=service, start_ns=time.time_ns() - 10_000_000)


@dataclass(frozen=True)
class Tempo:
    """A client of one cluster."""

    cluster: LocalCluster
    http: httpx2.Client

    def address(self, listener: str) -> str:
        """Return host and port of one of the gateway's listeners."""
        spec = self.cluster.spec
        return f"{spec.gateway_address}:{spec.gateway_ports[listener]}"

    def post(
        self, listener: str, path: str, body: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Send a body to a listener."""
        url = f"http://{self.address(listener)}{path}"
        return self.http.post(url, content=body, headers={"Content-Type": kind, **(headers or {})})

    def call(self, listener: str, method: str, body: bytes, *, tenant: str = "") -> bytes:
        """Make a gRPC call with one answer."""
        with self._channel(listener) as channel:
            stub = channel.unary_unary(method, request_serializer=None, response_deserializer=None)
            return bytes(stub(body, timeout=READ_S, metadata=_metadata(tenant)))

    def stream(self, listener: str, method: str, body: bytes, *, tenant: str = "") -> list[bytes]:
        """Make a gRPC call with several answers."""
        with self._channel(listener) as channel:
            stub = channel.unary_stream(method, request_serializer=None, response_deserializer=None)
            return [bytes(one) for one in stub(body, timeout=READ_S, metadata=_metadata(tenant))]

    def _channel(self, listener: str) -> Any:
        return grpc.insecure_channel(self.address(listener), options=[("grpc.enable_http_proxy", 0)])

    def write(self, trace: Trace, protocol: str = "otlp-http-json") -> None:
        """Write a trace; it must be acknowledged."""
        WRITERS[protocol](self, trace)

    def written(self, count: int, service: str = "real") -> list[Trace]:
        """Write several traces and return them."""
        traces = [a_trace(service) for _ in range(count)]
        for trace in traces:
            self.write(trace)
        return traces

    def get(self, path: str, **params: str) -> httpx2.Response:
        """Ask the main listener."""
        return self.http.get(path, params=params)

    def has(self, trace: Trace, *, mode: str = "all", version: str = "/v2") -> bool:
        """Whether a trace is found by its id; `mode` is ingesters, blocks or all."""
        answer = self.get(f"/api{version}/traces/{trace.id}", mode=mode)
        assert answer.status_code in (200, 404), (answer.status_code, answer.text)
        return answer.status_code == 200 and trace.name in answer.text

    def await_traces(self, traces: Iterable[Trace], *, mode: str = "all", limit_s: float = FOUND_S) -> None:
        """Wait until all these traces are found by their ids."""
        missing = list(traces)

        def found() -> bool:
            missing[:] = [trace for trace in missing if not self.has(trace, mode=mode)]
            return not missing

        until(found, limit_s, f"every trace ({mode})", seen=lambda: f"all but {len(missing)}")

    def search(self, query: str, **params: str) -> set[str]:
        """Search by TraceQL; return the ids."""
        answer = self.get("/api/search", **{"q": query, "limit": "500", **_last_hour(), **params})
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return {one["traceID"] for one in answer.json()["traces"]}

    def finds(self, trace: Trace, query: str) -> bool:
        """Whether a search finds a trace."""
        return trace.id in self.search(query)

    def stream_search(self, query: str, *, listener: str = "streaming", tenant: str = "") -> str:
        """Search by the streaming API; return what all its answers hold."""
        hour = {name: int(value) for name, value in _last_hour().items()}
        body = number(4, 500) + number(5, hour["start"]) + number(6, hour["end"]) + text(8, query)
        answers = self.stream(listener, f"{_STREAMING}/Search", body, tenant=tenant)
        return b"\n".join(answers).decode(errors="replace")

    def stream_tags(self, method: str, body: bytes) -> str:
        """Ask for tags or their values by the streaming API."""
        return b"\n".join(self.stream("streaming", f"{_STREAMING}/{method}", body)).decode(errors="replace")


def _metadata(tenant: str) -> list[tuple[str, str]]:
    return [("x-scope-orgid", tenant)] if tenant else []


def _last_hour() -> dict[str, str]:
    now = int(time.time())
    return {"start": str(now - 3600), "end": str(now + 60)}


@contextmanager
def tempo_of(cluster: LocalCluster, *, timeout_s: float = READ_S, keep: bool = True) -> Generator[Tempo]:
    """Open a client of a cluster's gateway; `keep` connections, or make one for each request.

    A gateway that reloads closes those that are kept, and a POST on its way into one isn't sent again.
    """
    limits = httpx2.Limits() if keep else httpx2.Limits(max_keepalive_connections=0)
    with httpx2.Client(base_url=cluster.url, trust_env=False, timeout=timeout_s, limits=limits) as http:
        yield Tempo(cluster, http)


def otlp_json(trace: Trace) -> bytes:
    """Build an OTLP request as JSON."""
    span = {
        "traceId": trace.id,
        "spanId": trace.span,
        "name": trace.name,
        "kind": 2,
        "startTimeUnixNano": str(trace.start_ns),
        "endTimeUnixNano": str(trace.start_ns + trace.lasted_ns),
    }
    service = {"key": "service.name", "value": {"stringValue": trace.service}}
    resource = {"attributes": [service]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}).encode()


def otlp_protobuf(trace: Trace) -> bytes:
    """Build an OTLP request as protobuf: opentelemetry/proto/trace/v1/trace.proto."""
    span = message(
        2,
        message(1, bytes.fromhex(trace.id)),
        message(2, bytes.fromhex(trace.span)),
        text(5, trace.name),
        number(6, 2),
        fixed64(7, trace.start_ns),
        fixed64(8, trace.start_ns + trace.lasted_ns),
    )
    resource = message(1, message(1, text(1, "service.name"), message(2, text(1, trace.service))))
    return message(1, resource, message(2, span))


def _otlp_http_json(tempo: Tempo, trace: Trace) -> None:
    answer = tempo.post("otlp-http", "/v1/traces", otlp_json(trace), "application/json")
    assert answer.status_code == 200, (answer.status_code, answer.text)


def _otlp_http_protobuf(tempo: Tempo, trace: Trace) -> None:
    answer = tempo.post("otlp-http", "/v1/traces", otlp_protobuf(trace), "application/x-protobuf")
    assert answer.status_code == 200, (answer.status_code, answer.text)


def _otlp_main(tempo: Tempo, trace: Trace) -> None:
    answer = tempo.post("http", "/otlp/v1/traces", otlp_json(trace), "application/json")
    assert answer.status_code == 200, (answer.status_code, answer.text)


def _otlp_grpc(tempo: Tempo, trace: Trace) -> None:
    # An empty answer, or one with an empty `partial_success`: nothing was rejected.
    assert tempo.call("otlp-grpc", _OTLP, otlp_protobuf(trace)) in (b"", b"\n\0")


def _zipkin(tempo: Tempo, trace: Trace) -> None:
    span = {
        "traceId": trace.id,
        "id": trace.span,
        "name": trace.name,
        "kind": "SERVER",
        "timestamp": trace.start_ns // 1000,
        "duration": trace.lasted_ns // 1000,
        "localEndpoint": {"serviceName": trace.service},
    }
    answer = tempo.post("zipkin", "/api/v2/spans", json.dumps([span]).encode(), "application/json")
    assert answer.status_code == 202, (answer.status_code, answer.text)


def _jaeger_thrift_http(tempo: Tempo, trace: Trace) -> None:
    """Write by jaeger-idl's thrift/jaeger.thrift, in thrift's binary protocol."""
    low, high = struct.unpack(">qq", bytes.fromhex(trace.id[16:] + trace.id[:16]))
    span = b"".join(
        (
            _thrift(10, 1, struct.pack(">q", low)),
            _thrift(10, 2, struct.pack(">q", high)),
            _thrift(10, 3, struct.pack(">q", low)),
            _thrift(10, 4, struct.pack(">q", 0)),
            _thrift(11, 5, _counted(trace.name.encode())),
            _thrift(8, 7, struct.pack(">i", 1)),
            _thrift(10, 8, struct.pack(">q", trace.start_ns // 1000)),
            _thrift(10, 9, struct.pack(">q", trace.lasted_ns // 1000)),
            b"\0",
        )
    )
    process = _thrift(11, 1, _counted(trace.service.encode())) + b"\0"
    batch = _thrift(12, 1, process) + _thrift(15, 2, struct.pack(">bi", 12, 1) + span) + b"\0"
    answer = tempo.post("jaeger-thrift-http", "/api/traces", batch, "application/x-thrift")
    assert answer.status_code == 202, (answer.status_code, answer.text)


def _thrift(kind: int, field: int, value: bytes) -> bytes:
    return struct.pack(">bh", kind, field) + value


def _counted(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


def _jaeger_grpc(tempo: Tempo, trace: Trace) -> None:
    """Write by jaeger-idl's proto/api_v2/collector.proto."""
    seconds, nanos = divmod(trace.start_ns, 10**9)
    span = message(
        1,
        message(1, bytes.fromhex(trace.id)),
        message(2, bytes.fromhex(trace.span)),
        text(3, trace.name),
        message(6, number(1, seconds), number(2, nanos)),
        message(7, number(2, trace.lasted_ns)),
    )
    batch = message(1, span, message(2, text(1, trace.service)))
    assert tempo.call("jaeger-grpc", "/jaeger.api_v2.CollectorService/PostSpans", batch) == b""


WRITERS: Mapping[str, Callable[[Tempo, Trace], None]] = {
    "otlp-http-json": _otlp_http_json,
    "otlp-http-protobuf": _otlp_http_protobuf,
    "otlp-main": _otlp_main,
    "otlp-grpc": _otlp_grpc,
    "zipkin": _zipkin,
    "jaeger-thrift-http": _jaeger_thrift_http,
    "jaeger-grpc": _jaeger_grpc,
}


def serves_and_stores(cluster: LocalCluster, store: Path) -> None:
    """Write by every protocol, read by every API, and read again what was flushed to the store."""
    checked = operations.check(cluster, timeout_s=60)
    assert checked.ok, checked.text
    with tempo_of(cluster) as tempo:
        traces = {protocol: a_trace(f"by-{protocol}") for protocol in WRITERS}
        for protocol, trace in traces.items():
            tempo.write(trace, protocol)
        tempo.await_traces(traces.values())
        for trace in traces.values():
            # A search finds what has rested for two seconds, see trace_idle_period.
            select = f'{{resource.service.name="{trace.service}"}}'
            until(partial(tempo.finds, trace, select), FOUND_S, f"the search for {trace.service}")
        _read_by_every_api(tempo, traces["otlp-grpc"])
        _flush(cluster)
        until(lambda: any(store.rglob("meta.json")), FOUND_S, "blocks in the store")
        tempo.await_traces(traces.values(), mode="blocks")


def _read_by_every_api(tempo: Tempo, trace: Trace) -> None:
    """Read a trace that a search finds by every other way that there is."""
    select = f'{{resource.service.name="{trace.service}"}}'
    assert tempo.has(trace, version="")
    assert trace.id in tempo.search("", tags=f"service.name={trace.service}")
    assert trace.id in tempo.stream_search(select)
    assert "service.name" in tempo.get("/api/search/tags").json()["tagNames"]
    assert "service.name" in tempo.get("/api/v2/search/tags", scope="resource").text
    assert trace.service in tempo.get("/api/search/tag/service.name/values").json()["tagValues"]
    assert trace.service in tempo.get("/api/v2/search/tag/resource.service.name/values").text
    assert "service.name" in tempo.stream_tags("SearchTags", b"")
    assert "service.name" in tempo.stream_tags("SearchTagsV2", b"")
    assert trace.service in tempo.stream_tags("SearchTagValues", text(1, "service.name"))
    assert trace.service in tempo.stream_tags("SearchTagValuesV2", text(1, "resource.service.name"))


def _flush(cluster: LocalCluster) -> None:
    """Have every ingester write its blocks to the store."""
    for unit in operations.status(cluster).units:
        if set(unit.roles) & {"ingester", "all"}:
            answer = httpx2.post(f"http://{unit.address}:{TEMPO.port('http')}/flush", timeout=30)
            assert answer.status_code == 204
