"""What watches a cluster: its logs, metrics, traces and profiles go to clusters that take them in.

Existing means do the work: the supervisor forwards logs, an agent scrapes metrics, the processes export
their own traces. This module says what those are told. It must not know a product's name or a host.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from msgspec import Struct

from rolecall.core import fragments, identity
from rolecall.core.model import File, Problem, ProcessSpec, Severity, Telemetry
from rolecall.core.product import Product
from rolecall.core.signals import Intake, Signal

METRICS_AGENT = "agent"
"""Name of the process that scrapes metrics."""
PROFILES_AGENT = "profiler"
"""Name of the process that fetches profiles."""
AGENTS = (METRICS_AGENT, PROFILES_AGENT)

_METRICS_PORT = 9090
_PROFILES_PORT = 12345
_SCRAPE = "15s"


class Taker(Struct, frozen=True, kw_only=True):
    """A cluster that may take signals in."""

    product: Product
    urls: Mapping[str, str]
    """Name of a gateway's listener to its address, for those that are open."""

    def url(self, intake: Intake) -> str:
        """Return where an intake is; empty when its listener isn't open."""
        base = self.urls.get(intake.listener or self.product.listeners[0].name, "")
        return base and f"{base}{intake.path}"


def destinations(takers: Iterable[Taker]) -> dict[Signal, str]:
    """Return where each signal goes: to the first that takes it in."""
    found: dict[Signal, str] = {}
    for taker in takers:
        for intake in taker.product.intakes:
            if url := taker.url(intake):
                found.setdefault(intake.signal, url)
    return found


def stack(cluster: str, found: Mapping[Signal, str]) -> Telemetry:
    """Build a cluster's telemetry from where each signal goes."""
    return Telemetry(
        cluster=cluster,
        logs=found.get(Signal.LOGS, ""),
        metrics=found.get(Signal.METRICS, ""),
        traces=found.get(Signal.TRACES, ""),
        jaeger_traces=found.get(Signal.JAEGER, ""),
        profiles=found.get(Signal.PROFILES, ""),
    )


def variables(product: Product, telemetry: Telemetry) -> dict[str, str]:
    """Build the variables that make a product's processes send their traces; the same for every unit.

    The unit's name in them is filled in by the worker. Without an address that they need there are none.
    """
    labels = {"product": product.name, "cluster": telemetry.cluster, "unit": fragments.UNIT}
    values = {
        "{otlp}": telemetry.traces,
        "{jaeger}": telemetry.jaeger_traces,
        "{labels}": ",".join(f"{key}={value}" for key, value in labels.items()),
    }
    sent = dict(product.tracing)
    for name, template in product.tracing.items():
        for place, value in values.items():
            if place in template and not value:
                return {}
            sent[name] = sent[name].replace(place, value)
    return sent


class Watched(Struct, frozen=True, kw_only=True):
    """One unit that is watched."""

    unit: str
    address: str
    roles: tuple[str, ...]


class Agent(Struct, frozen=True, kw_only=True):
    """An agent's executable."""

    path: str
    version: str = ""


class View(Struct, frozen=True, kw_only=True):
    """All that a cluster's watch depends on."""

    product: Product
    telemetry: Telemetry
    units: tuple[Watched, ...]
    folder: str
    """Where the agents' files are."""
    address: str
    """Where the agents listen."""
    prometheus: Agent | None = None
    alloy: Agent | None = None


class LogTarget(Struct, frozen=True, kw_only=True):
    """Where the supervisor forwards the logs of all its processes, and with which labels."""

    location: str
    labels: Mapping[str, str]


class Watch(Struct, frozen=True, kw_only=True):
    """What watches a cluster."""

    logs: LogTarget | None
    files: tuple[File, ...]
    processes: tuple[ProcessSpec, ...]


def build(view: View) -> Watch:
    """Build what watches a cluster."""
    files: list[File] = []
    processes: list[ProcessSpec] = []
    if view.telemetry.metrics and view.prometheus is not None:
        config = File(path=f"{view.folder}/agent.yaml", content=prometheus_config(view))
        files.append(config)
        processes.append(_process(METRICS_AGENT, _prometheus(view, view.prometheus, config.path), config))
    if view.telemetry.profiles and view.alloy is not None:
        config = File(path=f"{view.folder}/profiler.alloy", content=alloy_config(view))
        files.append(config)
        processes.append(_process(PROFILES_AGENT, _alloy(view, view.alloy, config.path), config))
    if files:
        files.insert(0, File(path=targets_path(view), content=targets(view)))
    return Watch(logs=_log_target(view), files=tuple(files), processes=tuple(processes))


def judge(view: View) -> tuple[Problem, ...]:
    """Judge what is missing for a cluster to be watched; none of it keeps the cluster from serving."""
    if not view.telemetry.metrics or view.prometheus is not None:
        return ()
    return (
        Problem(
            code="no-metrics-agent",
            text=f"cannot send the metrics of {view.telemetry.cluster}: there is no Prometheus",
            remedy="put prometheus on PATH, or name the file in ROLECALL_PROMETHEUS, and call up again",
            severity=Severity.WARNING,
        ),
    )


def _log_target(view: View) -> LogTarget | None:
    """Build the log target; Pebble fills in the unit from each process's own variables."""
    if not view.telemetry.logs:
        return None
    labels = {"product": view.product.name, "cluster": view.telemetry.cluster, "unit": "$ROLECALL_UNIT"}
    return LogTarget(location=view.telemetry.logs, labels=labels)


def _process(name: str, command: tuple[str, ...], config: File) -> ProcessSpec:
    said = identity.digest_of(json.dumps([command, config.content]))
    return ProcessSpec(name=name, command=command, identity=said, kill_delay_s=10)


def targets_path(view: View) -> str:
    """Return the file that lists the units; both agents follow its changes, and nothing is reloaded."""
    return f"{view.folder}/targets.json"


def targets(view: View) -> str:
    """Render the list of units, in the form of file-based service discovery.

    https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
    """
    port = view.product.port("http")
    entries = [
        {
            "targets": [f"{one.address}:{port}"],
            "labels": {
                "product": view.product.name,
                "cluster": view.telemetry.cluster,
                "unit": one.unit,
                "role": ",".join(one.roles),
            },
        }
        for one in sorted(view.units, key=lambda one: one.unit)
    ]
    return json.dumps(entries, indent=1, sort_keys=True) + "\n"


def prometheus_config(view: View) -> str:
    """Render the metrics agent's config."""
    return identity.dump(
        {
            "global": {"scrape_interval": _SCRAPE},
            "scrape_configs": [
                {"job_name": view.product.name, "file_sd_configs": [{"files": [targets_path(view)]}]}
            ],
            "remote_write": [{"url": view.telemetry.metrics}],
        }
    )


def _prometheus(view: View, agent: Agent, config: str) -> tuple[str, ...]:
    # https://prometheus.io/docs/prometheus/3.0/migration/: the agent mode is no longer a feature to enable.
    major = agent.version.partition(".")[0]
    mode = "--agent" if major.isdigit() and int(major) >= 3 else "--enable-feature=agent"
    return (
        agent.path,
        mode,
        f"--config.file={config}",
        f"--storage.agent.path={view.folder}/data/agent",
        f"--web.listen-address={view.address}:{_METRICS_PORT}",
        "--log.level=warn",
    )


def alloy_config(view: View) -> str:
    """Render the profiles agent's config.

    https://grafana.com/docs/alloy/latest/reference/components/pyroscope/pyroscope.scrape/
    """
    return f"""\
discovery.file "units" {{
  files = [{json.dumps(targets_path(view))}]
}}

discovery.relabel "units" {{
  targets = discovery.file.units.targets

  rule {{
    source_labels = ["product"]
    target_label  = "service_name"
  }}
}}

pyroscope.scrape "units" {{
  targets    = discovery.relabel.units.output
  forward_to = [pyroscope.write.stack.receiver]
}}

pyroscope.write "stack" {{
  endpoint {{
    url = {json.dumps(view.telemetry.profiles)}
  }}
}}
"""


def _alloy(view: View, agent: Agent, config: str) -> tuple[str, ...]:
    return (
        agent.path,
        "run",
        f"--server.http.listen-addr={view.address}:{_PROFILES_PORT}",
        f"--storage.path={view.folder}/data/profiler",
        "--disable-reporting",
        config,
    )
