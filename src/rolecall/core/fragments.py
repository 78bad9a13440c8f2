"""Config blocks that the products share, each with its source.

All four are built on dskit, so server, memberlist and ring blocks have the same keys. The variables
are filled in by each unit's own environment when its process starts (`-config.expand-env=true`).
"""

from __future__ import annotations

from rolecall.core.model import S3, Choices, Deployment
from rolecall.core.tree import Tree

ADDRESS = "${ROLECALL_ADDRESS}"
UNIT = "${ROLECALL_UNIT}"
DATA = "${ROLECALL_DATA}"
PEER = "${ROLECALL_PEER}"
"""Name of the unit that this one was given to dial (`Product.dials`)."""
DOLLAR = "${ROLECALL_DOLLAR}"
"""A literal dollar sign: the products disagree on how one is escaped, a variable works in all."""
GRPC_PORT = 9095
GOSSIP_PORT = 7946


def server(http_port: int, log_level: str, query_timeout_s: int) -> Tree:
    """Build the `server` block.

    Source: dskit server/server.go. Listening on the unit's own address lets many units share one
    machine and its standard ports; the write timeout must outlast the longest query.
    """
    return {
        "http_listen_address": ADDRESS,
        "http_listen_port": http_port,
        "grpc_listen_address": ADDRESS,
        "grpc_listen_port": GRPC_PORT,
        "log_level": log_level,
        "http_server_read_timeout": f"{query_timeout_s + 10}s",
        "http_server_write_timeout": f"{query_timeout_s + 10}s",
    }


def memberlist(deployment: Deployment, choices: Choices) -> Tree:
    """Build the `memberlist` block.

    Source: dskit kv/memberlist. The label keeps two clusters from merging; a first unit has nobody to
    join, so a failed join must not end it, and rejoining merges what started apart.
    """
    return {
        "node_name": UNIT,
        "randomize_node_name": False,
        "bind_addr": [ADDRESS],
        "bind_port": GOSSIP_PORT,
        "advertise_addr": ADDRESS,
        "advertise_port": GOSSIP_PORT,
        "cluster_label": f"{deployment.name}-{deployment.uuid}",
        "abort_if_cluster_join_fails": False,
        "rejoin_interval": "30s",
        "leave_timeout": "5s",
        "join_members": [f"{name}:{GOSSIP_PORT}" for name in choices.seeds],
    }


def ring() -> Tree:
    """Build what identifies a unit in a ring.

    Source: dskit netutil: interface autodetection never picks loopback and the default id is the host
    name, so both must be said.
    """
    return {"instance_addr": ADDRESS, "instance_id": UNIT}


def s3(store: S3) -> Tree:
    """Build the client of an S3 bucket as the products on thanos-io/objstore read it.

    Source: Mimir pkg/storage/bucket/s3/config.go, Loki pkg/storage/bucket/s3/config.go. The keys are absent
    on purpose: the process reads them from the file that `AWS_SHARED_CREDENTIALS_FILE` names. The `http`
    part, and with it a certificate authority, isn't the same in all products.
    """
    endpoint, insecure = host_port(store.endpoint)
    return {
        "bucket_name": store.bucket,
        "endpoint": endpoint,
        "region": store.region,
        "insecure": insecure,
        "bucket_lookup_type": "path" if store.path_style else "auto",
    }


def otlp_tracing() -> dict[str, str]:
    """Build the variables with which OpenTelemetry's SDK sends traces over HTTP.

    Source: dskit tracing/otel.go and Tempo cmd/tempo/main.go, which both read these and always sample;
    https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
    """
    return {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{otlp}/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_RESOURCE_ATTRIBUTES": "{labels}",
    }


def jaeger_tracing() -> dict[str, str]:
    """Build the variables with which Jaeger's client sends every trace over HTTP.

    Source: https://github.com/jaegertracing/jaeger-client-go#environment-variables.
    """
    return {
        "JAEGER_ENDPOINT": "{jaeger}",
        "JAEGER_SAMPLER_TYPE": "const",
        "JAEGER_SAMPLER_PARAM": "1",
        "JAEGER_TAGS": "{labels}",
    }


def host_port(endpoint: str) -> tuple[str, bool]:
    """Split an S3 endpoint into host:port and whether it is plain HTTP."""
    scheme, _, rest = endpoint.partition("://")
    return rest.rstrip("/"), scheme == "http"
