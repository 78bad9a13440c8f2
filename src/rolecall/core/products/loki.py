"""Loki: everything Rolecall knows of it.

Sources: the HTTP API and configuration references of v3.7 (grafana.com/docs/loki/latest/reference)
and, where said, `pkg/loki` of v3.7.6.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from urllib.parse import urlencode

from rolecall.core import fragments, option_values
from rolecall.core.binary import Binary, GoModule, Release
from rolecall.core.charm import Charm, Option, OptionKind, Purpose, Storage
from rolecall.core.entries import MOST, Entries, Entry, Window
from rolecall.core.handover import Disk, Drain
from rolecall.core.model import Directory, ObjectStore
from rolecall.core.product import Blueprint, Kind, Product, Setting
from rolecall.core.roles import Joint, Keeps, Line, MetaRole, Role
from rolecall.core.routes import (
    Access,
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

_TENANT = "fake"
"""The tenant of everything while `auth_enabled` is false."""

# On this line the binary wires its store by the names of its targets (pkg/loki/modules.go, the switches in
# updateConfigForShipperStore and setupAsyncStore), so `read`, `write` and `backend` are passed on as they
# are: written out as components, an index gateway would query itself.
#
# Nor can two of them stand side by side. With `write` the store only writes its index, so who reads beside
# it finds nothing; with `read` it also asks the ingesters, so an ingester beside it asks itself without end.
# `all` is wired for both. An index gateway beside `read` would query itself again, which is what upstream's
# older two-target mode is for.
_LINE_3_7 = Line(
    name="3.7",
    roles=(
        Role(
            name="write",
            summary="takes log lines in, keeps the newest in memory and on disk, and stores them",
            components=("distributor", "ingester", "pattern-ingester"),
            keeps=Keeps.DATA,
            ring=True,
            wave=0,
            kill_delay_s=300,
        ),
        Role(
            name="backend",
            summary="serves the index, schedules queries, evaluates rules, compacts and deletes",
            components=(
                "query-scheduler",
                "ruler",
                "compactor",
                "index-gateway",
                "bloom-planner",
                "bloom-builder",
                "bloom-gateway",
            ),
            keeps=Keeps.CACHE,
            ring=True,
            wave=1,
            # It keeps nothing, and while it is the only one its server waits for ever for the readers' open
            # streams to end: their list of schedulers is never emptied (util/ring_watcher.go).
            kill_delay_s=20,
            # A new scheduler takes queries once it has looked into its ring, every three seconds
            # (RingCheckPeriod), and the readers have: were the next one to go before, none would be left.
            settle_s=10,
        ),
        Role(
            name="read",
            summary="answers queries from the store and from the writers",
            components=("query-frontend", "querier"),
        ),
    ),
    meta_roles=(
        MetaRole(
            name="all",
            roles=("write", "backend", "read"),
            target="all",
            # It keeps to itself what it can, whoever is beside it. With index gateways it would have to
            # restart when the last of them goes. With its scheduler in the ring it would never end: its
            # server waits for the streams of others, who leave only once it is out of the ring, and that
            # comes after. Its compactor is always its own (compactorAddress in modules.go).
            flags=("-index-gateway.mode=simple", "-query-scheduler.use-scheduler-ring=false"),
            unread=("index_gateway.mode", "common.compactor_grpc_address"),
        ),
    ),
    joints=(
        Joint(roles=("write", "read"), targets=("all",)),
        Joint(roles=("write", "backend"), targets=("all",)),
        Joint(roles=("backend", "read"), targets=("read",), flags=("-legacy-read-mode=true",)),
    ),
)


def _lifecycler(min_ready: str) -> Tree:
    """Build a ring member's start; the wait begins at the first readiness check, one after the other."""
    return {
        "min_ready_duration": min_ready,
        # Else a member that is away keeps every new one from becoming ready (dskit ring/lifecycler.go).
        "readiness_check_ring_health": False,
    }


def _store(store: ObjectStore) -> Tree:
    """Build the object-store client of `storage_config`."""
    if isinstance(store, Directory):
        return {"filesystem": {"dir": f"{store.path}/data"}}
    s3 = fragments.s3(store)
    if store.ca:
        s3["http"] = {"tls_config": {"ca_path": store.ca}}
    return {"s3": s3}


def _rules(store: ObjectStore) -> Tree:
    """Build `ruler_storage`: the `filesystem` backend takes rules by API, the older `local` one refuses."""
    if isinstance(store, Directory):
        return {"backend": "filesystem", "filesystem": {"dir": f"{store.path}/rules"}}
    return {"backend": "s3", **_store(store), "storage_prefix": "rules"}


def _config(blueprint: Blueprint) -> Tree:
    settings, choices = blueprint.settings, blueprint.choices
    kind = "filesystem" if isinstance(blueprint.store, Directory) else "s3"
    multi = settings.flag("multi-tenant")
    ruler: Tree = {
        "enable_api": True,
        "enable_sharding": True,
        "rule_path": f"{fragments.DATA}/rules-temp",
    }
    if url := settings.text("alertmanager-url"):
        ruler |= {"alertmanager_url": url, "enable_alertmanager_v2": True}
    if url := settings.text("remote-write-url"):
        ruler |= {
            "wal": {"dir": f"{fragments.DATA}/ruler-wal"},
            "remote_write": {"enabled": True, "clients": {"main": {"url": url}}},
        }
    return {
        "auth_enabled": multi,
        "server": fragments.server(3100, settings.text("log-level"), 300),
        "memberlist": fragments.memberlist(blueprint.deployment, choices),
        "common": {
            "path_prefix": fragments.DATA,
            "replication_factor": choices.replication_factor,
            "instance_addr": fragments.ADDRESS,
            "compactor_grpc_address": f"{choices.peers['backend']}:{fragments.GRPC_PORT}"
            if "backend" in choices.peers
            else "",
            # Naming the ring makes it non-default, and then the store must be said too (config_wrapper.go).
            "ring": {**fragments.ring(), "kvstore": {"store": "memberlist"}},
        },
        "schema_config": {
            "configs": [
                {
                    "from": "2024-08-06",
                    "store": "tsdb",
                    "object_store": kind,
                    "schema": "v13",
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
        "storage_config": {
            "use_thanos_objstore": True,
            "object_store": _store(blueprint.store),
            # What a stopped writer uploaded is invisible until readers sync; the default is five minutes.
            "tsdb_shipper": {
                "active_index_directory": f"{fragments.DATA}/index",
                "cache_location": f"{fragments.DATA}/index-cache",
                "resync_interval": "10s",
            },
        },
        "ruler_storage": _rules(blueprint.store),
        "ruler": ruler,
        "ingester": {
            # Long enough for the others to hear by gossip that this one is back.
            "lifecycler": _lifecycler("5s"),
            # One that restarts reads its log back and answers for all of it again; what it flushed as well is
            # found by the readers when the number of copies rises, and the new ones have none of it.
            "wal": {"dir": f"{fragments.DATA}/wal", "flush_on_shutdown": True},
        },
        # `read` follows this setting while `backend` always uses a ring (modules_test.go): say ring to both.
        # No other target has an index gateway; where all are missing, readers read the index themselves.
        # Of their ring's members all but half a replication factor must be healthy (dskit ring.go,
        # GetReplicationSetForOperation): with the writers' three, two of them couldn't do without one.
        "index_gateway": {
            "mode": "ring" if "backend" in blueprint.targets else "simple",
            "ring": {"replication_factor": 2},
        },
        # A scheduler that stops ends a frontend's streams, one with each query it refuses. With the last,
        # or once the frontend no longer finds it, what it has handed out is lost without a word
        # (scheduler.go, frontendDisconnected): so many streams, and not too quick a look. But a frontend is
        # ready only when it has found a scheduler, and the default look-up is every ten seconds.
        "frontend": {"scheduler_dns_lookup_period": "2s", "scheduler_worker_concurrency": 64},
        "frontend_worker": {"dns_lookup_duration": "1s"},
        "pattern_ingester": {"enabled": True, "lifecycler": _lifecycler("0s")},
        "compactor": {
            "working_directory": f"{fragments.DATA}/compactor",
            "retention_enabled": True,
            "delete_request_store": kind,
        },
        "limits_config": {
            "allow_structured_metadata": True,
            "volume_enabled": True,
            **(_limits(blueprint) if multi else {}),
        },
        "runtime_config": {"file": f"{fragments.DATA}/runtime.yaml", "period": "10s"},
        "analytics": {"reporting_enabled": False},
    }


def _limits(blueprint: Blueprint) -> Tree:
    retention = blueprint.settings.seconds("retention")
    return {"retention_period": f"{retention}s", **blueprint.settings.tree("limits")}


def _runtime(blueprint: Blueprint) -> Tree:
    """Build the hot-reloaded file: without tenancy every limit is the one tenant's."""
    if blueprint.settings.flag("multi-tenant"):
        return {"overrides": blueprint.settings.tree("tenant-limits")}
    return {"overrides": {_TENANT: _limits(blueprint)}}


_MARKER = "shutdown-requested.txt"
_BUILT = "index/multitenant/"
"""Where a writer keeps the index files that it has built."""


def _leftovers(disk: Disk) -> tuple[str, ...]:
    """List what shows that a writer's end wasn't a whole one.

    At a clean end it takes its marker away (pkg/ingester/ingester.go, stopping), and builds the index files
    that it uploads from its index log (tsdb/head_manager.go).
    """
    return tuple(
        path
        for path, size in sorted(disk.sizes.items())
        if path == _MARKER or (size and path.startswith("index/wal/"))
    )


def _indexes(disk: Disk) -> tuple[str, ...]:
    """Name the index files in the object store by those that a writer has built: they are uploaded zipped."""
    built = (path.removeprefix(_BUILT) for path in disk.sizes if path.startswith(_BUILT))
    return tuple(f"index/{name}.gz" for name in sorted(built) if name.endswith(".tsdb"))


def _marker(disk: Disk) -> tuple[str, ...]:
    return tuple(path for path in disk.sizes if path == _MARKER)


# No call keeps a writer from taking writes, and it uploads its index at its end only. It doesn't end before
# it has flushed. Readers look for new index files every ten seconds, in a list that may be a minute old
# (pkg/storage/stores/shipper/indexshipper/storage/cached_client.go); until then it goes on, and has all of
# it from its log.
_DRAIN = Drain(
    roles=("write",),
    ask=(
        Verb(method="POST", path="/ingester/prepare_shutdown", roles=("write",)),
        Verb(method="POST", path="/flush", roles=("write",)),
    ),
    undo=(Verb(method="DELETE", path="/ingester/prepare_shutdown", roles=("write",)),),
    uploads_at_end=True,
    kept_s=72,
    data=("wal/", "index/wal/"),
    leftovers=_leftovers,
    stored=_indexes,
    folder="data",
    ring="collectors/ring",
    reads_only=("-ingester.num-tokens=0",),
    unfinished=_marker,
)


def _check(marker: str, now_ns: int) -> Check:
    line = json.dumps(
        {"streams": [{"stream": {"job": "rolecall-check"}, "values": [[str(now_ns), f"check {marker}"]]}]}
    )
    start, end = now_ns - 600 * 10**9, now_ns + 600 * 10**9
    query = "%7Bjob%3D%22rolecall-check%22%7D%20%7C%3D%20%22" + marker + "%22"
    return Check(
        write=Call(
            method="POST",
            path="/loki/api/v1/push",
            headers=(("Content-Type", "application/json"),),
            body=line.encode(),
        ),
        read=Call(
            method="GET", path=f"/loki/api/v1/query_range?query={query}&start={start}&end={end}&limit=5"
        ),
        expect=marker,
    )


def _write(entry: Entry) -> Call:
    """Write one line; streams are what is shared out between writers."""
    labels = {"job": "rolecall-ledger", "run": entry.run, "series": str(entry.series)}
    stream = {"stream": labels, "values": [[str(entry.at_ns), f"entry {entry.number}"]]}
    return Call(
        method="POST",
        path="/loki/api/v1/push",
        headers=(("Content-Type", "application/json"),),
        body=json.dumps({"streams": [stream]}).encode(),
    )


def _read(window: Window) -> Call:
    asked = {
        "query": f'{{run="{window.run}"}}',
        "start": window.start_s * 10**9,
        "end": window.end_s * 10**9,
        "limit": MOST,
    }
    return Call(method="GET", path=f"/loki/api/v1/query_range?{urlencode(asked)}")


def _found(_: Window, answer: str) -> Mapping[int, int]:
    streams = json.loads(answer)["data"]["result"]
    return Counter(int(value[1].split()[1]) for stream in streams for value in stream["values"])


_API = "/loki/api/v1"
_ROUTES = (
    # Writers.
    *open_routes(f"{_API}/push /otlp/v1/logs /api/prom/push", "write", methods="POST"),
    *admin_routes("/distributor/ring /ring", "write", methods="GET POST"),
    *admin_routes("/flush", "write", methods="GET POST"),
    *admin_routes("/ingester/", "write", match=Match.PREFIX),
    # Tail needs the connection to be upgraded.
    *(
        Route(path=path, roles=("read",), methods=("GET",), protocol=Protocol.WEBSOCKET)
        for path in (f"{_API}/tail", "/api/prom/tail")
    ),
    # Rules; before `/api/prom/`, which they are a part of.
    *open_routes(
        f"{_API}/rules /api/prom/rules /prometheus/api/v1/rules /prometheus/api/v1/alerts", "backend"
    ),
    *open_routes(f"{_API}/rules/ /api/prom/rules/", "backend", match=Match.PREFIX),
    # Deleting and the other internals of the backend.
    Route(
        path=f"{_API}/delete",
        roles=("backend",),
        methods=("GET", "POST", "PUT", "DELETE"),
        access=Access.ADMIN,
        peer="backend",
    ),
    Route(
        path=f"{_API}/cache/generation_numbers",
        roles=("backend",),
        methods=("GET",),
        access=Access.ADMIN,
        peer="backend",
    ),
    *admin_routes(
        "/ruler/ring /compactor/ring /indexgateway/ring /scheduler/ring", "backend", methods="GET POST"
    ),
    # Every process.
    *open_routes(f"/ready {_API}/status/buildinfo /config/tenant/v1/limits", "read", methods="GET"),
    *admin_routes("/metrics /config /services /memberlist", methods="GET"),
    *admin_routes("/log_level", methods="GET POST"),
    # Queries.
    *open_routes(
        f"{_API}/query {_API}/query_range {_API}/labels {_API}/label {_API}/series {_API}/patterns "
        f"{_API}/format_query {_API}/detected_labels {_API}/detected_fields",
        "read",
        methods="GET POST",
    ),
    *open_routes(f"{_API}/drilldown-limits", "read", methods="GET"),
    *open_routes(
        f"{_API}/label/ {_API}/index/ {_API}/detected_field/",
        "read",
        match=Match.PREFIX,
        methods="GET POST",
    ),
    *open_routes("/api/prom/query /api/prom/label /api/prom/series", "read", methods="GET POST"),
    *open_routes("/api/prom/label/", "read", match=Match.PREFIX, methods="GET POST"),
)


def _links(uids: Mapping[Signal, str]) -> Tree:
    """Link the trace id of a log line to its trace.

    https://grafana.com/docs/grafana/latest/datasources/loki/#provision-the-data-source; the products write
    it as `traceID` or `trace_id`.
    """
    if Signal.TRACES not in uids:
        return {}
    field = {
        "name": "trace",
        "matcherRegex": r"\btrace_?[iI][dD]=(\w+)",
        "url": "$${__value.raw}",
        "datasourceUid": uids[Signal.TRACES],
    }
    return {"derivedFields": [field]}


_CHARM = Charm(
    container="loki",
    image="docker.io/grafana/loki",
    binary="/usr/bin/loki",
    storage=Storage(
        name="loki-persisted",
        path="/var/lib/loki",
        summary="The log of writes, the index on its way to the bucket, and caches.",
    ),
    options=(
        Option(
            name="ingestion-rate-mb",
            kind=OptionKind.INT,
            default=4,
            summary="MB of log lines that a tenant, and any one of its streams, may send in a second",
            setting="limits",
            convert=option_values.keys("ingestion_rate_mb", "per_stream_rate_limit", form="{}MB"),
        ),
        Option(
            name="ingestion-burst-size-mb",
            kind=OptionKind.INT,
            default=15,
            summary="MB of log lines that a tenant, and any one of its streams, may send at once",
            setting="limits",
            convert=option_values.keys("ingestion_burst_size_mb", "per_stream_rate_limit_burst", form="{}MB"),
        ),
        Option(
            name="max-global-streams-per-user",
            kind=OptionKind.INT,
            default=5000,
            summary="active streams that a tenant may have; 0 is no limit",
            setting="limits",
            convert=option_values.keys("max_global_streams_per_user", least=0),
        ),
        Option(
            name="retention-period",
            kind=OptionKind.INT,
            default=15,
            summary="how many days logs are kept; 0 keeps them for ever",
            setting="retention",
            convert=option_values.days,
            express=option_values.in_days,
        ),
        Option(
            name="reporting_enabled",
            kind=OptionKind.BOOLEAN,
            default=False,
            summary="whether Loki reports anonymous usage to its makers",
            setting="config-overrides.analytics.reporting_enabled",
        ),
    ),
    endpoints={
        Purpose.INTAKE: ("logging", "loki_push_api"),
        Purpose.METRICS_IN: ("receive-remote-write", ""),
        Purpose.ALERTING: ("alertmanager", ""),
    },
)


LOKI = Product(
    name="loki",
    title="Loki",
    lines=(_LINE_3_7,),
    binary=Binary(
        name="loki",
        version="3.7.6",
        variable="ROLECALL_LOKI",
        release=Release(
            url="https://github.com/grafana/loki/releases/download/v{version}/loki-linux-{arch}.zip",
            member="loki-linux-{arch}",
            checksums="https://github.com/grafana/loki/releases/download/v{version}/SHA256SUMS",
        ),
        module=GoModule(folder="loki", package="github.com/grafana/loki/v3/cmd/loki"),
        identify=("-version",),
        mark="loki, version",
    ),
    ports=(
        Port(name="http", number=3100),
        Port(name="grpc", number=fragments.GRPC_PORT),
        Port(name="gossip", number=fragments.GOSSIP_PORT),
    ),
    listeners=(Listener(name="http", number=3100),),
    routes=_ROUTES,
    settings=(
        Setting(
            name="alertmanager-url",
            kind=Kind.URL,
            summary="where the rulers send alerts",
            sends=Signal.ALERTS,
        ),
        Setting(
            name="remote-write-url",
            kind=Kind.URL,
            summary="where recording rules write their series (Prometheus remote write)",
            sends=Signal.METRICS,
        ),
    ),
    config=_config,
    runtime=_runtime,
    check=_check,
    entries=Entries(write=_write, read=_read, found=_found),
    arguments=("-config.file={config}", "-config.expand-env=true", "-target={targets}"),
    verify=("-config.file={config}", "-config.expand-env=true", "-verify-config"),
    # S3-compatible stores don't all know the SDK's newer default checksums.
    environment={
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    },
    live_keys=("memberlist.join_members",),
    # Whoever has a compactor asks its own, and writers ask none (compactorAddress in modules.go).
    read_by={"index_gateway.mode": ("read",), "common.compactor_grpc_address": ("read",)},
    protected={
        "server.http_listen_address": "every unit listens on its own address",
        "server.http_listen_port": "the gateway sends to the standard port",
        "server.grpc_listen_address": "every unit listens on its own address",
        "server.grpc_listen_port": "the units find each other on the standard port",
        "memberlist": "the coordinator knows the members",
        "common.replication_factor": "it is the setting replication-factor",
        "common.ring": "the units' identity in their rings is given",
        "common.instance_addr": "every unit has its own address",
        "common.compactor_grpc_address": "the coordinator chooses the compactor",
        "common.path_prefix": "the unit's folder is given",
        "auth_enabled": "it is the setting multi-tenant",
        "runtime_config": "limits are read from the file the coordinator keeps",
        # Each of its two servers would wait for the other to end (pkg/loki/modules.go, initInternalServer).
        "internal_server": "no process with two servers ends by itself",
        "ingester.wal.flush_on_shutdown": "a unit that leaves must hand over what it holds",
        "ingester.shutdown_marker_path": "a unit that leaves shows there how far it is",
        "storage_config.tsdb_shipper.active_index_directory": "a unit that leaves shows there how far it is",
        "storage_config.object_store": "it is object-store",
        "storage_config.use_thanos_objstore": "it is object-store",
        "target": "roles are chosen by worker",
    },
    # Chunks and index are looked for as the period of their time says, and each begins at midnight UTC
    # (https://grafana.com/docs/loki/latest/operations/storage/schema/#changing-the-schema).
    periods="schema_config.configs",
    limits_key="limits_config",
    replicated="write",
    peers=("backend",),
    rings=(
        Ring(role="write", path="/ring"),
        Ring(role="write", path="/pattern/ring"),
        Ring(role="backend", path="/scheduler/ring"),
        Ring(role="backend", path="/compactor/ring"),
        Ring(role="backend", path="/indexgateway/ring"),
        Ring(role="backend", path="/ruler/ring"),
    ),
    drains=(_DRAIN,),
    intakes=(Intake(signal=Signal.LOGS, path=f"{_API}/push"),),
    tracing=fragments.otlp_tracing(),
    datasource=Datasource(type="loki", data=_links),
    card=Card(
        icon="math-log",
        summary="Takes in log lines, keeps them in an object store, and answers LogQL queries.",
        docs="https://grafana.com/docs/loki/latest/reference/loki-http-api/",
        apis={"Push logs": f"{_API}/push", "Query logs": f"{_API}/query_range", "Rules": f"{_API}/rules"},
    ),
    tenant=_TENANT,
    minimal=(("write", ("write",), 1), ("read", ("read",), 1), ("backend", ("backend",), 1)),
    recommended=(("write", ("write",), 3), ("read", ("read",), 2), ("backend", ("backend",), 2)),
    max_body="100m",
    query_timeout_s=300,
    charm=_CHARM,
)
