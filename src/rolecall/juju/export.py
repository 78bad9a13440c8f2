"""Clusters as applications of Juju: what is deployed, with which options, and what is integrated.

Pure: values in, values out. What can't be carried over is said, each thing once; what would change what
a cluster does is an error, anything that an administrator can still set afterwards is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from msgspec import Struct, field

from rolecall.core import endpoints, options
from rolecall.core.charm import Option, Side
from rolecall.core.model import S3, Group, Problem, Severity
from rolecall.core.product import Kind, Product, Settings
from rolecall.core.settings import table
from rolecall.juju import metadata

INTEGRATOR, INTEGRATOR_CHANNEL, INTEGRATOR_ENDPOINT = "s3-integrator", "2/stable", "s3-credentials"
"""The charm that says where a bucket is; from this track on it takes its keys as a secret."""

CHANNEL = "latest/edge"
"""Where our charms are published."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*")
"""What Juju takes as an application's name: each part between dashes has a letter."""

Value = bool | int | float | str


class Source(Struct, frozen=True, kw_only=True):
    """One cluster that is to be carried over."""

    name: str
    product: Product
    groups: tuple[Group, ...]
    settings: Settings
    store: S3 | None = None
    urls: Mapping[str, str] = field(default_factory=dict[str, str])
    """Listener to where it answers now, so that what leads there can lead to the charm instead."""
    coordinators: int = 1
    """How many units the coordinator has."""


class Application(Struct, frozen=True, kw_only=True):
    """One application."""

    name: str
    charm: str
    channel: str
    units: int
    options: Mapping[str, Value] = field(default_factory=dict[str, Value])
    """Those that aren't the charm's defaults."""
    keys: bool = False
    """Whether it needs the keys of a bucket, as a secret."""


class Integration(Struct, frozen=True):
    """Two endpoints, each as (application, endpoint)."""

    one: tuple[str, str]
    other: tuple[str, str]


class Exported(Struct, frozen=True, kw_only=True):
    """Everything that is deployed for some clusters, and what wasn't carried over."""

    applications: tuple[Application, ...]
    integrations: tuple[Integration, ...]
    problems: tuple[Problem, ...]


def export(sources: Sequence[Source], channel: str = CHANNEL) -> Exported:
    """Return the applications of some clusters; `channel` is where our charms are taken from."""
    applications: list[Application] = []
    integrations: list[Integration] = []
    problems: list[Problem] = []
    for source in sources:
        carried = _carried(source, sources)
        workers = tuple(_worker(source, group, channel) for group in source.groups)
        store = _integrator(source)
        applications += [_coordinator(source, carried.options, channel), store, *workers]
        integrations += [*_integrations(source, store, workers), *carried.integrations]
        problems += [*carried.problems, *_store_problems(source), *_line_problems(source)]
    return Exported(
        applications=tuple(applications),
        integrations=tuple(integrations),
        problems=(*_name_problems(applications), *problems),
    )


def _coordinator(source: Source, chosen: Mapping[str, Value], channel: str) -> Application:
    name = metadata.name(source.product, "coordinator")
    return Application(
        name=source.name, charm=name, channel=channel, units=source.coordinators, options=chosen
    )


def _worker(source: Source, group: Group, channel: str) -> Application:
    return Application(
        name=f"{source.name}-{group.name}",
        charm=metadata.name(source.product, "worker"),
        channel=channel,
        units=group.units,
        options={f"{options.ROLE}{role}": True for role in dict.fromkeys(group.roles)},
    )


def _integrator(source: Source) -> Application:
    store = source.store
    known: dict[str, Value] = {}
    if store is not None:
        if not _is_here(store.endpoint):
            known["endpoint"] = store.endpoint
        known |= {
            "bucket": store.bucket,
            "region": store.region,
            "s3-uri-style": "path" if store.path_style else "host",
        }
    return Application(
        name=f"{source.name}-s3",
        charm=INTEGRATOR,
        channel=INTEGRATOR_CHANNEL,
        units=1,
        options=known,
        keys=True,
    )


def _integrations(
    source: Source, store: Application, workers: Sequence[Application]
) -> Iterator[Integration]:
    s3 = endpoints.endpoint(source.product, "s3").name
    cluster = endpoints.endpoint(source.product, "cluster").name
    yield Integration((source.name, s3), (store.name, INTEGRATOR_ENDPOINT))
    for worker in workers:
        yield Integration((source.name, cluster), (worker.name, cluster))


class _Carried(Struct):
    """What became of a cluster's settings."""

    options: dict[str, Value] = field(default_factory=dict[str, Value])
    integrations: list[Integration] = field(default_factory=list[Integration])
    problems: list[Problem] = field(default_factory=list[Problem])


def _carried(source: Source, sources: Sequence[Source]) -> _Carried:
    """Carry over a cluster's settings: as options, and as integrations with the other clusters."""
    settings = {setting.name: setting for setting in table(source.product)}
    carried = _Carried()
    for option in options.coordinator_options(source.product):
        if option.express is None:
            continue
        try:
            value = option.express(source.settings.values[option.setting])
        except ValueError as error:
            remedy = f"write one that the option {option.name} can say"
            place = f"settings.{option.setting}"
            carried.problems.append(_problem(source, place, str(error), remedy, Severity.BLOCKED))
            continue
        if settings[option.setting].kind is Kind.URL and _is_here(str(value)):
            _lead_elsewhere(carried, option, str(value), source, sources)
        elif value != option.default:
            carried.options[option.name] = _plain(value)
    return carried


def _plain(value: object) -> Value:
    if isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"cannot write {value!r} as an option; it is no single value")


def _lead_elsewhere(
    carried: _Carried, option: Option, url: str, source: Source, sources: Sequence[Source]
) -> None:
    """Lead an address on this machine to the cluster that answers there.

    Where charms have endpoints for it, they are integrated. Else it is the other application's name, which
    is that of its service, too: pods of the same model find it by that.
    """
    found = urlsplit(url)
    origin = f"{found.scheme}://{found.netloc}"
    for other in sources:
        for name in (name for name, here in other.urls.items() if here == origin):
            if integration := _between(source, other):
                carried.integrations.append(integration)
            else:
                port = next(one.number for one in other.product.listeners if one.name == name)
                carried.options[option.name] = f"http://{other.name}:{port}{found.path}"
            return
    remedy = f"when you know its address there, run: juju config {source.name} {option.name}=…"
    fact = f"{url} is on this machine"
    carried.problems.append(_problem(source, f"settings.{option.setting}", fact, remedy, Severity.WARNING))


def _between(source: Source, other: Source) -> Integration | None:
    """Return the integration by which one cluster sends to another; None when the charms have none."""
    for mine in endpoints.coordinator_endpoints(source.product):
        for theirs in endpoints.coordinator_endpoints(other.product):
            sides = (mine.side, theirs.side) == (Side.REQUIRES, Side.PROVIDES)
            if sides and mine.interface == theirs.interface:
                return Integration((source.name, mine.name), (other.name, theirs.name))
    return None


def _is_here(url: str) -> bool:
    """Whether an address is that of the machine itself."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")  # noqa: S104 - not listened on


def _store_problems(source: Source) -> Iterator[Problem]:
    store, application = source.store, f"{source.name}-s3"
    if store is None:
        remedy = f"choose a bucket: juju config {application} endpoint=… bucket=…"
        yield _problem(source, "object-store", "units share no folder there", remedy, Severity.WARNING)
        return
    if _is_here(store.endpoint):
        remedy = f"when you know its address there, run: juju config {application} endpoint=…"
        fact = f"{store.endpoint} is on this machine"
        yield _problem(source, "object-store.s3.endpoint", fact, remedy, Severity.WARNING)
    if store.ca:
        remedy = f'run: juju config {application} tls-ca-chain="$(base64 -w0 {store.ca})"'
        fact = f"{store.ca} is a file of this machine"
        yield _problem(source, "object-store.s3.ca", fact, remedy, Severity.WARNING)


def _line_problems(source: Source) -> Iterator[Problem]:
    line = source.settings.text("line")
    if line and line != source.product.lines[0].name:
        charm = metadata.charm_of(source.product)
        fact = f"the charms' image is {source.product.title} {source.product.binary.version}"
        remedy = f"give every application an image of {line}, such as: --resource {charm.container}-image=…"
        yield _problem(source, "settings.line", fact, remedy, Severity.WARNING)


def _name_problems(applications: Sequence[Application]) -> Iterator[Problem]:
    names = [application.name for application in applications]
    for name in dict.fromkeys(names):
        if not _NAME.fullmatch(name):
            yield Problem(
                code="bad-name",
                text=f'cannot call an application "{name}": each part of a name needs a letter on Juju',
                remedy="give the cluster or the worker another name",
            )
        if names.count(name) > 1:
            yield Problem(
                code="bad-name",
                text=f'cannot call two applications "{name}"',
                remedy="give the cluster or the worker another name",
            )


def _problem(source: Source, place: str, fact: str, remedy: str, severity: Severity) -> Problem:
    where = f"clusters.{source.name}.{place}"
    return Problem(
        code="cannot-carry",
        text=f"cannot carry over {where}: {fact}",
        remedy=remedy,
        severity=severity,
        facts=(("place", where),),
    )
