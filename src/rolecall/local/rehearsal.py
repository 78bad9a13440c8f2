"""Rehearse a cluster: what `up` would decide when every unit is there and ready, with nothing started.

The answer depends on the file alone, so the same file gives the same bytes. The id and the addresses
are stand-ins: the first `up` chooses an id at random, and the addresses follow from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from rolecall.core import coherence, coordinator, gateway, identity, nginx, telemetry, worker
from rolecall.core.model import (
    S3,
    Cluster,
    Deployment,
    Directory,
    Document,
    File,
    ProcessSpec,
    Report,
    Unit,
    Verdict,
    verdict_of,
)
from rolecall.local.addresses import agents_address, plan_addresses
from rolecall.local.fetch.helpers import PROMETHEUS
from rolecall.local.file.topology import ClusterSpec
from rolecall.local.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the rehearsal pretends to be."""

    home: Home
    nginx: str = "1.22.1"
    """Version of the nginx that would read the gateway's config."""
    user: str = ""
    """User that the gateway's processes would be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a rehearsal came to."""

    verdict: Verdict
    files: tuple[File, ...] = ()
    """Paths are relative to the cluster's folder; no secret is among them."""


def judge(spec: ClusterSpec) -> Verdict:
    """Judge a cluster as if every unit was there."""
    line = spec.product.line(spec.settings.text("line"))
    units = tuple(
        Unit(id=name, group=group, roles=line.expand(report.roles), report=report)
        for name, (group, report) in _reports(spec).items()
    )
    return verdict_of(
        (
            *coherence.judge_topology(spec.product, line, spec.groups),
            *coherence.judge_replication(
                spec.product, Cluster(groups=spec.groups, units=units), spec.settings
            ),
        )
    )


def render(spec: ClusterSpec, stage: Stage) -> Rehearsed:
    """Render every file that `up` would write, secrets apart."""
    verdict = judge(spec)
    reports = _reports(spec)
    if not verdict.coherent:
        return Rehearsed(verdict=verdict)
    document = _decided(spec, stage, reports, None).desired.document
    if document is None:
        raise AssertionError("a coherent cluster has a document")
    workers = {unit: _worker(spec, stage, unit, report, document) for unit, (_, report) in reports.items()}
    started = {
        unit: (group, replace(report, ready=True, running=_identity(workers[unit].process), revision=1))
        for unit, (group, report) in reports.items()
    }
    decision = _decided(spec, stage, started, document)
    files = [File(path="gateway/nginx.conf", content=decision.desired.gateway)]
    for unit in sorted(workers):
        files.extend(_unit_files(stage, unit, workers[unit]))
    files.extend(_inside(stage, file) for file in telemetry.build(_view(spec, stage, reports)).files)
    return Rehearsed(verdict=verdict, files=tuple(files))


def _view(spec: ClusterSpec, stage: Stage, reports: Mapping[str, tuple[str, Report]]) -> telemetry.View:
    """Return the cluster as its agents would see it, with a Prometheus at hand."""
    return telemetry.View(
        product=spec.product,
        telemetry=spec.telemetry,
        units=tuple(
            telemetry.Watched(unit=unit, address=report.address, roles=report.roles)
            for unit, (_, report) in reports.items()
        ),
        folder=str(stage.home.telemetry),
        address=agents_address(stand_in_uuid(spec.name)),
        prometheus=telemetry.Agent(path=PROMETHEUS.name),
    )


def _inside(stage: Stage, file: File) -> File:
    """Return a file with its path inside the cluster's folder."""
    return replace(file, path=str(Path(file.path).relative_to(stage.home.root)))


def _identity(process: ProcessSpec | None) -> str:
    return process.identity if process else ""


def stand_in_uuid(name: str) -> str:
    """Return an id for a cluster that has none yet."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _reports(spec: ClusterSpec) -> dict[str, tuple[str, Report]]:
    """Return each unit's group and first report."""
    groups = {f"{group.name}-{number}": group for group in spec.groups for number in range(group.units)}
    addresses = plan_addresses(stand_in_uuid(spec.name), sorted(groups), {})
    return {
        unit: (
            groups[unit].name,
            Report(address=addresses[unit], name=addresses[unit], roles=groups[unit].roles),
        )
        for unit in sorted(groups)
    }


def _decided(
    spec: ClusterSpec,
    stage: Stage,
    reports: Mapping[str, tuple[str, Report]],
    published: Document | None,
) -> coordinator.Decision:
    observed = coordinator.Observed(
        deployment=Deployment(name=f"{spec.product.name}-{spec.name}", uuid=stand_in_uuid(spec.name)),
        settings=spec.settings,
        groups=spec.groups,
        members={
            unit: coordinator.Member(group=group, report=report) for unit, (group, report) in reports.items()
        },
        store=spec.store or Directory(path=str(stage.home.store)),
        front=_front(spec, stage, frozenset(unit for unit, (_, report) in reports.items() if report.ready)),
        secret="object-store/1" if isinstance(spec.store, S3) else "",
        telemetry=spec.telemetry,
        published=published,
    )
    decision = coordinator.decide(spec.product, observed)
    if not decision.desired.candidate:
        return decision
    # Nothing is run here, so the binary's opinion is taken to be good.
    verified = {identity.digest_of(decision.desired.candidate): ""}
    return coordinator.decide(spec.product, replace(observed, verified=verified))


def _front(spec: ClusterSpec, stage: Stage, serving: frozenset[str]) -> coordinator.Front:
    return coordinator.Front(
        options=gateway.options_of(
            spec.product,
            spec.settings,
            address=spec.gateway_address,
            ports=spec.gateway_ports,
            admin_file=str(stage.home.secrets / "htpasswd"),
        ),
        dialect=nginx.Dialect.of(stage.nginx),
        paths=nginx.Paths(prefix=str(stage.home.gateway), user=stage.user),
        serving=serving,
    )


def _worker(spec: ClusterSpec, stage: Stage, unit: str, report: Report, document: Document) -> worker.Desired:
    folder = stage.home.unit(unit)
    return worker.decide(
        spec.product,
        worker.Observed(
            unit=unit,
            address=report.address,
            name=report.name,
            roles=report.roles,
            paths=worker.Paths(
                binary=spec.product.binary.name,
                config=str(folder / "config.yaml"),
                data=str(folder / "data"),
                credentials=str(folder / "credentials"),
            ),
            document=document,
        ),
    )


def _unit_files(stage: Stage, unit: str, desired: worker.Desired) -> tuple[File, ...]:
    files = [_inside(stage, file) for file in desired.files if not file.secret]
    if desired.process is not None:
        process = {
            "name": desired.process.name,
            "command": list(desired.process.command),
            "environment": dict(desired.process.environment),
            "kill_delay_s": desired.process.kill_delay_s,
        }
        content = json.dumps(process, indent=1, sort_keys=True) + "\n"
        files.append(File(path=f"units/{unit}/process.json", content=content))
    return tuple(files)
