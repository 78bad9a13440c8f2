"""The executables that the local host itself needs, as data."""

from __future__ import annotations

from rolecall.core.binary import Binary, GoModule, Release

PEBBLE = Binary(
    name="pebble",
    version="1.32.1",
    variable="ROLECALL_PEBBLE",
    # The release publishes no checksum file and we have no pin: until there is one, the build is
    # the way to it.
    release=Release(
        url="https://github.com/canonical/pebble/releases/download/v{version}/pebble_v{version}_linux_{arch}.tar.gz",
        member="pebble",
    ),
    module=GoModule(folder="pebble", package="github.com/canonical/pebble/cmd/pebble"),
    # Let's Encrypt has a test server of the same name.
    identify=("help",),
    mark="Pebble lets you control services",
)
"""The supervisor of every unit's process."""

VERSITYGW = Binary(
    name="versitygw",
    version="1.7.0",
    variable="ROLECALL_VERSITYGW",
    module=GoModule(folder="versitygw", package="github.com/versity/versitygw/cmd/versitygw"),
    identify=("--help",),
    mark="Versity S3 Gateway",
)
"""An S3 server over a directory, for the tests and for trying out."""

PROMETHEUS = Binary(
    name="prometheus",
    version="",
    variable="ROLECALL_PROMETHEUS",
    identify=("--version",),
    mark="prometheus, version",
    package="prometheus",
)
"""What scrapes the units of a cluster whose metrics go to another one; any version with an agent mode."""

ALLOY = Binary(
    name="alloy",
    version="",
    variable="ROLECALL_ALLOY",
    identify=("--version",),
    mark="alloy, version",
)
"""What fetches the profiles of units; used where it is on PATH, and never fetched."""

GRAFANA = Binary(
    name="grafana",
    version="",
    variable="ROLECALL_GRAFANA",
    identify=("--version",),
    mark="grafana version",
)
"""Shows what the clusters hold; used where it is on PATH, and never fetched."""

NGINX_EXPORTER = Binary(
    name="prometheus-nginx-exporter",
    version="",
    variable="ROLECALL_NGINX_EXPORTER",
    on_path=("nginx-prometheus-exporter", "prometheus-nginx-exporter"),
    identify=("--version",),
    mark="NGINX Prometheus Exporter",
    package="prometheus-nginx-exporter",
)
"""Turns nginx's status page into metrics; Debian's name of it is not upstream's."""
