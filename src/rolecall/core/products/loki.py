"""Loki: everything Rolecall knows of it.

Sources: the HTTP API and configuration references of v3.7 (grafana.com/docs/loki/latest/reference)
and, where said, `pkg/loki` of v3.7.6.
"""

from __future__ import annotations

import json

from rolecall.core import fragments
from rolecall.core.binary import Binary, GoModule, Release
from rolecall.core.model import Directory, ObjectStore
from rolecall.core.product import (
    Access,
    Blueprint,
    Call,
    Check,
    Kind,
    Listener,
    Match,
    Port,
    Product,
    Protocol,
    Ring,
    Route,
    Setting,
    Tree,
    Verb,
)
from rolecall.core.roles import Keeps, Line, MetaRole, Role

_TENANT = "fake"
"""The tenant of everything while `auth_enabled` is false."""

# `read`, `write` and `backend` are passed on as they are: on this line the binary wires its store by the
# target's name, and the same components written out one by one would make an index gateway query itself
# (pkg/loki/modules.go, the switch in initStore: `Ruler` is matched before `IndexGateway` and `Backend`).
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
        ),
        Role(
            name="read",
            summary="answers queries from the store and from the writers",
            components=("query-frontend", "querier"),
        ),
    ),
    meta_roles=(MetaRole(name="all", roles=("write", "backend", "read"), target="all"),),
)




def _lifecycler(min_ready: str) -> Tree:
    """Build a ring member's start; the wait begins at the first readiness check, one after the other."""
    return {
        "min_ready_duration": min_ready,
        # Else a member that is away keeps every new one from becoming ready (dskit ring/lifecycler.go).
        "readiness_check_ring_health": False,
    }


def _store(store: ObjectStore) -> Tree:
    """Build the object-store client of `storage_config`.

    The keys are absent on purpose: the process reads them from the file that
    `AWS_SHARED_CREDENTIALS_FILE` names.
    """
    if isinstance(store, Directory):
        return {"filesystem": {"dir": f"{store.path}/data"}}
    endpoint, insecure = fragments.host_port(store.endpoint)
    s3: Tree = {
        "bucket_name": store.bucket,
        "endpoint": endpoint,
        "region": store.region,
        "insecure": insecure,
        "bucket_lookup_type": "path" if store.path_style else "auto",
    }
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
            "wal": {"dir": f"{fragments.DATA}/wal", "flush_on_shutdown": True},
        },
        # `read` follows this setting while `backend` always uses a ring (modules_test.go): say ring to both.
        "index_gateway": {"mode": "ring"},
        # A frontend is ready once it has found a scheduler; the default look-up is every ten seconds.
        "frontend": {"scheduler_dns_lookup_period": "1s"},
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


def _open(paths: str, role: str, *, match: Match = Match.EXACT, methods: str = "") -> tuple[Route, ...]:
    return tuple(
        Route(path=path, roles=(role,), match=match, methods=tuple(methods.split())) for path in paths.split()
    )


def _admin(paths: str, role: str, *, match: Match = Match.EXACT, methods: str = "") -> tuple[Route, ...]:
    return tuple(
        Route(
            path=path,
            roles=(role,) if role else (),
            match=match,
            methods=tuple(methods.split()),
            access=Access.ADMIN,
        )
        for path in paths.split()
    )


_API = "/loki/api/v1"
_ROUTES = (
    # Writers.
    *_open(f"{_API}/push /otlp/v1/logs /api/prom/push", "write", methods="POST"),
    *_admin("/distributor/ring /ring", "write", methods="GET POST"),
    *_admin("/flush", "write", methods="GET POST"),
    *_admin("/ingester/", "write", match=Match.PREFIX),
    # Tail needs the connection to be upgraded.
    *(
        Route(path=path, roles=("read",), methods=("GET",), protocol=Protocol.WEBSOCKET)
        for path in (f"{_API}/tail", "/api/prom/tail")
    ),
    # Rules; before `/api/prom/`, which they are a part of.
    *_open(f"{_API}/rules /api/prom/rules /prometheus/api/v1/rules /prometheus/api/v1/alerts", "backend"),
    *_open(f"{_API}/rules/ /api/prom/rules/", "backend", match=Match.PREFIX),
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
    *_admin("/ruler/ring /compactor/ring /indexgateway/ring /scheduler/ring", "backend", methods="GET POST"),
    # Every process.
    *_open(f"/ready {_API}/status/buildinfo /config/tenant/v1/limits", "read", methods="GET"),
    *_admin("/metrics /config /services /memberlist", "", methods="GET"),
    *_admin("/log_level", "", methods="GET POST"),
    # Queries.
    *_open(
        f"{_API}/query {_API}/query_range {_API}/labels {_API}/label {_API}/series {_API}/patterns "
        f"{_API}/format_query {_API}/detected_labels {_API}/detected_fields {_API}/drilldown-limits",
        "read",
        methods="GET POST",
    ),
    *_open(
        f"{_API}/label/ {_API}/index/ {_API}/detected_field/",
        "read",
        match=Match.PREFIX,
        methods="GET POST",
    ),
    *_open("/api/prom/query /api/prom/label /api/prom/series", "read", methods="GET POST"),
    *_open("/api/prom/label/", "read", match=Match.PREFIX, methods="GET POST"),
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
        ),
        Setting(
            name="remote-write-url",
            kind=Kind.URL,
            summary="where recording rules write their series (Prometheus remote write)",
        ),
    ),
    config=_config,
    runtime=_runtime,
    check=_check,
    arguments=("-config.file={config}", "-config.expand-env=true", "-target={targets}"),
    verify=("-config.file={config}", "-config.expand-env=true", "-verify-config"),
    # S3-compatible stores don't all know the SDK's newer default checksums.
    environment={
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    },
    live_keys=("memberlist.join_members",),
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
        "storage_config.object_store": "it is object-store",
        "storage_config.use_thanos_objstore": "it is object-store",
        "target": "roles are chosen by worker",
    },
    limits_key="limits_config",
    replicated="write",
    peers=("backend",),
    rings=(
        Ring(role="write", path="/ring"),
        Ring(role="backend", path="/scheduler/ring"),
        Ring(role="backend", path="/compactor/ring"),
        Ring(role="backend", path="/indexgateway/ring"),
        Ring(role="backend", path="/ruler/ring"),
    ),
    flush=(
        Verb(method="POST", path="/ingester/prepare_shutdown", roles=("write",)),
        Verb(method="POST", path="/flush", roles=("write",)),
    ),
    tenant=_TENANT,
    minimal=(("write", ("write",), 1), ("read", ("read",), 1), ("backend", ("backend",), 1)),
    recommended=(("write", ("write",), 3), ("read", ("read",), 2), ("backend", ("backend",), 2)),
    max_body="100m",
    query_timeout_s=300,
)
