"""Read rolecall.yaml: text to values, all errors at once.

Every error names the place, the line and what to write instead. A cluster whose product or workers
can't be read is left out; any other error leaves it in, with the default for what was refused. Whether
the roles of a cluster make sense is judged elsewhere (`rolecall.core.coherence`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from rolecall.core import settings as core_settings
from rolecall.core import solo
from rolecall.core.model import Credentials, Group, ObjectStore, Problem, Telemetry
from rolecall.core.product import Product, Settings
from rolecall.local import topology_telemetry
from rolecall.local.addresses import MOST_UNITS
from rolecall.local.fetch.found import ANY, Choice
from rolecall.local.file import marked, topology_gateway, topology_store
from rolecall.local.file.section import Section, Sheet, shown, suggest
from rolecall.local.file.topology_text import preset, with_units, with_value

__all__ = ["ClusterSpec", "Parsed", "parse", "preset", "with_units", "with_value"]

_EXAMPLE = "clusters: {logs: {product: NAME}}"
_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_RELEASE = re.compile(r"\d+\.\d+\.\d+[\w.+~-]*")
_LONGEST_NAME = 40
_SOLO = Group(name="solo", roles=solo.ROLES, units=1)
"""Who serves a cluster for which no workers are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """One cluster as the file describes it."""

    name: str
    product: Product
    groups: tuple[Group, ...]
    settings: Settings
    store: ObjectStore | None
    """None: the directory beside the units."""
    credentials: Credentials | None
    create_bucket: bool
    gateway_address: str
    gateway_ports: Mapping[str, int]
    """Name of a listener to its port, for every listener of the product."""
    telemetry: Telemetry = field(default_factory=Telemetry)
    """Where it sends what it tells of itself."""
    executable: Choice = ANY
    """Which executable its processes are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The clusters that could be read, and everything that was wrong with the file."""

    clusters: tuple[ClusterSpec, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What every part of the file is read against."""

    sheet: Sheet
    products: Mapping[str, Product]
    secrets: topology_store.Secrets


def parse(  # the six are one file and the world it is read in
    text: str,
    *,
    source: str,
    products: Mapping[str, Product],
    environment: Mapping[str, str],
    folder: Path,
    need_secrets: bool = True,
) -> Parsed:
    """Parse the text of a rolecall.yaml.

    Args:
        text: The file.
        source: Its name, for messages.
        products: The products by name.
        environment: Variables that `{env: NAME}` may name.
        folder: Where the file is: paths in it are relative to this folder.
        need_secrets: Whether keys and certificates must be there; a pure look at the file does without.
    """
    sheet = Sheet(marked=marked.read(text, source=source))
    sheet.problems.extend(sheet.marked.problems)
    secrets = topology_store.Secrets(environment=environment, folder=folder, needed=need_secrets)
    reading = _Reading(sheet=sheet, products=products, secrets=secrets)
    sections, watched = _sections(sheet)
    clusters = tuple(cluster for section in sections if (cluster := _cluster(reading, section)))
    topology_gateway.refuse_conflicts(
        sheet,
        [
            topology_gateway.Front(
                place=f"clusters.{cluster.name}",
                address=cluster.gateway_address,
                ports=topology_gateway.open_ports(cluster.product, cluster.settings, cluster.gateway_ports),
            )
            for cluster in clusters
        ],
        inner=frozenset(port.number for cluster in clusters for port in cluster.product.ports),
    )
    return Parsed(
        clusters=topology_telemetry.wired(clusters) if watched else clusters, problems=_in_order(sheet)
    )


def _in_order(sheet: Sheet) -> tuple[Problem, ...]:
    def key(problem: Problem) -> tuple[int, int, str]:
        return problem.severity, int(dict(problem.facts).get("line", "0")), problem.text

    return tuple(sorted(set(sheet.problems), key=key))


def _sections(sheet: Sheet) -> tuple[tuple[Section, ...], bool]:
    """Return the clusters of the file, each as a mapping, and whether they watch each other."""
    tree = sheet.marked.tree
    if tree is None:
        if not sheet.problems:
            sheet.refuse("clusters", "the file is empty", f"write {_EXAMPLE}", "no-cluster")
        return (), False
    if not isinstance(tree, Mapping):
        sheet.refuse("the file", f"it holds {shown(tree)}, not a mapping", f"write {_EXAMPLE}")
        return (), False
    top = Section(sheet=sheet, place="", values=tree)  # pyright: ignore[reportUnknownArgumentType]
    top.only("clusters", "telemetry")
    watched = topology_telemetry.wanted(top)
    clusters = top.section("clusters", _EXAMPLE)
    if clusters is not None and not clusters.values:
        top.refuse("clusters", "it holds no cluster", f"write {_EXAMPLE}", "no-cluster")
    return (_named(clusters, "{product: NAME}") if clusters else ()), watched


def _named(parent: Section, example: str) -> tuple[Section, ...]:
    """Return the named mappings of a section, and refuse the names that can't be used."""
    sections: list[Section] = []
    for name in parent.values:
        if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
            fact = f"a name is lowercase letters, digits and dashes, at most {_LONGEST_NAME}, a letter first"
            parent.refuse(name, fact, f"write {_better_name(name)}", "bad-name")
        elif section := parent.section(name, f"{name}: {example}"):
            sections.append(section)
    return tuple(sections)


def _better_name(name: str) -> str:
    better = re.sub(r"[^a-z0-9]+", "-", name.lower()).lstrip("-0123456789")[:_LONGEST_NAME].strip("-")
    return better or "another name"


def _cluster(reading: _Reading, section: Section) -> ClusterSpec | None:
    section.only("product", "version", "binary", "workers", "settings", "object-store", "gateway")
    product = _product(reading, section)
    groups = _groups(section)
    chosen, credentials, create_bucket = topology_store.parse(section, reading.secrets)
    if product is None:
        return None
    settings = _settings(product, section)
    address, ports = topology_gateway.parse(section, product)
    if groups is None:
        return None
    return ClusterSpec(
        name=section.place.removeprefix("clusters."),
        product=product,
        groups=groups,
        settings=settings,
        store=chosen,
        credentials=credentials,
        create_bucket=create_bucket,
        gateway_address=address,
        gateway_ports=ports,
        executable=_executable(reading, section),
    )


def _executable(reading: _Reading, section: Section) -> Choice:
    """Read which executable is wanted: a file, or a release by its version."""
    version, file = section.text("version"), section.text("binary")
    if version and not _RELEASE.fullmatch(version):
        section.refuse("version", f"{shown(version)} is no release", 'write it whole, such as "3.2.1"')
    if version and file:
        section.refuse("version", "there is a binary, too", "keep one of them")
    return Choice(file=(reading.secrets.folder / file).absolute() if file else None, version=version)


def _product(reading: _Reading, section: Section) -> Product | None:
    names = tuple(reading.products)
    name = section.text("product", required=" or ".join(names))
    if not name or name in reading.products:
        return reading.products.get(name)
    section.refuse(
        "product", f"there is no product {shown(name)}", suggest(name, names, "products"), "unknown-product"
    )
    return None


def _groups(section: Section) -> tuple[Group, ...] | None:
    """Return the worker groups; without any, one unit that runs everything."""
    before = len(section.sheet.problems)
    workers = section.section("workers", "workers: {NAME: {roles: [ROLE], units: 1}}")
    groups = tuple(_group(one) for one in _named(workers, "{roles: [ROLE], units: 1}")) if workers else ()
    units = sum(group.units for group in groups)
    if units > MOST_UNITS:
        section.refuse(
            "workers", f"they are {units} units together", f"keep it at {MOST_UNITS} on one machine"
        )
    if len(section.sheet.problems) > before:
        return None
    return groups or (_SOLO,)


def _group(section: Section) -> Group:
    section.only("roles", "units")
    name, roles = section.place.rpartition(".")[2], section.words("roles") or ()
    if name == _SOLO.name and roles and roles != _SOLO.roles:
        # Were it another unit's name, that one would have to change its roles where it stands.
        fact = "the unit that runs everything is called so, where no workers are written"
        section.sheet.refuse(section.place, fact, "call it otherwise", "bad-name")
    return Group(
        name=name,
        roles=roles,
        units=section.number("units", default=1, low=0, high=MOST_UNITS),
    )


def _settings(product: Product, section: Section) -> Settings:
    raw = section.section("settings", "settings: {retention: 15d}")
    if raw is None:
        return core_settings.parse(product, {}).settings
    parsed = core_settings.parse(product, raw.values, where=raw.place)
    marks = section.sheet.marked
    for problem in parsed.problems:
        # The core knows no lines: the place is the first thing its text names.
        place = problem.text.removeprefix("cannot use ").partition(":")[0]
        section.sheet.problems.append(
            replace(
                problem,
                text=problem.text.replace(place, f"{place} ({marks.at(place)})", 1),
                facts=(*problem.facts, ("place", place), ("line", str(marks.line(place)))),
            )
        )
    if parsed.settings.text("line") not in ("", *(line.name for line in product.lines)):
        return Settings(values={**parsed.settings.values, "line": ""})
    return parsed.settings
