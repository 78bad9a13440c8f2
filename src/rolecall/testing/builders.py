"""Builders: a whole, valid value from the little that a test cares about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from rolecall.core import coordinator, gateway, nginx, settings, worker
from rolecall.core.model import (
    Cluster,
    Deployment,
    Directory,
    Document,
    Group,
    ObjectStore,
    Phase,
    ProcessSpec,
    Report,
    Unit,
)
from rolecall.core.product import Product, Settings
from rolecall.core.roles import Line

DEPLOYMENT = Deployment(name="demo", uuid="0a1b2c3d4e5f")
_STORE = Directory(path="/srv/store")


def a_group(name: str, roles: Iterable[str], units: int = 1) -> Group:
    """Build a worker group."""
    return Group(name=name, roles=tuple(roles), units=units)


def a_report(unit: str, roles: Iterable[str], **changes: Any) -> Report:
    """Build the report of a unit that is ready, or one that differs from it by `changes`."""
    ready = bool(changes.get("ready", True))
    report = Report(
        address=_address(unit),
        name=f"{unit.replace('/', '-')}.demo",
        roles=tuple(roles),
        running="old" if ready else "",
        ready=ready,
        phase=Phase.RUNNING if ready else Phase.STARTING,
    )
    return replace(report, **changes)


def a_unit(line: Line, unit: str, roles: Iterable[str], **changes: Any) -> Unit:
    """Build a unit as the coordinator sees it; `changes` are those of its report."""
    report = a_report(unit, roles, **changes)
    return Unit(id=unit, group=unit.partition("/")[0], roles=line.expand(report.roles), report=report)


def a_cluster(line: Line, groups: Iterable[Group], **changes: Any) -> Cluster:
    """Build a cluster whose units are all there, and ready unless `changes` of their reports say else."""
    groups = tuple(groups)
    units = (a_unit(line, name, group.roles, **changes) for group in groups for name in _names(group))
    return Cluster(groups=groups, units=tuple(sorted(units, key=lambda unit: unit.id)))


def settings_of(product: Product, raw: Mapping[str, object] | None = None) -> Settings:
    """Parse settings that a test knows to be good."""
    parsed = settings.parse(product, raw or {})
    if parsed.problems:
        raise ValueError("; ".join(map(str, parsed.problems)))
    return parsed.settings


def the_front(**changes: Any) -> coordinator.Front:
    """Build what a host knows of its gateway, which sends to nobody yet."""
    front = coordinator.Front(
        options=gateway.Options(),
        dialect=nginx.Dialect(http2_directive=True),
        paths=nginx.Paths(prefix="/srv/gateway"),
    )
    return replace(front, **changes)


def observed(
    product: Product,
    groups: Iterable[Group],
    *,
    raw: Mapping[str, object] | None = None,
    store: ObjectStore | None = _STORE,
    ready: bool = True,
    published: Document | None = None,
) -> coordinator.Observed:
    """Build what a coordinator sees of a cluster whose units are all there; change it with `replace`."""
    groups = tuple(groups)
    members = {
        name: coordinator.Member(group=group.name, report=a_report(name, group.roles, ready=ready))
        for group in groups
        for name in _names(group)
    }
    return coordinator.Observed(
        deployment=DEPLOYMENT,
        settings=settings_of(product, raw),
        groups=groups,
        members=members,
        store=store,
        front=the_front(),
        published=published,
    )


def a_worker(unit: str, roles: Iterable[str], **changes: Any) -> worker.Observed:
    """Build what a worker sees of itself before anything was started."""
    folder = f"/srv/{unit}"
    seen = worker.Observed(
        unit=unit,
        address=_address(unit),
        name=f"{unit.replace('/', '-')}.demo",
        roles=tuple(roles),
        paths=worker.Paths(
            binary="/usr/bin/product",
            config=f"{folder}/config.yaml",
            data=f"{folder}/data",
            credentials=f"{folder}/credentials",
        ),
    )
    return replace(seen, **changes)


def process_of(spec: ProcessSpec | None, *, ready: bool = True) -> worker.Process:
    """Build a process that runs as `spec` says; None: there is none."""
    return worker.Process(spec=spec, running=spec is not None, ready=ready and spec is not None)


def _names(group: Group) -> tuple[str, ...]:
    return tuple(f"{group.name}/{number}" for number in range(group.units))


def _address(unit: str) -> str:
    """Return an address that is the unit's own, and the same in every run."""
    number = sum(ord(letter) * 31**place for place, letter in enumerate(unit)) % (250 * 250 * 250)
    return f"127.{1 + number // 62500}.{1 + number // 250 % 250}.{1 + number % 250}"
