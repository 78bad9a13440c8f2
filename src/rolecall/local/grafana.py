"""Say how Grafana is started over the clusters of a file: its files, variables and command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rolecall.core import grafana
from rolecall.core.model import File
from rolecall.local.file.topology import ClusterSpec
from rolecall.local.topology_telemetry import gateway_urls

ADDRESS = "127.0.0.1"
_SYSTEM_HOME = Path("/usr/share/grafana")
"""Where the distributions' packages keep what their executable needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How Grafana starts."""

    command: tuple[str, ...]
    variables: dict[str, str]
    files: tuple[File, ...]


def datasources(specs: Iterable[ClusterSpec]) -> str:
    """Render the data sources of clusters as a provisioning file."""
    return grafana.datasources(
        grafana.Shown(
            name=spec.name,
            product=spec.product,
            url=gateway_urls(spec)[spec.product.listeners[0].name],
        )
        for spec in specs
    )


def start(executable: Path, folder: Path, specs: Iterable[ClusterSpec], *, port: int) -> Start:
    """Plan the start of a Grafana that knows the clusters and keeps all it writes in `folder`.

    Variables: https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/. It answers on
    loopback only, so nobody has to log in.
    """
    provisioning = folder / "provisioning"
    variables = {
        "GF_PATHS_DATA": str(folder / "data"),
        "GF_PATHS_LOGS": str(folder / "log"),
        "GF_PATHS_PLUGINS": str(folder / "plugins"),
        "GF_PATHS_PROVISIONING": str(provisioning),
        "GF_SERVER_HTTP_ADDR": ADDRESS,
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Editor",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    }
    home = _home(executable)
    return Start(
        command=(str(executable), "server", *(("--homepath", str(home)) if home else ())),
        variables=variables,
        files=(File(path=str(provisioning / "datasources" / "rolecall.yaml"), content=datasources(specs)),),
    )


def _home(executable: Path) -> Path | None:
    """Return where Grafana's own files are: beside the `bin` of an archive, or where packages put them."""
    for folder in (executable.resolve().parent.parent, _SYSTEM_HOME):
        if (folder / "conf" / "defaults.ini").is_file():
            return folder
    return None
