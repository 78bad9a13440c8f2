"""Tempo: everything Rolecall knows of it.

Sources: the HTTP API and configuration references of v2.8 to v2.10 (grafana.com/docs/tempo) and, where
said, the source of v2.8.

A query goes from a query-frontend to the queriers that have dialed it, and a querier dials the
addresses behind one name. Units have one address each and no name service to share, so every querier is
given one frontend (`Product.dials`). A frontend that no querier dials would keep its requests waiting:
such a one is spare, and gets none.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlencode

from rolecall.core import fragments, option_values
from rolecall.core.binary import Binary, GoModule, Release
from rolecall.core.charm import Charm, Option, OptionKind, Purpose, Storage
from rolecall.core.entries import MOST, Entries, Entry, Window
from rolecall.core.handover import Disk, Drain
from rolecall.core.model import Directory, ObjectStore, Problem, Severity
from rolecall.core.product import Blueprint, Kind, Product, Setting
from rolecall.core.roles import Combine, Keeps, Line, MetaRole, Role
from rolecall.core.routes import (
    Call,
    Check,
    Listener,
    Match,
    Port,
    Protocol,
    Ring,
    Route,
    Verb,
    admin_routes,
    open_routes,
)
from rolecall.core.signals import Card, Datasource, Intake, Signal
from rolecall.core.tree import Tree

_GENERATOR, _LOCAL_BLOCKS = "metrics-generator", "local-blocks"
_TENANT = "single-tenant"
"""The tenant of everything while `multitenancy_enabled` is false (pkg/util/tenant.go)."""

_HTTP, _STREAMING = 3200, 9096
_OTLP_GRPC, _OTLP_HTTP, _ZIPKIN, _JAEGER_HTTP, _JAEGER_GRPC = 4317, 4318, 9411, 14268, 14250
_QUERY_S = 300
_REST_S, _LOOK_S = 2, 1
"""How long a trace rests in an ingester's memory, and how often that is looked at."""
_FOR_EVER, _FOR_EVER_HOURS = "100y", "876000h"
"""The same, as the limits and as the config write it: Go's own durations know no years."""
_MOST_MIB = 16
"""Largest message between Tempo's own processes (cmd/tempo/app/config.go, GRPCServerMaxRecvMsgSize)."""

_ROLES = (
    Role(
        name="distributor",
        summary="takes spans in by every protocol and shares them out to the ingesters",
        wave=1,
        kill_delay_s=30,
    ),
    Role(
        name="ingester",
        summary="keeps the newest traces in memory and on disk, and stores them as blocks",
        keeps=Keeps.DATA,
        ring=True,
        wave=0,
        kill_delay_s=300,
    ),
    # Neither of the next two ends by itself: both wait for ever for the end of their look at the store, which
    # nobody tells them to end (EnablePolling in cmd/tempo/app/modules.go, Shutdown in tempodb/tempodb.go).
    Role(
        name="querier",
        summary="answers the parts of queries from the store and from the ingesters",
        kill_delay_s=3,
    ),
    Role(
        name="query-frontend",
        summary="takes queries in and splits them for the queriers",
        kill_delay_s=3,
    ),
    Role(
        name="compactor",
        summary="merges blocks in the store and deletes old ones",
        ring=True,
        wave=1,
        kill_delay_s=20,
    ),
    Role(
        name="metrics-generator",
        summary="makes metrics of spans and writes them to a Prometheus",
        required=False,
        keeps=Keeps.CACHE,
        ring=True,
        wave=1,
        # It may take a minute to hand over what it has not sent (remote_write_flush_deadline).
        kill_delay_s=70,
    ),
)

# Upstream's `all` keeps every ring to itself (main.go forces them to be in memory), so several of them
# would be as many clusters. The scalable single binary is the same modules with the rings as configured.
_ALL = MetaRole(
    name="all",
    roles=tuple(role.name for role in _ROLES),
    target="scalable-single-binary",
    # Once it was asked something it doesn't end either: the frontend waits for queues to go that nobody
    # clears any more (stopping in modules/frontend/queue/queue.go). Its ingester doesn't wait for that: it
    # writes all it has to its disk at once and then to the store.
    kill_delay_s=10,
)


def _line(name: str, *after: str) -> Line:
    return Line(name=name, roles=_ROLES, meta_roles=(_ALL,), combine=Combine.ONE, after=after)


def _ring() -> Tree:
    """Build a ring: where its store isn't said it is shared with nobody, and nothing tells."""
    return {**fragments.ring(), "kvstore": {"store": "memberlist"}}


def _store(store: ObjectStore) -> Tree:
    """Build `storage.trace` (tempodb/backend/s3/config.go); `prefix` and keys are absent on purpose."""
    if isinstance(store, Directory):
        return {"backend": "local", "local": {"path": f"{store.path}/traces"}}
    endpoint, insecure = fragments.host_port(store.endpoint)
    s3: Tree = {
        "bucket": store.bucket,
        "endpoint": endpoint,
        "region": store.region,
        "insecure": insecure,
        "forcepathstyle": store.path_style,
    }
    if store.ca:
        s3["tls_ca_path"] = store.ca
    return {"backend": "s3", "s3": s3}


def _receivers() -> Tree:
    """Build the receivers: all of them, so that opening one more at the gateway restarts nothing."""

    def at(name: str, port: int) -> Tree:
        # Beside a gateway it is another one; a default is written so in Tempo's config
        # (https://grafana.com/docs/tempo/latest/configuration/#use-environment-variables-in-the-configuration).
        return {"endpoint": f"{fragments.ADDRESS}:${{ROLECALL_{name}_PORT:-{port}}}"}

    # 4 MiB is gRPC's own limit; a batch that an ingester takes should not be refused before.
    grpc: Tree = {"max_recv_msg_size_mib": _MOST_MIB}
    return {
        "otlp": {
            "protocols": {
                "grpc": {**at("OTLP_GRPC", _OTLP_GRPC), **grpc},
                "http": at("OTLP_HTTP", _OTLP_HTTP),
            }
        },
        "zipkin": at("ZIPKIN", _ZIPKIN),
        "jaeger": {
            "protocols": {
                "grpc": {**at("JAEGER_GRPC", _JAEGER_GRPC), **grpc},
                "thrift_http": at("JAEGER_THRIFT_HTTP", _JAEGER_HTTP),
            }
        },
    }


def _generator(blueprint: Blueprint) -> Tree:
    """Build `metrics_generator`; without a path it would not start at all (modules/generator/config.go)."""
    storage: Tree = {"path": f"{fragments.DATA}/generator/wal"}
    if url := blueprint.settings.text("remote-write-url"):
        storage["remote_write"] = [{"url": url}]
    return {
        "ring": _ring(),
        "storage": storage,
        "traces_storage": {"path": f"{fragments.DATA}/generator/traces"},
        "traces_query_storage": {"path": f"{fragments.DATA}/generator/queries"},
        # Only what is in the store can be asked for once the generator that made it is gone.
        "processor": {"local_blocks": {"filter_server_spans": False, "flush_to_storage": True}},
    }


def _config(blueprint: Blueprint) -> Tree:
    settings, choices = blueprint.settings, blueprint.choices
    return {
        "multitenancy_enabled": settings.flag("multi-tenant"),
        "server": fragments.server(_HTTP, settings.text("log-level"), _QUERY_S),
        "memberlist": {
            **fragments.memberlist(blueprint.deployment, choices),
            # Tempo gossips once a second (cmd/tempo/app/config.go); this is what its own library does, and
            # a unit that leaves is heard of before its port is closed.
            "gossip_interval": "200ms",
        },
        "distributor": {"ring": _ring(), "receivers": _receivers()},
        "ingester": {
            "lifecycler": {
                "address": fragments.ADDRESS,
                "id": fragments.UNIT,
                # Long enough for the others to hear by gossip that this one is back.
                "min_ready_duration": "5s",
                # Else a member that is away keeps each new one from being ready (dskit ring/lifecycler.go).
                "readiness_check_ring_health": False,
                "ring": {
                    "kvstore": {"store": "memberlist"},
                    # As long as one that is gone counts as healthy, every search fails: five minutes by
                    # default (modules/ingester/config.go).
                    "heartbeat_timeout": "1m",
                    "replication_factor": choices.replication_factor,
                },
            },
            # A search finds a trace once it is out of memory (modules/ingester/instance_search.go); the
            # default is ten seconds of rest, looked at every ten seconds.
            "trace_idle_period": f"{_REST_S}s",
            "flush_check_period": f"{_LOOK_S}s",
            # Without it a stopped ingester's blocks stay on its own disk (modules/ingester/ingester.go): a
            # unit that leaves would take them along, and one that moves would come back without them.
            "flush_all_on_shutdown": True,
        },
        "compactor": {
            # The default waits a minute before it is ready (modules/compactor/compactor_ring.go), to spare a
            # few compactions that are done twice.
            "ring": {**_ring(), "wait_stability_min_duration": "0s"},
            # What is kept how long is in the limits file; what has no limit there must not be deleted by a
            # default that nobody chose (two weeks).
            "compaction": {"block_retention": _FOR_EVER_HOURS},
        },
        "querier": {
            "frontend_worker": {
                "frontend_address": f"{fragments.PEER}:{fragments.GRPC_PORT}",
                "id": fragments.UNIT,
            }
        },
        "query_frontend": {
            # A search asks the store only for what is older than a quarter of an hour: what an ingester that
            # left has flushed would not be found until then (modules/frontend/search_sharder.go).
            "search": {"query_backend_after": "0s"},
            # A request that nobody works on ends before the gateway gives it up.
            "api_timeout": f"{_QUERY_S}s",
        },
        "metrics_generator": _generator(blueprint),
        "storage": {
            "trace": {
                **_store(blueprint.store),
                "wal": {"path": f"{fragments.DATA}/wal"},
                # Queriers know of a flushed block once they look; the default is every five minutes.
                "blocklist_poll": "5s",
            }
        },
        "overrides": {
            # A limit is meant for the cluster, not for each distributor. It cannot be said by tenant.
            "defaults": {"ingestion": {"rate_strategy": "global"}},
            "per_tenant_override_config": f"{fragments.DATA}/runtime.yaml",
            "per_tenant_override_period": "10s",
        },
        "usage_report": {"reporting_enabled": False},
    }


# A tenant's entry is not laid over the defaults, it replaces them (forUser in
# modules/overrides/runtime_config_overrides.go), and a limit that is missing is zero: nothing would be let
# in. So these are upstream's own values (modules/overrides/config.go).
_UPSTREAM_LIMITS: Tree = {
    "ingestion": {
        "rate_limit_bytes": 15_000_000,
        "burst_size_bytes": 20_000_000,
        "max_traces_per_user": 10_000,
    },
    "global": {"max_bytes_per_trace": 5_000_000},
    "read": {"max_bytes_per_tag_values_query": 1_000_000},
    "metrics_generator": {"generate_native_histograms": "classic"},
}


def _limits(blueprint: Blueprint) -> Tree:
    """Build everybody's limits: upstream's, ours, and the administrator's over them."""
    settings = blueprint.settings
    retention = settings.seconds("retention")
    limits = _over(
        _UPSTREAM_LIMITS,
        # Zero would mean the compactor's own value.
        {"compaction": {"block_retention": f"{retention}s" if retention else _FOR_EVER}},
    )
    if processors := _processors(blueprint):
        limits = _over(limits, {"metrics_generator": {"processors": list(processors)}})
    return _over(limits, settings.tree("limits"))


def _processors(blueprint: Blueprint) -> tuple[str, ...]:
    """List what the generators are to do; nothing whose metrics could go nowhere."""
    wanted = sorted(blueprint.settings.listed("metrics-processors"))
    if blueprint.settings.text("remote-write-url"):
        return tuple(wanted)
    return tuple(name for name in wanted if name == _LOCAL_BLOCKS)


def _over(base: Mapping[str, object], over: Mapping[str, object]) -> Tree:
    """Lay one tree over another."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _over(cast("Tree", old), cast("Tree", value))
        else:
            merged[key] = value
    return merged


def _runtime(blueprint: Blueprint) -> Tree:
    """Build the hot-reloaded file; `*` is every tenant that has no entry of its own."""
    limits = _limits(blueprint)
    if not blueprint.settings.flag("multi-tenant"):
        return {"overrides": {_TENANT: limits}}
    tenants = {
        name: _over(limits, cast("Tree", own) if isinstance(own, Mapping) else {})
        for name, own in blueprint.settings.tree("tenant-limits").items()
    }
    return {"overrides": {"*": limits, **tenants}}


def _judge(blueprint: Blueprint) -> tuple[Problem, ...]:
    """Say when metrics-generators were asked for that have nothing to do."""
    if _GENERATOR not in blueprint.targets or _processors(blueprint):
        return ()
    return (
        Problem(
            code="nowhere-to-write",
            text='cannot make metrics of traces: worker role "metrics-generator" has nowhere to write them',
            remedy="set remote-write-url to a Prometheus remote-write address; everything else serves",
            severity=Severity.WARNING,
            facts=(("role", "metrics-generator"), ("setting", "remote-write-url")),
        ),
    )


def _tolerates(said: str) -> bool:
    """Whether the binary only warned: `-config.verify` ends with an error for a warning, too (main.go).

    One of its warnings says itself that it is none.
    """
    return "CONFIGURATION WARNINGS" in said and "will not start" not in said


_BLOCKS = re.compile(r"(wal/blocks/[^/]+/[^/]+/)meta\.json")
"""A block, beside which a file `flushed` says that it was uploaded (modules/ingester/local_block.go)."""
_HEAD = re.compile(r"wal/[^/]+\+[^/]+/meta\.json")
"""What was cut from memory, and is no block yet."""


def _unsent(disk: Disk) -> tuple[str, ...]:
    found = (_BLOCKS.fullmatch(path) for path in sorted(disk.sizes))
    return tuple(one[0] for one in found if one is not None and f"{one[1]}flushed" not in disk.sizes)


def _heads(disk: Disk) -> tuple[str, ...]:
    return tuple(path for path in sorted(disk.sizes) if _HEAD.fullmatch(path))


def _leftovers(disk: Disk) -> tuple[str, ...]:
    return (*_unsent(disk), *_heads(disk))


# No call keeps an ingester from taking traces. It has flushed all it has before its end, so that nothing is
# left to do then. A flush that fails is answered like one that works, and one that works before there are
# blocks to upload, so its disk tells. The compactor lists new blocks every five seconds, readers look into
# its list as often; a look may have begun before.
_DRAIN = Drain(
    roles=("ingester",),
    ring="collectors/ring",
    ask=(Verb(method="POST", path="/flush", roles=("ingester",)),),
    # Its searches then answer as before, as long as the process goes on.
    leave=(Verb(method="POST", path="/shutdown", roles=("ingester",)),),
    uploads_at_end=True,
    found_s=12,
    kept_s=12,
    data=("wal/",),
    unsent=_unsent,
    unready=_heads,
    leftovers=_leftovers,
)


def _check(marker: str, now_ns: int) -> Check:
    trace = hashlib.sha256(marker.encode()).hexdigest()[:32]
    span = {
        "traceId": trace,
        "spanId": trace[:16],
        "name": f"check {marker}",
        "kind": 1,
        "startTimeUnixNano": str(now_ns),
        "endTimeUnixNano": str(now_ns + 1_000_000),
    }
    service = {"key": "service.name", "value": {"stringValue": "rolecall-check"}}
    body = {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [{"spans": [span]}]}]}
    return Check(
        write=Call(
            method="POST",
            path="/v1/traces",
            headers=(("Content-Type", "application/json"),),
            body=json.dumps(body).encode(),
            listener="otlp-http",
        ),
        read=Call(method="GET", path=f"/api/v2/traces/{trace}"),
        expect=marker,
    )


def _write(entry: Entry) -> Call:
    """Write one trace of one span.

    Its id is the run's, then the entry's number, its last digit first: ids that differ only in their last
    byte go to the same ingesters (fnv1 in pkg/util/hash.go), all of some 13 seconds.
    """
    span = {
        "traceId": entry.run + f"{entry.number:016x}"[::-1],
        "spanId": entry.run,
        "name": f"entry {entry.number}",
        "kind": 1,
        "startTimeUnixNano": str(entry.at_ns),
        "endTimeUnixNano": str(entry.at_ns + 1_000_000),
    }
    service = {"key": "service.name", "value": {"stringValue": f"rolecall-ledger-{entry.run}"}}
    body = {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [{"spans": [span]}]}]}
    return Call(
        method="POST",
        path="/otlp/v1/traces",
        headers=(("Content-Type", "application/json"),),
        body=json.dumps(body).encode(),
    )


def _read(window: Window) -> Call:
    asked = {
        "q": f'{{resource.service.name="rolecall-ledger-{window.run}"}}',
        "start": window.start_s - 1,
        "end": window.end_s + 1,
        "limit": MOST,
    }
    return Call(method="GET", path=f"/api/search?{urlencode(asked)}")


def _found(window: Window, answer: str) -> Mapping[int, int]:
    ids = (trace["traceID"] for trace in json.loads(answer)["traces"])
    return Counter(int(trace.removeprefix(window.run)[::-1], 16) for trace in ids)


def _receiver(paths: str, name: str, *, protocol: Protocol = Protocol.HTTP) -> tuple[Route, ...]:
    """Build the routes of one receiver; its port and its listener have the same name."""
    return tuple(
        Route(
            path=path,
            roles=("distributor",),
            methods=("POST",),
            protocol=protocol,
            port=name,
            listener=name,
        )
        for path in paths.split()
    )


def _streaming(listener: str) -> Route:
    return Route(
        path="/tempopb.StreamingQuerier/",
        roles=("query-frontend",),
        match=Match.PREFIX,
        methods=("POST",),
        protocol=Protocol.GRPC,
        port="grpc",
        listener=listener,
    )


_ROUTES = (
    # Writing.
    *_receiver("/v1/traces", "otlp-http"),
    *_receiver(
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export", "otlp-grpc", protocol=Protocol.GRPC
    ),
    *_receiver("/api/v2/spans /api/v1/spans /spans", "zipkin"),
    *_receiver("/api/traces", "jaeger-thrift-http"),
    *_receiver("/jaeger.api_v2.CollectorService/PostSpans", "jaeger-grpc", protocol=Protocol.GRPC),
    # The paths that upstream's own gateway offers beside the queries (helm chart tempo-distributed).
    *(
        Route(
            path=path,
            roles=("distributor",),
            methods=("POST",),
            port="otlp-http",
            rewrite="" if path == "/v1/traces" else "/v1/traces",
        )
        for path in ("/v1/traces", "/otlp/v1/traces")
    ),
    # Querying.
    *open_routes("/api/traces/ /api/v2/traces/", "query-frontend", match=Match.PREFIX, methods="GET"),
    *open_routes(
        "/api/search /api/search/tags /api/v2/search/tags /api/echo /api/status/buildinfo /ready",
        "query-frontend",
        methods="GET",
    ),
    *open_routes("/api/search/tag/ /api/v2/search/tag/", "query-frontend", match=Match.PREFIX, methods="GET"),
    # The queriers ask the generators for the answer.
    *open_routes(
        "/api/metrics/query /api/metrics/query_range /api/metrics/summary",
        "query-frontend",
        methods="GET",
        needs=_GENERATOR,
    ),
    # Grafana asks on the address that it queries; nginx before 1.25.1 cannot do both there.
    _streaming("http"),
    _streaming("streaming"),
    # Internal and destructive.
    *admin_routes("/api/overrides", "query-frontend", methods="GET POST PATCH DELETE"),
    *admin_routes("/status/usage-stats", "query-frontend", methods="GET"),
    *admin_routes("/flush /shutdown", "ingester", methods="GET POST"),
    *admin_routes("/distributor/ring /ingester/ring", "distributor", methods="GET POST"),
    *admin_routes("/metrics-generator/ring", "distributor", methods="GET POST", needs=_GENERATOR),
    *admin_routes("/compactor/ring", "compactor", methods="GET POST"),
    *admin_routes("/usage_metrics", "distributor", methods="GET"),
    *admin_routes("/querier/api/", "querier", match=Match.PREFIX, methods="GET"),
    *admin_routes("/generator/api/", _GENERATOR, match=Match.PREFIX, methods="GET"),
    # Every process.
    *admin_routes("/metrics /memberlist /status", methods="GET"),
    *admin_routes("/status/ /debug/pprof/", match=Match.PREFIX, methods="GET"),
)

_RECEIVERS = ("zipkin", "jaeger-thrift-http", "jaeger-grpc")


def _tags() -> list[Tree]:
    """Build which of a span's attributes are labels of what it is linked to, and under which name."""
    return [{"key": name, "value": name} for name in ("cluster", "unit")]


def _links(uids: Mapping[Signal, str]) -> Tree:
    """Link a span to the logs, metrics and profiles of the unit it is from, by its resource attributes.

    https://grafana.com/docs/grafana/latest/datasources/tempo/configure-tempo-data-source/
    """
    links: Tree = {"nodeGraph": {"enabled": True}}
    if Signal.LOGS in uids:
        links["tracesToLogsV2"] = {
            "datasourceUid": uids[Signal.LOGS],
            "spanStartTimeShift": "-5m",
            "spanEndTimeShift": "5m",
            "tags": _tags(),
        }
    if Signal.METRICS in uids:
        links["serviceMap"] = {"datasourceUid": uids[Signal.METRICS]}
        links["tracesToMetrics"] = {
            "datasourceUid": uids[Signal.METRICS],
            "tags": _tags(),
            "queries": [{"name": "CPU", "query": "rate(process_cpu_seconds_total{$$__tags}[5m])"}],
        }
    if Signal.PROFILES in uids:
        links["tracesToProfiles"] = {
            "datasourceUid": uids[Signal.PROFILES],
            "profileTypeId": "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
            "tags": _tags(),
        }
    return links


def _receiver_option(receiver: str) -> Option:
    return Option(
        name=f"always_enable_{receiver.replace('-', '_')}",
        kind=OptionKind.BOOLEAN,
        default=False,
        summary=f"whether spans are taken in by {receiver} although no application asked for it",
        setting="receivers",
        convert=option_values.item(receiver),
        express=option_values.listed(receiver),
    )


def _always_on(name: str) -> Option:
    return Option(
        name=f"always_enable_{name}",
        kind=OptionKind.BOOLEAN,
        default=False,
        summary="kept for bundles that set it: OTLP is always taken in",
    )


_CHARM = Charm(
    container="tempo",
    image="docker.io/grafana/tempo",
    binary="/tempo",
    storage=Storage(
        name="wal",
        path="/var/lib/tempo",
        summary="The log of writes, and blocks on their way to the bucket.",
    ),
    options=(
        Option(
            name="retention-period",
            kind=OptionKind.INT,
            default=720,
            summary="how many hours traces are kept; 0 keeps them for ever",
            setting="retention",
            convert=option_values.hours,
            express=option_values.in_hours,
        ),
        *(_receiver_option(name) for name in _RECEIVERS),
        _always_on("otlp_grpc"),
        _always_on("otlp_http"),
    ),
    endpoints={
        Purpose.PEERS: ("peers", "rolecall_peers"),
        Purpose.INGRESS: ("ingress", "traefik_route"),
        Purpose.ISTIO_INGRESS: ("istio-ingress", ""),
        Purpose.METRICS: ("metrics-endpoint", ""),
        Purpose.DASHBOARDS: ("grafana-dashboard", ""),
        Purpose.DATASOURCE_OUT: ("", ""),
        Purpose.DATASOURCE_IN: ("receive-datasource", ""),
        Purpose.LOGS: ("logging", ""),
        Purpose.CHARM_TRACING: ("self-charm-tracing", ""),
        Purpose.WORKLOAD_TRACING: ("self-workload-tracing", ""),
        Purpose.INTAKE: ("tracing", "tracing"),
        Purpose.API: ("tempo-api", "tempo_api"),
        Purpose.PROBES: ("probes", ""),
        Purpose.METRICS_OUT: ("send-remote-write", ""),
    },
)


TEMPO = Product(
    name="tempo",
    title="Tempo",
    # Roles and keys are the same on all three.
    # From each version to the next (https://grafana.com/docs/tempo/latest/set-up-for-tracing/setup-tempo/upgrade/).
    lines=(_line("2.10", "2.9"), _line("2.9", "2.8"), _line("2.8")),
    binary=Binary(
        name="tempo",
        version="2.10.8",
        variable="ROLECALL_TEMPO",
        release=Release(
            url="https://github.com/grafana/tempo/releases/download/v{version}/tempo_{version}_linux_{arch}.tar.gz",
            member="tempo",
            checksums="https://github.com/grafana/tempo/releases/download/v{version}/SHA256SUMS",
        ),
        # The newest version that the module proxy serves.
        module=GoModule(folder="tempo", package="github.com/grafana/tempo/cmd/tempo", version="2.8.0-rc.0+2"),
        identify=("-version",),
        mark="tempo, version",
    ),
    ports=(
        Port(name="http", number=_HTTP),
        Port(name="grpc", number=fragments.GRPC_PORT),
        Port(name="gossip", number=fragments.GOSSIP_PORT),
        Port(name="otlp-grpc", number=_OTLP_GRPC, roles=("distributor",)),
        Port(name="otlp-http", number=_OTLP_HTTP, roles=("distributor",)),
        Port(name="zipkin", number=_ZIPKIN, roles=("distributor",)),
        Port(name="jaeger-thrift-http", number=_JAEGER_HTTP, roles=("distributor",)),
        Port(name="jaeger-grpc", number=_JAEGER_GRPC, roles=("distributor",)),
    ),
    listeners=(
        Listener(name="http", number=_HTTP),
        Listener(name="otlp-grpc", number=_OTLP_GRPC, grpc=True, protocol="otlp_grpc"),
        Listener(name="otlp-http", number=_OTLP_HTTP, protocol="otlp_http"),
        # Where the charms have it, so that an existing data source goes on working.
        Listener(name="streaming", number=_STREAMING, grpc=True),
        Listener(name="zipkin", number=_ZIPKIN, receiver="zipkin", protocol="zipkin"),
        Listener(
            name="jaeger-thrift-http",
            number=_JAEGER_HTTP,
            receiver="jaeger-thrift-http",
            protocol="jaeger_thrift_http",
        ),
        Listener(
            name="jaeger-grpc",
            number=_JAEGER_GRPC,
            grpc=True,
            receiver="jaeger-grpc",
            protocol="jaeger_grpc",
        ),
    ),
    routes=_ROUTES,
    settings=(
        Setting(
            name="receivers",
            kind=Kind.LIST,
            summary="protocols that are taken in beside OTLP, each on its standard port; nothing restarts",
            default=(),
            choices=_RECEIVERS,
        ),
        Setting(
            name="remote-write-url",
            kind=Kind.URL,
            summary="where metrics-generators write their series (Prometheus remote write)",
            sends=Signal.METRICS,
            role="metrics-generator",
        ),
        Setting(
            name="metrics-processors",
            kind=Kind.LIST,
            summary="what metrics-generators make; local-blocks is what TraceQL metrics are answered from",
            default=("service-graphs", "span-metrics"),
            choices=("service-graphs", "span-metrics", _LOCAL_BLOCKS),
        ),
    ),
    config=_config,
    runtime=_runtime,
    judge=_judge,
    check=_check,
    entries=Entries(
        write=_write,
        read=_read,
        found=_found,
        # An ingester shows a trace from when it has cut it out of memory, each by a ticker of its own, and a
        # querier waits for two of three (modules/ingester/flush.go, modules/querier/querier.go).
        settles_s=_REST_S + _LOOK_S,
    ),
    arguments=("-config.file={config}", "-config.expand-env=true", "-target={targets}"),
    # At a lower level it would keep its warnings to itself and only end with an error.
    verify=("-config.file={config}", "-config.expand-env=true", "-config.verify=true", "-log.level=warn"),
    tolerates=_tolerates,
    live_keys=("memberlist.join_members",),
    # Each is read where its module is made (cmd/tempo/app/modules.go); the ring of the generators is also
    # read by those that ask them, and what is below `ingester` by all that know the ingesters' ring.
    read_by={
        "compactor": ("compactor",),
        "distributor": ("distributor",),
        "metrics_generator.processor": (_GENERATOR,),
        "metrics_generator.storage": (_GENERATOR,),
        "querier": ("querier",),
        "query_frontend": ("query-frontend",),
    },
    protected={
        "server.http_listen_address": "every unit listens on its own address",
        "server.http_listen_port": "the gateway sends to the standard port",
        "server.grpc_listen_address": "every unit listens on its own address",
        "server.grpc_listen_port": "the units find each other on the standard port",
        "memberlist": "the coordinator knows the members",
        "http_api_prefix": "the gateway knows the paths",
        "multitenancy_enabled": "it is the setting multi-tenant",
        "auth_enabled": "it is the setting multi-tenant",
        "distributor.ring": "the units' identity in their rings is given",
        "distributor.receivers": "they are the setting receivers",
        "compactor.ring": "the units' identity in their rings is given",
        "metrics_generator.ring": "the units' identity in their rings is given",
        "metrics_generator.storage": "it is the setting remote-write-url",
        "ingester.lifecycler.address": "every unit has its own address",
        "ingester.lifecycler.id": "the units' identity in their rings is given",
        "ingester.lifecycler.ring": "it is the setting replication-factor",
        "ingester.flush_all_on_shutdown": "a unit that leaves must hand over what it holds",
        "querier.frontend_worker.frontend_address": "the coordinator gives each querier its frontend",
        "storage.trace.backend": "it is object-store",
        "storage.trace.s3": "it is object-store",
        "storage.trace.local": "it is object-store",
        "storage.trace.wal.path": "the unit's folder is given",
        "overrides.per_tenant_override_config": "limits are read from the file the coordinator keeps",
        "target": "roles are chosen by worker",
    },
    limits_key="overrides.defaults",
    replicated="ingester",
    # A live trace is in memory until it is cut into the write-ahead log (modules/ingester/instance.go).
    volatile="what an ingester has in memory, which is each trace until it has rested for 2 s",
    dials=("querier", "query-frontend"),
    rings=(
        # Neither ingesters nor generators have the page of their own ring.
        Ring(role="distributor", path="/ingester/ring", members="ingester"),
        Ring(role="distributor", path="/distributor/ring"),
        Ring(role="compactor", path="/compactor/ring"),
        Ring(role="distributor", path="/metrics-generator/ring", members=_GENERATOR),
    ),
    drains=(_DRAIN,),
    intakes=(
        Intake(signal=Signal.TRACES, listener="otlp-http"),
        Intake(signal=Signal.JAEGER, listener="jaeger-thrift-http", path="/api/traces"),
    ),
    tracing=fragments.otlp_tracing(),
    datasource=Datasource(type="tempo", data=_links),
    card=Card(
        icon="transit-connection-variant",
        summary="Takes in traces, keeps them in an object store, and answers TraceQL queries.",
        docs="https://grafana.com/docs/tempo/latest/api_docs/",
        apis={"Search traces": "/api/search", "Trace by id": "/api/traces/"},
    ),
    tenant=_TENANT,
    minimal=(
        ("distributor", ("distributor",), 1),
        ("ingester", ("ingester",), 1),
        ("querier", ("querier",), 1),
        ("query-frontend", ("query-frontend",), 1),
        ("compactor", ("compactor",), 1),
    ),
    recommended=(
        ("distributor", ("distributor",), 2),
        ("ingester", ("ingester",), 3),
        ("querier", ("querier",), 2),
        ("query-frontend", ("query-frontend",), 2),
        ("compactor", ("compactor",), 1),
    ),
    # What the HTTP receivers take by themselves (collector config/confighttp, 20 MiB).
    max_body="20m",
    query_timeout_s=_QUERY_S,
    charm=_CHARM,
)
