"""Pyroscope: everything Rolecall knows of it.

Both lines run the architecture with ingesters and store-gateways ("v1 storage"): it is all that 1.18 to
1.21 have, and 2.2 is told to keep it. Sources: the configuration and server API references of v1.18
(grafana.com/docs/pyroscope/latest) and, where said, the code of v1.18.1 and v2.2.1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from msgspec.structs import replace

from rolecall.core import fragments, option_values, shipper
from rolecall.core.binary import Binary, Release
from rolecall.core.charm import Charm, Option, OptionKind, Purpose, Storage
from rolecall.core.entries import MOST, Entries, Entry, Window
from rolecall.core.handover import Disk, Drain
from rolecall.core.model import Directory, ObjectStore
from rolecall.core.product import Blueprint, Product
from rolecall.core.roles import Keeps, Line, MetaRole, Role
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

_TENANT = "anonymous"
"""The tenant of everything while `multitenancy_enabled` is false (pkg/tenant)."""

_CHECKED = "rolecall-check"
"""The service that the checks write."""

_PORT = 4040
_QUERY_S = 300

_ROLES = (
    Role(
        name="distributor",
        summary="takes profiles in by every protocol and shares them out to the ingesters",
        wave=1,
    ),
    Role(
        name="ingester",
        summary="keeps the newest profiles in memory, answers for them, and stores them as blocks",
        keeps=Keeps.DATA,
        ring=True,
        wave=0,
        # It has no log of its writes: a SIGTERM uploads what is in memory, and what is killed is lost
        # (pkg/ingester/ingester.go, stopping; pkg/phlaredb/head.go).
        kill_delay_s=300,
    ),
    Role(
        name="querier",
        summary="answers queries from the ingesters and the store-gateways",
    ),
    Role(
        name="query-frontend",
        summary="takes queries in, splits them, and serves the user interface",
    ),
    Role(
        name="query-scheduler",
        summary="queues the queries of the frontends for the queriers",
    ),
    Role(
        name="store-gateway",
        summary="answers for the blocks in the object store",
        keeps=Keeps.CACHE,
        ring=True,
        wave=1,
    ),
    Role(
        name="compactor",
        summary="merges blocks, keeps the index of the bucket, and removes what is too old",
        keeps=Keeps.CACHE,
        ring=True,
        wave=1,
    ),
    Role(
        name="tenant-settings",
        summary="keeps the settings of the user interface in the object store",
        # Alone in its process it reads no ring (pkg/pyroscope/modules.go, the dependencies).
        gossip=False,
    ),
    Role(
        name="ad-hoc-profiles",
        summary="keeps profiles that were uploaded by hand in the object store",
        gossip=False,
    ),
)
# Upstream defines no other set of roles, so neither do we. `all` is passed on as it is: spelled out, the
# process would not add `admin`, and would demand an object store (pkg/pyroscope/modules.go, initStorage).
_ALL = MetaRole(name="all", roles=tuple(role.name for role in _ROLES), target="all")

_BACKEND = ("query-scheduler", "store-gateway", "compactor", "tenant-settings", "ad-hoc-profiles")
"""Roles that work in the background, in one process: a role may share its process with any other."""

_LINE_1 = Line(name="1.18", roles=_ROLES, meta_roles=(_ALL,))
"""1.18 to 1.21: the same roles, flags and keys."""

# With the storage of 1.x, which 2.x keeps as an option, so that nothing is lost on the way
# (https://grafana.com/docs/pyroscope/latest/release-notes/v2-0/).
_LINE_2 = Line(name="2.2", roles=_ROLES, meta_roles=(_ALL,), after=("1.18",))


def _storage(store: ObjectStore) -> Tree:
    """Build the object-store client."""
    if isinstance(store, Directory):
        return {"backend": "filesystem", "filesystem": {"dir": store.path}}
    # Other words than the same client has in Loki and Mimir; an unknown one is fatal
    # (pkg/objstore/providers/s3/config.go, supportedBucketLookupTypes).
    lookup = "path-style" if store.path_style else "auto"
    return {"backend": "s3", "s3": {**fragments.s3(store), "bucket_lookup_type": lookup}}


def _config(blueprint: Blueprint) -> Tree:
    settings, choices = blueprint.settings, blueprint.choices
    multi = settings.flag("multi-tenant")
    ring = fragments.ring()
    # These start only when they have seen themselves in their ring, and if they look a moment too late, that
    # is at their next heartbeat: 15 s by default, as seen (pkg/validation/exporter/ring.go, starting).
    awaited = {**ring, "heartbeat_period": "5s"}
    config: Tree = {
        "multitenancy_enabled": multi,
        "show_banner": False,
        "server": {
            **fragments.server(_PORT, settings.text("log-level"), _QUERY_S),
            # The server's default of 4 MiB is less than one export of a busy host's profiles; upstream
            # raises it to this for its newer architecture (pkg/pyroscope/pyroscope.go, overrides).
            "grpc_server_max_recv_msg_size": 104857600,
        },
        "memberlist": fragments.memberlist(blueprint.deployment, choices),
        "distributor": {"ring": ring},
        "ingester": {
            "lifecycler": {
                # The flag's name is -distributor.replication-factor; the key is the ingesters' ring's.
                "ring": {"replication_factor": choices.replication_factor},
                "address": fragments.ADDRESS,
                "id": fragments.UNIT,
                # Long enough for the distributors to hear by gossip of the first ingester: they are ready
                # before, and answer pushes with 500 "empty ring" until then (the default is 15 s).
                "min_ready_duration": "5s",
                # Else a member that is away keeps every new one from becoming ready (dskit lifecycler.go).
                "readiness_check_ring_health": False,
                # The same series go to the same ingester after a restart (dskit lifecycler.go).
                "tokens_file_path": f"{fragments.DATA}/ingester-tokens",
            }
        },
        "pyroscopedb": {"data_path": f"{fragments.DATA}/db"},
        "querier": {
            # Selecting profiles asks ingesters and stores alike, whatever is said here (querier.go,
            # blockSelect). Listing labels, series and profile types asks the ingesters for what is younger
            # than this and the stores for what is older, never both (querier.go, splitQueryToStores). So it
            # must be longer than a profile can be in memory only: blocks of 1 h, 5 min of grace, and a look
            # every 15 min at most (phlaredb.go, loop; head.go, isStale). With 0 nothing new is listed; the
            # default of 4 h hides for longer what only an ingester that has left could list.
            "query_store_after": "90m",
        },
        "frontend": {"instance_addr": fragments.ADDRESS},
        # The default is the host's name, which several queriers on one machine share (worker.go).
        "frontend_worker": {"id": fragments.UNIT},
        "query_scheduler": {"ring": ring},
        "store_gateway": {
            "sharding_ring": {
                **awaited,
                # Each block by two store-gateways, so that every query goes on while one is away. With one
                # only, it serves them all (dskit ring.go, GetReplicationSetForOperation: three would not).
                "replication_factor": 2,
                # The same blocks stay with the same store-gateway after a restart.
                "tokens_file_path": f"{fragments.DATA}/store-gateway-tokens",
            },
            "bucket_store": {
                "sync_dir": f"{fragments.DATA}/sync",
                # By default blocks younger than 3 h are left to the ingesters: what a drained ingester has
                # stored would be gone for as long (bucket_stores.go).
                "ignore_blocks_within": "0s",
                # Together with cleanup_interval, how long a stored block stays unseen; the default is 15 min.
                "sync_interval": "15s",
            },
        },
        "compactor": {
            "data_dir": f"{fragments.DATA}/compactor",
            "sharding_ring": awaited,
            # It writes the index that the store-gateways find blocks by (blocks_cleaner.go); the default is
            # 15 min.
            "cleanup_interval": "15s",
        },
        "overrides_exporter": {"ring": awaited},
        "storage": _storage(blueprint.store),
        "limits": _limits(blueprint) if multi else {},
        "runtime_config": {"file": f"{fragments.DATA}/runtime.yaml", "period": "10s"},
        "analytics": {"reporting_enabled": False},
        # `all` would push its own profiles, and to localhost, where nobody listens (pyroscope.go, Run).
        "self_profiling": {"disable_push": True},
    }
    if blueprint.line == _LINE_2.name:
        # From 2.0 on the default is the newer architecture beside this one, which has other roles; the write
        # path must agree, or the process refuses to start (pkg/pyroscope/pyroscope.go, Validate).
        config["architecture_storage"] = "v1"
        config["limits"] = {**_limits_of(config), "write_path": "ingester"}
    return config


def _limits_of(config: Mapping[str, object]) -> Tree:
    limits = config["limits"]
    return dict(limits) if isinstance(limits, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType]


def _limits(blueprint: Blueprint) -> Tree:
    retention = blueprint.settings.seconds("retention")
    return {"compactor_blocks_retention_period": f"{retention}s", **blueprint.settings.tree("limits")}


def _runtime(blueprint: Blueprint) -> Tree:
    """Build the hot-reloaded file: without tenancy every limit is the one tenant's."""
    if blueprint.settings.flag("multi-tenant"):
        return {"overrides": blueprint.settings.tree("tenant-limits")}
    return {"overrides": {_TENANT: _limits(blueprint)}}


def _variables(blueprint: Blueprint) -> Mapping[str, str]:
    """Name the store's certificate authority: there is no key for it (pkg/objstore/providers/s3/config.go).

    Go's crypto/x509 still reads the system's folder of certificates beside this file.
    """
    ca = "" if isinstance(blueprint.store, Directory) else blueprint.store.ca
    return {"SSL_CERT_FILE": ca} if ca else {}


def _leftovers(disk: Disk) -> tuple[str, ...]:
    """List the blocks that were never uploaded (pkg/phlaredb/shipper).

    What is no block yet has died with its process, which reads it never again: head/ may have rests of that.
    """
    return shipper.unshipped(
        disk, blocks=r"(db/[^/]+/local/)([^/]+)/meta\.json", note="shipper.json", listed="uploaded"
    )


def _open(disk: Disk) -> tuple[Verb, ...]:
    """Ask for something of each tenant whose blocks wait: not before does a new process see to them.

    (pkg/ingester/ingester.go, getOrOpenInstance.)
    """
    return tuple(
        Verb(
            method="POST",
            path="/ingester.v1.IngesterService/LabelNames",
            roles=("ingester",),
            headers=(("Content-Type", "application/json"), ("X-Scope-OrgID", tenant)),
            body=b"{}",
        )
        for tenant in sorted({path.split("/")[1] for path in _leftovers(disk)})
    )


# No call keeps an ingester from taking profiles, or has it upload: it does that at its end. The bucket index
# is renewed and read every 15 s; until then it goes on, and has what it uploaded as blocks on its disk.
# Without a file of tokens it takes none of its own (dskit ring/lifecycler.go, initRing).
_DRAIN = Drain(
    roles=("ingester",),
    ring="collectors/ring",
    open=_open,
    uploads_at_end=True,
    kept_s=32,
    data=("db/",),
    notes=("shipper.json",),
    leftovers=_leftovers,
    reads_only=("-ingester.num-tokens=0", "-ingester.tokens-file-path="),
    unfinished=_leftovers,
)


def _check(marker: str, now_ns: int) -> Check:
    """Write one stack whose only frame is the marker, and look for the frame in the flame graph."""
    # To the nanosecond: of two profiles of one series with the same time the second is dropped in silence
    # (pkg/phlaredb/head.go), and so would be a second check within a second.
    written = {"name": _CHECKED, "from": now_ns, "until": now_ns + 10**9}
    now_s = now_ns // 10**9
    read = {
        "query": f'process_cpu:cpu:nanoseconds:cpu:nanoseconds{{service_name="{_CHECKED}"}}',
        "from": now_s - 60,
        "until": now_s + 60,
        "format": "json",
        # The largest stacks are kept and the rest is "other"; many checks in a minute must fit.
        "max-nodes": 8192,
    }
    return Check(
        write=Call(
            method="POST",
            path=f"/ingest?{urlencode(written)}",
            headers=(("Content-Type", "text/plain"),),
            body=f"check-{marker} 1\n".encode(),
        ),
        read=Call(method="GET", path=f"/pyroscope/render?{urlencode(read)}"),
        expect=f"check-{marker}",
    )


def _write(entry: Entry) -> Call:
    """Write one stack of one sample, whose only frame is the entry; series are what is shared out."""
    name = f"rolecall-ledger-{entry.run}{{series={entry.series}}}"
    written = {"name": name, "from": entry.at_ns, "until": entry.at_ns + 10**9}
    return Call(
        method="POST",
        path=f"/ingest?{urlencode(written)}",
        headers=(("Content-Type", "text/plain"),),
        body=f"entry-{entry.number} 1\n".encode(),
    )


def _read(window: Window) -> Call:
    service = f"rolecall-ledger-{window.run}"
    read = {
        "query": f'process_cpu:cpu:nanoseconds:cpu:nanoseconds{{service_name="{service}"}}',
        "from": window.start_s - 1,
        "until": window.end_s + 1,
        "format": "json",
        # The largest stacks are kept and the rest is "other".
        "max-nodes": 2 * MOST,
    }
    return Call(method="GET", path=f"/pyroscope/render?{urlencode(read)}")


_SAMPLE_NS = 10_000_000
"""What one sample is worth at the rate that `/ingest` takes for granted, 100 a second."""


def _found(_: Window, answer: str) -> Mapping[int, int]:
    """Read the flame graph, whose levels are lists of (offset, total, self, index of the name)."""
    graph = json.loads(answer)["flamebearer"]
    boxes = [level[place : place + 4] for level in graph["levels"] for place in range(0, len(level), 4)]
    totals = {graph["names"][name]: total for _, total, _, name in boxes}
    return {
        int(name.removeprefix("entry-")): round(total / _SAMPLE_NS)
        for name, total in totals.items()
        if name.startswith("entry-")
    }


_GRPC = "grpc"
"""The gateway's second listener: nginx before 1.25 can't take HTTP/1.1 and HTTP/2 without TLS on one port.

4041 because it is next to the main port and free: 4317, where OTLP clients look first, is Tempo's on the
same machine, and a port above 32767 may be taken by an outgoing connection.
"""

_OTLP = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/"
_CONNECT = "GET POST"
"""Connect's procedures are POST, those without side effects GET as well (connectrpc.com/docs/protocol)."""

# A querier serves the same queries, when its process has no frontend (pkg/pyroscope/modules.go, initQuerier).
_READERS = ("query-frontend", "querier")


def _called(path: str, *roles: str) -> Route:
    """Build the gRPC route of a service: the HTTP port takes gRPC as well (modules.go, initServer)."""
    return Route(path=path, roles=roles, match=Match.PREFIX, protocol=Protocol.GRPC, listener=_GRPC)


_ROUTES = (
    # Profiles in.
    *open_routes(
        f"/ingest /pyroscope/ingest /v1development/profiles {_OTLP}Export", "distributor", methods="POST"
    ),
    *open_routes("/push.v1.PusherService/", "distributor", match=Match.PREFIX, methods="POST"),
    # Queries.
    *open_routes(
        "/pyroscope/render /pyroscope/render-diff /pyroscope/label-values", *_READERS, methods="GET"
    ),
    *open_routes("/querier.v1.QuerierService/", *_READERS, match=Match.PREFIX, methods=_CONNECT),
    # What clients ask a server for before and beside the queries (pkg/api/api.go).
    *open_routes(
        "/capabilities.v1.FeatureFlagsService/ /version.v1.Version/",
        *_READERS,
        match=Match.PREFIX,
        methods=_CONNECT,
    ),
    # Source code beside a flame graph; only the frontends serve it.
    *open_routes("/vcs.v1.VCSService/", "query-frontend", match=Match.PREFIX, methods=_CONNECT),
    # Each change rewrites one file for all tenants, so that two units at once could lose one
    # (pkg/settings/bucket.go): the requests go to one unit while it is there.
    *(
        replace(route, peer="tenant-settings")
        for route in open_routes(
            "/settings.v1.SettingsService/ /settings.v1.RecordingRulesService/",
            "tenant-settings",
            match=Match.PREFIX,
            methods=_CONNECT,
        )
    ),
    *open_routes(
        "/adhocprofiles.v1.AdHocProfileService/", "ad-hoc-profiles", match=Match.PREFIX, methods=_CONNECT
    ),
    # The user interface.
    *open_routes("/ /explore /comparison /comparison-diff", *_READERS, methods="GET"),
    # Where it was before 1.0; the process redirects, but not from the name without the slash.
    Route(path="/ui", roles=_READERS, methods=("GET",), rewrite="/ui/"),
    # /icons and /public came with 1.20.
    *open_routes("/ui/ /assets/ /static/ /icons/ /public/", *_READERS, match=Match.PREFIX, methods="GET"),
    # Every process serves these; the frontend speaks for the cluster.
    *open_routes(
        "/ready /api/swagger.json /api/v1/status/buildinfo /api/v1/tenant_limits", *_READERS, methods="GET"
    ),
    *admin_routes(
        "/metrics /admin /runtime_config /api/v1/status/config /api/v1/status/config/diff "
        "/api/v1/status/config/default /debug/fgprof",
        methods="GET",
    ),
    *admin_routes("/debug/pprof/", match=Match.PREFIX, methods="GET POST"),
    # The processes of tenant-settings and ad-hoc-profiles have none.
    *admin_routes("/memberlist", "query-frontend", "distributor", methods="GET"),
    # Rings, where POST forgets a member. That of the ingesters is on the processes that read it.
    *admin_routes("/distributor/ring", "distributor", methods="GET POST"),
    *admin_routes("/ring", "distributor", "querier", methods="GET POST"),
    *admin_routes("/compactor/ring", "compactor", methods="GET POST"),
    *admin_routes("/overrides-exporter/ring", "query-frontend", methods="GET POST"),
    # Until 2.2 upstream's own slip put the ring on the path of the tenants (pkg/api/api.go,
    # RegisterStoreGateway).
    *admin_routes("/store-gateway/ring /store-gateway/tenants", "store-gateway", methods="GET POST"),
    *admin_routes("/store-gateway/tenant/", "store-gateway", match=Match.PREFIX, methods="GET"),
    # What is in the bucket: upstream's `admin` is part of every store-gateway (modules.go).
    *admin_routes("/ops/object-store/tenants", "store-gateway", methods="GET"),
    *admin_routes("/ops/object-store/tenants/", "store-gateway", match=Match.PREFIX, methods="GET"),
    # The same services for gRPC clients.
    _called(_OTLP, "distributor"),
    _called("/push.v1.PusherService/", "distributor"),
    _called("/querier.v1.QuerierService/", *_READERS),
)

_CHARM = Charm(
    container="pyroscope",
    image="docker.io/grafana/pyroscope",
    binary="/usr/bin/pyroscope",
    storage=Storage(
        name="data",
        path="/var/lib/pyroscope",
        summary="The newest profiles, blocks on their way to the bucket, and caches.",
    ),
    options=(
        Option(
            name="retention_period",
            kind=OptionKind.STRING,
            default="1d",
            summary="how long profiles are kept, such as 15d; 0 keeps them for ever",
            setting="retention",
            convert=option_values.span,
            express=option_values.as_span,
        ),
        Option(
            name="deletion_delay",
            kind=OptionKind.STRING,
            default="12h",
            summary="how long a block that is too old stays in the bucket; at 0, queries may fail",
            setting="config-overrides.compactor.deletion_delay",
            convert=option_values.go_span,
        ),
        Option(
            name="cleanup_interval",
            kind=OptionKind.STRING,
            default="15s",
            summary="how often the index of the bucket is written: a unit that leaves waits for it",
            setting="config-overrides.compactor.cleanup_interval",
            convert=option_values.go_span,
        ),
    ),
    endpoints={
        Purpose.PEERS: ("peers", "rolecall_peers"),
        Purpose.INGRESS: ("ingress", "traefik_route"),
        Purpose.METRICS: ("metrics-endpoint", ""),
        Purpose.DASHBOARDS: ("grafana-dashboard", ""),
        Purpose.LOGS: ("logging", ""),
        Purpose.INTAKE: ("profiling", "profiling"),
        Purpose.MESH: ("", ""),
        Purpose.MESH_ABROAD: ("", ""),
        Purpose.MESH_FOR_OTHERS: ("", ""),
    },
)


PYROSCOPE = Product(
    name="pyroscope",
    title="Pyroscope",
    lines=(_LINE_1, _LINE_2),
    binary=Binary(
        name="pyroscope",
        version="1.18.1",
        variable="ROLECALL_PYROSCOPE",
        release=Release(
            url="https://github.com/grafana/pyroscope/releases/download/v{version}/pyroscope_{version}_linux_{arch}.tar.gz",
            member="pyroscope",
            sha256={"amd64": "b9d754d915e24c5923221f35755acfd91bb9abc5fca34ae2ff93efdbf11e9526"},
            checksums="https://github.com/grafana/pyroscope/releases/download/v{version}/checksums.txt",
        ),
        identify=("-version",),
        mark="pyroscope, version",
    ),
    ports=(
        Port(name="http", number=_PORT),
        Port(name="grpc", number=fragments.GRPC_PORT),
        Port(name="gossip", number=fragments.GOSSIP_PORT),
    ),
    listeners=(
        Listener(name="http", number=_PORT),
        Listener(name=_GRPC, number=4041, grpc=True, protocol="otlp_grpc"),
    ),
    routes=_ROUTES,
    config=_config,
    runtime=_runtime,
    variables=_variables,
    check=_check,
    entries=Entries(write=_write, read=_read, found=_found),
    arguments=("-config.file={config}", "-config.expand-env=true", "-target={targets}"),
    # It reads and validates the config before it prints a list, and starts nothing (cmd/pyroscope/main.go).
    verify=("-config.file={config}", "-config.expand-env=true", "-modules"),
    live_keys=("memberlist.join_members",),
    # The ingesters read it for their share of a tenant's series (pkg/ingester/limiter.go).
    read_by={"ingester.lifecycler.ring.replication_factor": ("distributor", "ingester", "querier")},
    protected={
        "architecture_storage": "it is the setting line",
        "limits.write_path": "it is the setting line",
        "server.http_listen_address": "every unit listens on its own address",
        "server.http_listen_port": "the gateway sends to the standard port",
        "server.grpc_listen_address": "every unit listens on its own address",
        "server.grpc_listen_port": "the units find each other on the standard port",
        "memberlist": "the coordinator knows the members",
        "distributor.ring": "the units' identity in their rings is given",
        "ingester.lifecycler.address": "every unit has its own address",
        "ingester.lifecycler.id": "the units' identity in their rings is given",
        "ingester.lifecycler.ring": "the units find each other by memberlist",
        "ingester.lifecycler.tokens_file_path": "the unit's folder is given",
        "query_scheduler.ring": "the units' identity in their rings is given",
        "query_scheduler.service_discovery_mode": "the units find each other by memberlist",
        "store_gateway.sharding_ring": "the units' identity in their rings is given",
        "store_gateway.bucket_store.sync_dir": "the unit's folder is given",
        "compactor.sharding_ring": "the units' identity in their rings is given",
        "compactor.data_dir": "the unit's folder is given",
        "overrides_exporter.ring": "the units' identity in their rings is given",
        "frontend.instance_addr": "every unit has its own address",
        "frontend_worker.id": "the units' identity is given",
        "pyroscopedb.data_path": "the unit's folder is given",
        "multitenancy_enabled": "it is the setting multi-tenant",
        "runtime_config": "limits are read from the file the coordinator keeps",
        "storage": "it is object-store",
        "target": "roles are chosen by worker",
    },
    limits_key="limits",
    replicated="ingester",
    # Its head is a block in memory, without a write-ahead log (pkg/phlaredb/head.go).
    volatile="what an ingester has in memory, which is up to an hour of profiles",
    peers=("tenant-settings",),
    drains=(_DRAIN,),
    rings=(
        Ring(role="distributor", path="/ring", members="ingester"),
        Ring(role="distributor", path="/distributor/ring"),
        Ring(role="store-gateway", path="/store-gateway/tenants", lines=(_LINE_1.name,)),
        Ring(role="store-gateway", path="/store-gateway/ring", lines=(_LINE_2.name,)),
        Ring(role="compactor", path="/compactor/ring"),
    ),
    intakes=(Intake(signal=Signal.PROFILES),),
    tracing=fragments.jaeger_tracing(),
    datasource=Datasource(type="grafana-pyroscope-datasource"),
    card=Card(
        icon="fire",
        summary="Takes in profiles, keeps them in an object store, and shows where programs spend time.",
        docs="https://grafana.com/docs/pyroscope/latest/reference-server-api/",
        page="/ui/",
        apis={"Push profiles": "/ingest", "Render profiles": "/pyroscope/render"},
    ),
    tenant=_TENANT,
    minimal=(
        ("write", ("distributor", "ingester"), 1),
        ("read", ("query-frontend", "querier"), 1),
        ("backend", _BACKEND, 1),
    ),
    recommended=(
        ("write", ("distributor", "ingester"), 3),
        ("read", ("query-frontend", "querier"), 2),
        ("backend", _BACKEND, 2),
    ),
    # Upstream's limits.ingestion_body_limit_mb (pkg/validation/limits.go).
    max_body="256m",
    query_timeout_s=_QUERY_S,
    charm=_CHARM,
)
