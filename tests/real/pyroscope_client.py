"""Pyroscope as its clients use it, through the gateway: by every protocol in, by every API out."""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import grpc
import httpx2
from google.protobuf import json_format
from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2 as otlp  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.proto.profiles.v1development import profiles_pb2 as profiles  # pyright: ignore[reportMissingTypeStubs]
from patience import until

from rolecall.core.products.pyroscope import PYROSCOPE
from rolecall.local.cluster import LocalCluster
from rolecall.local.fetch import binaries

QUERIER = "/querier.v1.QuerierService"
PUSHER = "/push.v1.PusherService/Push"
OTLP_EXPORT = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"
READ_S = 30.0

CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
"""What everything that is written here becomes."""


@dataclass(frozen=True)
class Pyroscope:
    """A client of one cluster."""

    http: httpx2.Client
    channel: Any
    """A real gRPC channel to the gateway's second listener."""

    def push(self, service: str, frame: str, *, tenant: str = "") -> None:
        """Write one profile by the push API, as JSON."""
        answer = self.http.post(PUSHER, json=pushed(service, frame), headers=_tenant(tenant))
        assert (answer.status_code, answer.text) == (200, "{}")

    def ingest(self, service: str, frame: str, *, path: str = "/ingest", tenant: str = "") -> None:
        """Write one profile as folded stacks."""
        now = time.time_ns()
        params = {"name": service, "from": str(now), "until": str(now + 10**9)}
        answer = self.http.post(
            path, params=params, content=f"main;{frame} 100\n".encode(), headers=_tenant(tenant)
        )
        assert (answer.status_code, answer.text) == (200, "")

    def export(self, service: str, frame: str) -> None:
        """Write one profile by OTLP over gRPC."""
        self.call(OTLP_EXPORT, exported(service, frame).SerializeToString())

    def export_protobuf(self, service: str, frame: str) -> None:
        """Write one profile by OTLP over HTTP, as protobuf."""
        self._export(exported(service, frame).SerializeToString(), "application/x-protobuf")

    def export_json(self, service: str, frame: str) -> None:
        """Write one profile by OTLP over HTTP, as JSON."""
        self._export(json_format.MessageToJson(exported(service, frame)).encode(), "application/json")

    def _export(self, body: bytes, kind: str) -> None:
        answer = self.http.post("/v1development/profiles", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 200, (answer.status_code, answer.text)

    def push_by_grpc(self, service: str, frame: str) -> None:
        """Write one profile by the push API over gRPC (push/v1/push.proto)."""
        labels = (("__name__", "process_cpu"), ("service_name", service))
        pairs = (_bytes(1, name.encode()) + _bytes(2, value.encode()) for name, value in labels)
        sample = _bytes(1, gzip.compress(pprof(frame))) + _bytes(2, str(uuid4()).encode())
        series = b"".join(_bytes(1, pair) for pair in pairs) + _bytes(2, sample)
        self.call(PUSHER, _bytes(1, series))

    def merged_by_grpc(self, service: str) -> bytes:
        """Read a service's profile over gRPC, as pprof (querier/v1/querier.proto)."""
        now = int(time.time() * 1000)
        message = _bytes(1, CPU.encode()) + _bytes(2, selector(service).encode())
        message += _number(3, now - 3_600_000) + _number(4, now + 60_000)
        return self.call(f"{QUERIER}/SelectMergeProfile", message)

    def rendered(self, page: str, params: Mapping[str, str]) -> str:
        """Read a flame graph by the older API."""
        answer = self.http.get(f"/pyroscope/{page}", params=dict(params))
        assert answer.status_code == 200, (page, answer.status_code, answer.text)
        return answer.text

    def call(self, method: str, message: bytes, *, metadata: Mapping[str, str] | None = None) -> bytes:
        """Make one gRPC call; raises `grpc.RpcError`."""
        call = self.channel.unary_unary(method)
        return cast("bytes", call(message, timeout=READ_S, metadata=list((metadata or {}).items())))

    def ask(self, procedure: str, body: Mapping[str, object], *, tenant: str = "") -> dict[str, Any]:
        """Call a procedure of the querier service over the last hour."""
        answer = self.http.post(f"{QUERIER}/{procedure}", json={**span(), **body}, headers=_tenant(tenant))
        assert answer.status_code == 200, (procedure, answer.status_code, answer.text)
        return cast("dict[str, Any]", answer.json())

    def frames(self, service: str, *, tenant: str = "") -> set[str]:
        """Read every function of a service's flame graph."""
        body = {"profileTypeID": CPU, "labelSelector": selector(service), "maxNodes": 16384}
        graph = self.ask("SelectMergeStacktraces", body, tenant=tenant).get("flamegraph", {})
        return set(graph.get("names", ()))

    def await_frames(self, service: str, frames: Iterable[str], *, limit_s: float = 60.0) -> None:
        """Wait until all these functions are in the flame graph of a service."""
        wanted = set(frames)
        until(
            lambda: wanted <= self.frames(service),
            limit_s,
            f"{len(wanted)} functions of {service}",
            seen=lambda: sorted(self.frames(service))[:5],
        )


def line() -> str:
    """Return the line of the binary at hand; the default one when there is none."""
    found = binaries.present(PYROSCOPE.binary)
    newer = found is not None and found.version.startswith("2.")
    return PYROSCOPE.lines[1 if newer else 0].name


def selector(service: str) -> str:
    """Build the selector of a service."""
    return f'{{service_name="{service}"}}'


def span(minutes: int = 60) -> dict[str, object]:
    """Return the time since `minutes` ago, and a little of what is to come."""
    now = int(time.time() * 1000)
    # Tables of cases are built when the tests are collected, long before some of them write.
    return {"start": now - minutes * 60_000, "end": now + 6 * 3_600_000}


def pushed(service: str, frame: str) -> dict[str, object]:
    """Build the body of a push: one series with one profile."""
    labels = [{"name": "__name__", "value": "process_cpu"}, {"name": "service_name", "value": service}]
    raw = base64.b64encode(gzip.compress(pprof(frame))).decode()
    return {"series": [{"labels": labels, "samples": [{"ID": str(uuid4()), "rawProfile": raw}]}]}


def pprof(frame: str, *, value: int = 10_000_000) -> bytes:
    """Encode a CPU profile with one stack (github.com/google/pprof/proto/profile.proto)."""
    names = ["", "cpu", "nanoseconds", "main", frame]
    kind = _number(1, 1) + _number(2, 2)
    locations = [_number(1, n) + _bytes(4, _number(1, n)) for n in (1, 2)]
    functions = [_number(1, n) + _number(2, n + 2) for n in (1, 2)]
    return b"".join(
        (
            _bytes(1, kind),
            _bytes(2, _number(1, 2) + _number(1, 1) + _number(2, value)),
            *(_bytes(4, one) for one in locations),
            *(_bytes(5, one) for one in functions),
            *(_bytes(6, name.encode()) for name in names),
            _number(9, time.time_ns()),
            _number(10, 10**9),
            _bytes(11, kind),
            _number(12, 10_000_000),
        )
    )


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


def exported(service: str, frame: str) -> otlp.ExportProfilesServiceRequest:
    """Build one OTLP export: one CPU profile with one stack, as OpenTelemetry's own profiler sends them."""
    request = otlp.ExportProfilesServiceRequest()
    words = request.dictionary
    words.string_table.extend(["", "samples", "count", "main", frame, "cpu", "nanoseconds"])
    words.mapping_table.add()
    words.function_table.add()
    words.function_table.add(name_strindex=3)
    words.function_table.add(name_strindex=4)
    words.location_table.add()
    for index in (1, 2):
        words.location_table.add().lines.add(function_index=index)
    words.stack_table.add()
    words.stack_table.add(location_indices=[2, 1])
    words.link_table.add()
    words.attribute_table.add()
    resource = request.resource_profiles.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    now = time.time_ns()
    resource.scope_profiles.add().profiles.append(
        profiles.Profile(
            sample_type=profiles.ValueType(type_strindex=1, unit_strindex=2),
            samples=[profiles.Sample(stack_index=1, values=[3], timestamps_unix_nano=[now])],
            time_unix_nano=now,
            duration_nano=10**9,
            period_type=profiles.ValueType(type_strindex=5, unit_strindex=6),
            period=10_000_000,
            profile_id=uuid4().bytes,
        )
    )
    return request


def _tenant(tenant: str) -> dict[str, str]:
    return {"X-Scope-OrgID": tenant} if tenant else {}


@contextmanager
def pyroscope_of(cluster: LocalCluster) -> Generator[Pyroscope]:
    """Open a client of both listeners of a cluster's gateway."""
    address = f"{cluster.spec.gateway_address}:{cluster.spec.gateway_ports['grpc']}"
    with (
        httpx2.Client(base_url=cluster.url, trust_env=False, timeout=READ_S) as http,
        grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel,
    ):
        yield Pyroscope(http, channel)
