"""What a charm's metadata says, read once per charm class.

Writing and parsing metadata as YAML for every hook, as `ops.testing.Context.run` does, costs more than the
hook: 12 ms for a charm with 25 endpoints. Here a `Spec` is made once and shared by all units and all tests.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import ops
import yaml
from ops import testing

from .hooks import HookContext
from .values import CharmData, DriverError

_TYPES: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "float": (int, float),
    "int": (int,),
    "secret": (str,),
    "string": (str,),
}

Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """One end of possible relations."""

    name: str
    interface: str
    role: str
    """`provides`, `requires` or `peers`."""
    limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A charm as the driver needs it."""

    charm: type[ops.CharmBase]
    meta: Mapping[str, Any]
    options: Options
    actions: Mapping[str, Any]
    endpoints: Mapping[str, EndpointSpec]
    containers: tuple[str, ...]
    storages: tuple[str, ...]
    context: HookContext

    def problem(self, option: str, value: object) -> str | None:
        """Return why Juju would refuse a configuration value; None when it would not."""
        if option not in self.options:
            return f"no option {option!r}; there are {', '.join(self.options) or 'none'}"
        wanted = self.options[option].get("type", "string")
        if not isinstance(value, _TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean"):
            return f"{option} is a {wanted}, {value!r} is none"
        return None

    def mounts(self, container: str) -> dict[str, str]:
        """Return the storages of a container by the path they are mounted at."""
        said: dict[str, Any] = self.meta["containers"][container] or {}
        mounts: list[dict[str, str]] = said.get("mounts") or []
        return {mount["location"]: mount["storage"] for mount in mounts if "location" in mount}


def spec_of(charm: type[ops.CharmBase] | CharmData) -> Spec:
    """Return what a charm's metadata says; a bare class is looked up in the charm's folder."""
    if isinstance(charm, CharmData):
        return _of_data(_Same(charm))
    return _of_folder(charm)


class _Same:
    """A `CharmData` as a key: it holds mappings, so the very object counts."""

    def __init__(self, data: CharmData) -> None:
        self.data = data

    def __hash__(self) -> int:
        return id(self.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.data is self.data


@cache
def _of_data(key: _Same) -> Spec:
    data = key.data
    meta = dict(data.meta)
    actions = data.actions if data.actions is not None else meta.pop("actions", None)
    config = data.config if data.config is not None else meta.pop("config", None)
    return _spec(data.charm, meta, actions or {}, config or {}, None)


@cache
def _of_folder(charm: type[ops.CharmBase]) -> Spec:
    """Read `charmcraft.yaml` two levels above the charm's module, as charmcraft lays charms out."""
    root = Path(inspect.getfile(charm)).parent.parent
    path = root / "charmcraft.yaml"
    if not path.exists():
        raise DriverError(f"cannot deploy {charm.__name__}: no {path}; pass CharmData with its metadata")
    meta = cast("dict[str, Any]", yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    return _spec(charm, meta, meta.pop("actions", None) or {}, meta.pop("config", None) or {}, root)


def _spec(
    charm: type[ops.CharmBase],
    meta: dict[str, Any],
    actions: Mapping[str, Any],
    config: Mapping[str, Any],
    root: Path | None,
) -> Spec:
    roles: dict[str, dict[str, dict[str, Any]]] = {
        role: meta.get(role) or {} for role in ("peers", "requires", "provides")
    }
    endpoints = {
        name: EndpointSpec(name=name, interface=said["interface"], role=role, limit=said.get("limit"))
        for role, ends in roles.items()
        for name, said in ends.items()
    }
    return Spec(
        charm=charm,
        meta=meta,
        options=config.get("options") or {},
        actions=actions,
        endpoints=endpoints,
        containers=tuple(meta.get("containers") or ()),
        storages=tuple(meta.get("storage") or ()),
        context=HookContext(charm, meta, dict(actions), dict(config), root),
    )


def container_of(spec: Spec, name: str, template: testing.State | None) -> testing.Container:
    """Return a container as the pod brings it: as the template has it, else empty; not connectable yet."""
    for container in template.containers if template else ():
        if container.name == name:
            return container
    if name not in spec.containers:
        raise DriverError(f"cannot bring up container {name!r}: the charm has {', '.join(spec.containers)}")
    return testing.Container(name)
