"""Mimir: everything Rolecall knows of it.

Sources: the HTTP API and configuration references (grafana.com/docs/mimir/latest/references) and, where
said, grafana/mimir of 2026-04-23, which line 3.1 was cut from. Both lines run the classic architecture.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlencode

from msgspec.structs import replace

from rolecall.core import fragments, option_values, shipper
from rolecall.core.binary import Binary, GoModule, Release
from rolecall.core.charm import Charm, Option, OptionKind, Purpose, Storage
from rolecall.core.entries import Entries, Entry, Window
from rolecall.core.handover import Disk, Drain
from rolecall.core.model import Directory, ObjectStore
from rolecall.core.product import Blueprint, Kind, Product, Setting
from rolecall.core.roles import Keeps, Line, MetaRole, Role
from rolecall.core.routes import Call, Check, Listener, Match, Port, Ring, Verb, admin_routes, open_routes
from rolecall.core.signals import Card, Datasource, Intake, Signal
from rolecall.core.tree import Tree

_HTTP_PORT = 8080
_TENANT = "anonymous"
"""The tenant of everything while `multitenancy_enabled` is false: upstream's `no_auth_tenant`."""

_ROLES = (
    Role(
        name="ingester",
        summary="keeps the newest samples in memory and on disk, and stores them as blocks",
        keeps=Keeps.DATA,
        ring=True,
        wave=0,
        # Asked to flush at its end, it compacts and uploads everything first.
        kill_delay_s=300,
    ),
    Role(
        name="store-gateway",
        summary="serves stored blocks to queries",
        keeps=Keeps.CACHE,
        ring=True,
        wave=0,
        kill_delay_s=60,
    ),
    Role(
        name="alertmanager",
        summary="groups, silences and sends alerts",
        required=False,
        keeps=Keeps.CACHE,
        ring=True,
        wave=0,
        kill_delay_s=60,
    ),
    Role(
        name="compactor",
        summary="merges blocks, deletes old ones and keeps the index of the bucket",
        keeps=Keeps.CACHE,
        ring=True,
        wave=1,
    ),
    Role(name="ruler", summary="evaluates recording and alerting rules", ring=True, wave=1),
    Role(
        name="overrides-exporter",
        summary="shows the tenants' limits as metrics",
        required=False,
        wave=1,
    ),
    Role(name="query-scheduler", summary="queues queries between the query-frontends and the queriers"),
    Role(name="querier", summary="answers queries from the ingesters and the store-gateways"),
    Role(name="query-frontend", summary="takes queries in and splits them"),
    Role(name="distributor", summary="takes samples in and spreads them over the ingesters", wave=1),
)
_OPTIONAL = ("alertmanager", "overrides-exporter")
# 3.x has no targets read, write and backend any more (CHANGELOG 3.0.0), so they are expanded on both lines,
# and `all` with them: the roles of one process then have the same names everywhere.
_META_ROLES = (
    MetaRole(name="read", roles=("query-frontend", "querier")),
    MetaRole(name="write", roles=("distributor", "ingester")),
    MetaRole(
        name="backend",
        roles=(
            "query-scheduler",
            "ruler",
            "store-gateway",
            "compactor",
            "alertmanager",
            "overrides-exporter",
        ),
    ),
    MetaRole(name="all", roles=tuple(role.name for role in _ROLES if role.name not in _OPTIONAL)),
)
# What was written within two years stays readable, and configuration may go after two minor versions
# (https://grafana.com/docs/mimir/latest/configure/about-versioning/); each line gets a config of its own.
_LINE_3_1 = Line(name="3.1", roles=_ROLES, meta_roles=_META_ROLES, after=("2.17",))
# The query-frontend of 2.17 can do without a scheduler: queriers then dial it (pkg/frontend/config.go there).
_LINE_2_17 = Line(
    name="2.17",
    roles=tuple(replace(role, required=False) if role.name == "query-scheduler" else role for role in _ROLES),
    meta_roles=_META_ROLES,
)


def _storage(store: ObjectStore) -> Tree:
    """Build the object store and where in it rules and alerts are."""
    if isinstance(store, Directory):
        return {
            "common": {"storage": {"backend": "filesystem"}},
            "ruler_storage": {"filesystem": {"dir": f"{store.path}/rules"}},
            "alertmanager_storage": {"filesystem": {"dir": f"{store.path}/alerts"}},
        }
    s3 = fragments.s3(store)
    if store.ca:
        s3["http"] = {"tls_ca_path": store.ca}
    return {
        "common": {"storage": {"backend": "s3", "s3": s3}},
        "ruler_storage": {"storage_prefix": "rules"},
        "alertmanager_storage": {"storage_prefix": "alerts"},
    }


def _blocks(store: ObjectStore) -> Tree:
    """Build `blocks_storage` so that what an ingester flushed can be read within about a minute.

    By default that takes twelve hours, so that queries needn't ask the store for what the ingesters have.
    A flushed block has to get into the bucket index (`compactor.cleanup_interval`), the store-gateways have
    to load the index (`sync_interval`), and the queriers look for a new one once a minute
    (pkg/querier/blocks_store_queryable.go, CheckInterval).
    """
    directory = isinstance(store, Directory)
    return {
        **({"filesystem": {"dir": f"{store.path}/blocks"}} if directory else {"storage_prefix": "blocks"}),
        "tsdb": {"dir": f"{fragments.DATA}/tsdb"},
        "bucket_store": {
            "sync_dir": f"{fragments.DATA}/tsdb-sync",
            # Blocks younger than ten hours are not loaded by default: their samples are taken to be in an
            # ingester still, and a drained one has gone ("Useful when used together with query-store-after").
            "ignore_blocks_within": "0s",
            # 15m by default. A querier takes three of these for the time in which a new block may be missing
            # without an error (pkg/storage/tsdb/config.go, NewBlockDiscoveryDelayMultiplier).
            "sync_interval": "10s",
        },
    }


def _leftovers(disk: Disk) -> tuple[str, ...]:
    """List the blocks that were never uploaded (pkg/ingester/shipper.go, the field `shipped`)."""
    return shipper.unshipped(
        disk, blocks=r"(tsdb/[^/]+/)([^/]+)/meta\.json", note="mimir.shipper.json", listed="shipped"
    )


_FLUSH = Verb(method="POST", path="/ingester/flush?wait=true", roles=("ingester",))

# It takes no new series, and what it has is compacted and uploaded while it still answers for it; a flush
# that fails is answered like one that works, so the metrics tell. The bucket index is renewed every 15 s,
# and a querier looks for a new one once a minute, give or take a fifth of it (see `_blocks`). While it is
# compacted it refuses what comes in.
_DRAIN = Drain(
    roles=("ingester",),
    stop=(Verb(method="POST", path="/ingester/prepare-instance-ring-downscale", roles=("ingester",)),),
    ask=(
        Verb(method="POST", path="/ingester/prepare-shutdown", roles=("ingester",)),
        _FLUSH,
    ),
    flush=(_FLUSH,),
    flushed=("cortex_ingester_oldest_unshipped_block_timestamp_seconds",),
    undo=(
        Verb(method="DELETE", path="/ingester/prepare-shutdown", roles=("ingester",)),
        Verb(method="DELETE", path="/ingester/prepare-instance-ring-downscale", roles=("ingester",)),
    ),
    held={
        "cortex_ingester_memory_series": "{count} series are in its memory",
        "cortex_ingester_oldest_unshipped_block_timestamp_seconds": "a block isn't in the object store yet",
    },
    found_s=90,
    data=("tsdb/",),
    notes=("mimir.shipper.json",),
    leftovers=_leftovers,
)


def _ring(**more: object) -> Tree:
    return {**fragments.ring(), **more}


def _query_path(blueprint: Blueprint) -> Tree:
    """Wire query-frontends and queriers: by the schedulers' ring, so that nobody needs an address."""
    if blueprint.line == "2.17" and "query-scheduler" not in blueprint.roles:
        frontend = blueprint.choices.peers.get("query-frontend", "")
        return {"frontend_worker": {"frontend_address": f"{frontend}:{fragments.GRPC_PORT}"}}
    return {"query_scheduler": {"service_discovery_mode": "ring", "ring": _ring()}}


def _config(blueprint: Blueprint) -> Tree:
    settings, choices = blueprint.settings, blueprint.choices
    multi = settings.flag("multi-tenant")
    return {
        **_storage(blueprint.store),
        **_query_path(blueprint),
        "multitenancy_enabled": multi,
        "no_auth_tenant": _TENANT,
        "server": fragments.server(_HTTP_PORT, settings.text("log-level"), 120),
        "memberlist": fragments.memberlist(blueprint.deployment, choices),
        # The classic architecture: samples go from distributors to ingesters, not through Kafka.
        "ingest_storage": {"enabled": False},
        # By default a file in the folder the process was started in.
        # It writes to a file that is mapped into memory, so that a full disk kills the process with each
        # request (pkg/util/activitytracker: SIGBUS).
        "activity_tracker": {"filepath": ""},
        "blocks_storage": _blocks(blueprint.store),
        "distributor": {"ring": _ring()},
        "ingester": {
            "ring": _ring(
                replication_factor=choices.replication_factor,
                # Long enough for the others to hear by gossip that this one is back, before the next one
                # goes ("to give the rest of the cluster instances enough time to receive ring updates").
                min_ready_duration="5s",
                # The series that were its own come back to it after a restart, instead of moving around.
                tokens_file_path=f"{fragments.DATA}/ingester-tokens",
            )
        },
        "querier": {
            # 12h by default: what a drained ingester stored would stay invisible as long.
            "query_store_after": "0s",
            # The frontends plan queries by this ring since 3.0 (CHANGELOG, #13017); 2.17 knows no such key.
            **({} if blueprint.line == "2.17" else {"ring": _ring()}),
        },
        # The address that answers come back to; a wrong one leaves every query hanging.
        "frontend": {"address": fragments.ADDRESS},
        # Three copies, as upstream's default, whatever the number of units: blocks are spread over those
        # that are there (pkg/storegateway/gateway_ring.go), so that one may always be away.
        "store_gateway": {"sharding_ring": _ring(tokens_file_path=f"{fragments.DATA}/store-gateway-tokens")},
        "compactor": {
            "data_dir": f"{fragments.DATA}/compactor",
            "sharding_ring": _ring(),
            # 15m by default; it also writes the bucket index, see `_blocks`.
            "cleanup_interval": "15s",
        },
        "ruler": {"rule_path": f"{fragments.DATA}/ruler", "ring": _ring()},
        "alertmanager": {
            "data_dir": f"{fragments.DATA}/alertmanager",
            # Without a configuration of its own, a tenant has the built-in fallback, which sends nothing
            # (pkg/alertmanager/multitenant.go, ComputeFallbackConfig).
            "sharding_ring": _ring(),
            # 15m by default: what was silenced since would be lost with the last replica.
            "persist_interval": "1m",
        },
        # Of several, only the leader of the ring shows the limits: no series is there twice.
        "overrides_exporter": {"ring": _ring(enabled=True)},
        "limits": {**_alerts_to(blueprint), **(_limits(blueprint) if multi else {})},
        "runtime_config": {"file": f"{fragments.DATA}/runtime.yaml", "period": "10s"},
        "usage_stats": {"enabled": False},
    }


def _alerts_to(blueprint: Blueprint) -> Tree:
    """Point the rulers to the Alertmanager: the external one, or one of our own, which tells the others.

    `ruler.alertmanager_url` is deprecated in favour of this (pkg/ruler/ruler.go). A ruler reads it once for
    each tenant (pkg/ruler/manager.go, getOrCreateNotifier), so the hot-reloaded file would be too late.
    """
    url = blueprint.settings.text("alertmanager-url")
    if not url and "alertmanager" in blueprint.choices.peers:
        url = f"http://{blueprint.choices.peers['alertmanager']}:{_HTTP_PORT}/alertmanager"
    return {"ruler_alertmanager_client_config": {"alertmanager_url": url}} if url else {}


def _limits(blueprint: Blueprint) -> Tree:
    return {
        "compactor_blocks_retention_period": f"{blueprint.settings.seconds('retention')}s",
        # Off by default, each with an API that would only answer with an error. A hundred thousand exemplars
        # is what the docs start with (manage/use-exemplars/store-exemplars).
        "compactor_block_upload_enabled": True,
        "cardinality_analysis_enabled": True,
        "max_global_exemplars_per_user": 100000,
        **blueprint.settings.tree("limits"),
    }


def _runtime(blueprint: Blueprint) -> Tree:
    """Build the hot-reloaded file: without tenancy every limit is the one tenant's."""
    if blueprint.settings.flag("multi-tenant"):
        return {"overrides": blueprint.settings.tree("tenant-limits")}
    return {"overrides": {_TENANT: _limits(blueprint)}}


def _check(marker: str, now_ns: int) -> Check:
    label = {"key": "marker", "value": {"stringValue": marker}}
    point = {"timeUnixNano": str(now_ns), "asDouble": 1, "attributes": [label]}
    metric = {"name": "rolecall_check", "gauge": {"dataPoints": [point]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    return Check(
        write=Call(
            method="POST",
            path="/otlp/v1/metrics",
            headers=(("Content-Type", "application/json"),),
            body=json.dumps(body).encode(),
        ),
        read=Call(
            method="GET",
            path=f"/prometheus/api/v1/query?query=rolecall_check%7Bmarker%3D%22{marker}%22%7D",
        ),
        expect=marker,
    )


def _write(entry: Entry) -> Call:
    """Write one sample, whose value is the entry's number; series are what is shared out."""
    labels = {"run": entry.run, "series": str(entry.series)}
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in labels.items()]
    point = {"timeUnixNano": str(entry.at_ns), "asDouble": entry.number, "attributes": attributes}
    metric = {"name": "rolecall_ledger", "gauge": {"dataPoints": [point]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    return Call(
        method="POST",
        path="/otlp/v1/metrics",
        headers=(("Content-Type", "application/json"),),
        body=json.dumps(body).encode(),
    )


def _read(window: Window) -> Call:
    # An instant query of a range gives samples back as they were written. The range is open to the left.
    lasts_s = window.end_s - window.start_s + 1
    asked = {"query": f'rolecall_ledger{{run="{window.run}"}}[{lasts_s}s]', "time": window.end_s}
    return Call(
        method="GET",
        path=f"/prometheus/api/v1/query?{urlencode(asked)}",
        headers=(("Cache-Control", "no-store"),),
    )


def _found(_: Window, answer: str) -> Mapping[int, int]:
    series = json.loads(answer)["data"]["result"]
    return Counter(int(float(value)) for one in series for _, value in one["values"])


_PROM = "/prometheus/api/v1"
_ROUTES = (
    # Writes.
    *open_routes("/api/v1/push /otlp/v1/metrics", "distributor", methods="POST"),
    # Experimental; distributor.influx_endpoint_enabled switches it on.
    *open_routes("/api/v1/push/influx/write", "distributor", methods="POST"),
    *admin_routes("/distributor/ring", "distributor", methods="GET POST"),
    *admin_routes("/distributor/all_user_stats /distributor/ha_tracker", "distributor", methods="GET"),
    *admin_routes("/ingester/", "ingester", match=Match.PREFIX),
    # Blocks of any size; the files of one are up to 512 MiB each.
    *open_routes("/api/v1/upload/block/", "compactor", match=Match.PREFIX, methods="GET POST", max_body="0"),
    # Rules; before what the query-frontend has below the same prefix.
    *open_routes(f"{_PROM}/rules {_PROM}/alerts", "ruler", methods="GET"),
    *open_routes("/prometheus/config/v1/rules", "ruler", methods="GET"),
    *open_routes("/prometheus/config/v1/rules/", "ruler", match=Match.PREFIX, methods="GET POST DELETE"),
    *admin_routes("/ruler/ring", "ruler", methods="GET POST"),
    *admin_routes("/ruler/rule_groups", "ruler", methods="GET"),
    *admin_routes("/ruler/delete_tenant_config", "ruler", methods="POST"),
    # Alerts.
    *open_routes("/api/v1/alerts", "alertmanager", methods="GET POST DELETE"),
    *open_routes("/alertmanager", "alertmanager", methods="GET"),
    *open_routes("/alertmanager/", "alertmanager", match=Match.PREFIX),
    *admin_routes("/multitenant_alertmanager/ring", "alertmanager", methods="GET POST"),
    *admin_routes(
        "/multitenant_alertmanager/status /multitenant_alertmanager/configs", "alertmanager", methods="GET"
    ),
    *admin_routes("/multitenant_alertmanager/delete_tenant_config", "alertmanager", methods="POST"),
    # Other internals.
    *admin_routes("/store-gateway/", "store-gateway", match=Match.PREFIX),
    *admin_routes("/compactor/", "compactor", match=Match.PREFIX),
    *admin_routes("/query-scheduler/ring", "query-scheduler", methods="GET POST"),
    *admin_routes("/querier/ring", "querier", methods="GET POST"),
    *admin_routes("/overrides-exporter/ring", "overrides-exporter", methods="GET POST"),
    # Every process.
    *open_routes("/ready /api/v1/status/buildinfo /api/v1/user_limits", "query-frontend", methods="GET"),
    *admin_routes(
        "/ /config /runtime_config /services /metrics /memberlist /api/v1/status/config /api/v1/status/flags",
        methods="GET",
    ),
    *admin_routes("/debug/fgprof", methods="GET"),
    *admin_routes("/debug/pprof/", match=Match.PREFIX, methods="GET POST"),
    *admin_routes("/static/", match=Match.PREFIX, methods="GET"),
    # Queries.
    *open_routes(
        f"{_PROM}/query {_PROM}/query_range {_PROM}/query_exemplars {_PROM}/series {_PROM}/labels "
        f"{_PROM}/format_query",
        "query-frontend",
        methods="GET POST",
    ),
    *open_routes(f"{_PROM}/metadata {_PROM}/status/buildinfo", "query-frontend", methods="GET"),
    *open_routes(f"{_PROM}/read", "query-frontend", methods="POST"),
    *open_routes(f"{_PROM}/label/", "query-frontend", match=Match.PREFIX, methods="GET"),
    *open_routes(f"{_PROM}/cardinality/", "query-frontend", match=Match.PREFIX, methods="GET POST"),
    *open_routes("/api/v1/user_stats", "querier", methods="GET"),
)

_RINGS = {
    "ingester": ("ingester.ring", "/ingester/ring"),
    "store-gateway": ("store_gateway.sharding_ring", "/store-gateway/ring"),
    "alertmanager": ("alertmanager.sharding_ring", "/multitenant_alertmanager/ring"),
    "compactor": ("compactor.sharding_ring", "/compactor/ring"),
    "ruler": ("ruler.ring", "/ruler/ring"),
    "overrides-exporter": ("overrides_exporter.ring", "/overrides-exporter/ring"),
    "query-scheduler": ("query_scheduler.ring", "/query-scheduler/ring"),
    "querier": ("querier.ring", "/querier/ring"),
    "distributor": ("distributor.ring", "/distributor/ring"),
}
"""Role to the place of its ring in the config, and to the page that shows it."""

_PROTECTED = {
    **{
        f"{place}.{key}": "the units' identity in their rings is given"
        for place, _ in _RINGS.values()
        for key in ("instance_id", "instance_addr")
    },
    "frontend.address": "every unit has its own address",
    "server.http_listen_address": "every unit listens on its own address",
    "server.http_listen_port": "the gateway sends to the standard port",
    "server.grpc_listen_address": "every unit listens on its own address",
    "server.grpc_listen_port": "the units find each other on the standard port",
    "server.http_path_prefix": "the gateway knows the paths as they are",
    "api": "the gateway knows the paths as they are",
    "memberlist": "the coordinator knows the members",
    "ingester.ring.replication_factor": "it is the setting replication-factor",
    "ingest_storage": "these roles are those of the classic architecture",
    "query_scheduler.service_discovery_mode": "the units find the schedulers by their ring",
    "frontend.scheduler_address": "the units find the schedulers by their ring",
    "frontend_worker.scheduler_address": "the units find the schedulers by their ring",
    "multitenancy_enabled": "it is the setting multi-tenant",
    "no_auth_tenant": "the gateway and the limits name this tenant",
    "runtime_config": "limits are read from the file the coordinator keeps",
    "common.storage": "it is object-store",
    "blocks_storage.backend": "it is object-store",
    "blocks_storage.s3": "it is object-store",
    "blocks_storage.filesystem": "it is object-store",
    "ruler_storage": "it is object-store",
    "alertmanager_storage": "it is object-store",
    "blocks_storage.tsdb.dir": "the unit's folder is given",
    "limits.ruler_alertmanager_client_config.alertmanager_url": "it is the setting alertmanager-url",
    "ruler.alertmanager_url": "it is the setting alertmanager-url",
    "target": "roles are chosen by worker",
}


def _links(uids: Mapping[Signal, str]) -> Tree:
    """Say that it is Mimir, and link an exemplar to its trace.

    https://grafana.com/docs/grafana/latest/datasources/prometheus/#provision-the-data-source
    """
    links: Tree = {"httpMethod": "POST", "prometheusType": "Mimir"}
    if Signal.TRACES in uids:
        links["exemplarTraceIdDestinations"] = [
            {"name": name, "datasourceUid": uids[Signal.TRACES]} for name in ("traceID", "trace_id")
        ]
    return links


def _exemplars(value: object) -> object:
    """Return how many exemplars to keep; the docs start with a hundred thousand, see `_limits`."""
    wanted = cast("int", value)
    return max(wanted, 100000) if wanted > 0 else 0


_CHARM = Charm(
    container="mimir",
    image="docker.io/grafana/mimir",
    binary="/bin/mimir",
    storage=Storage(
        name="data",
        path="/var/lib/mimir",
        summary="The newest samples, blocks on their way to the bucket, and caches.",
    ),
    options=(
        Option(
            name="max_global_exemplars_per_user",
            kind=OptionKind.INT,
            default=100000,
            summary="exemplars that a tenant may have; 0 or less: none, anything else: 100000 or more",
            setting="limits.max_global_exemplars_per_user",
            convert=_exemplars,
        ),
        Option(
            name="metrics_retention_period",
            kind=OptionKind.STRING,
            default="0",
            summary="how long metrics are kept, such as 15d; 0 keeps them for ever",
            setting="retention",
            convert=option_values.span,
            express=option_values.as_span,
        ),
    ),
    endpoints={
        Purpose.INTAKE: ("receive-remote-write", "prometheus_remote_write"),
        Purpose.API: ("prometheus-api", "prometheus_api"),
        Purpose.ALERTING: ("alertmanager", ""),
    },
)


MIMIR = Product(
    name="mimir",
    title="Mimir",
    lines=(_LINE_3_1, _LINE_2_17),
    binary=Binary(
        name="mimir",
        version="3.1.0",
        variable="ROLECALL_MIMIR",
        release=Release(
            url="https://github.com/grafana/mimir/releases/download/mimir-{version}/mimir-linux-{arch}",
            checksums="https://github.com/grafana/mimir/releases/download/mimir-{version}/mimir-linux-{arch}-sha-256",
        ),
        module=GoModule(
            folder="mimir",
            package="github.com/grafana/mimir/cmd/mimir",
            tags=("netgo", "stringlabels"),
            # The module proxy serves no release of 3.x: this is the main branch of 2026-04-23.
            version="1.3.1-0.20260423142704-aced80d74930",
        ),
        identify=("-version",),
        mark="Mimir, version",
    ),
    ports=(
        Port(name="http", number=_HTTP_PORT),
        Port(name="grpc", number=fragments.GRPC_PORT),
        Port(name="gossip", number=fragments.GOSSIP_PORT),
    ),
    listeners=(Listener(name="http", number=_HTTP_PORT),),
    routes=_ROUTES,
    settings=(
        Setting(
            name="alertmanager-url",
            kind=Kind.URL,
            summary="where the rulers send alerts; empty: to the role alertmanager, where a worker runs it",
        ),
    ),
    config=_config,
    runtime=_runtime,
    check=_check,
    entries=Entries(write=_write, read=_read, found=_found),
    arguments=("-config.file={config}", "-config.expand-env=true", "-target={targets}"),
    # It has no flag of its own for this, but `-modules` lists the targets after the config was read and
    # validated, and starts nothing (cmd/mimir/main.go). The Alertmanager is only judged when it is a target.
    verify=("-config.file={config}", "-config.expand-env=true", "-target=all,alertmanager", "-modules"),
    # Until its first compaction makes it, the compactor can validate no uploaded block
    # (pkg/compactor/block_upload.go, os.MkdirTemp in data_dir).
    folders=("compactor",),
    live_keys=("memberlist.join_members",),
    read_by={"limits.ruler_alertmanager_client_config": ("ruler",)},
    protected=_PROTECTED,
    limits_key="limits",
    replicated="ingester",
    peers=("alertmanager", "query-frontend"),
    rings=tuple(Ring(role=role, path=path) for role, (_, path) in _RINGS.items()),
    drains=(_DRAIN,),
    intakes=(
        Intake(signal=Signal.METRICS, path="/api/v1/push"),
        Intake(signal=Signal.ALERTS, path="/alertmanager", role="alertmanager"),
    ),
    tracing=fragments.otlp_tracing(),
    datasource=Datasource(type="prometheus", path="/prometheus", data=_links),
    card=Card(
        icon="chart-line",
        summary="Takes in series, keeps them in an object store, and answers PromQL queries.",
        docs="https://grafana.com/docs/mimir/latest/references/http-api/",
        apis={
            "Remote write": "/api/v1/push",
            "Query series": "/prometheus/api/v1/query",
            "Rules": "/prometheus/api/v1/rules",
        },
    ),
    tenant=_TENANT,
    minimal=(("write", ("write",), 1), ("read", ("read",), 1), ("backend", ("backend",), 1)),
    recommended=(("write", ("write",), 3), ("read", ("read",), 2), ("backend", ("backend",), 2)),
    # distributor.max_recv_msg_size and max_otlp_request_size are 100 MiB each.
    max_body="100m",
    # querier.timeout is two minutes.
    query_timeout_s=120,
    charm=_CHARM,
)
