"""What a charm directory declares: the parts of its metadata that Juju acts on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from stage.errors import StageError

EndpointRole = Literal["provides", "requires", "peers"]

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPTION_TYPES = ("string", "int", "float", "boolean", "secret")
_ROLES: tuple[EndpointRole, ...] = ("provides", "requires", "peers")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a relation, as a charm declares it."""

    name: str
    role: EndpointRole
    interface: str
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """A config option; `default` is None if it has none."""

    name: str
    type: str
    default: bool | int | float | str | None
    description: str


@dataclass(frozen=True, slots=True)
class Action:
    """An action, with the JSON schema's `properties` and `required` of its parameters."""

    name: str
    properties: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Container:
    """A workload container: the resource it runs, and where it mounts which storage."""

    name: str
    resource: str
    mounts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Charm:
    """A charm directory, read once."""

    folder: Path
    name: str
    endpoints: Mapping[str, Endpoint]
    containers: tuple[Container, ...]
    storages: Mapping[str, Mapping[str, Any]]
    resources: Mapping[str, Mapping[str, Any]]
    options: Mapping[str, Option]
    actions: Mapping[str, Action] = field(default_factory=dict[str, Action])


def read(folder: Path) -> Charm:
    """Read the charm in `folder`, from `charmcraft.yaml`, or from `metadata.yaml` and its companions.

    Raises:
        StageError: There is no charm, or what it declares makes no sense.
    """
    meta, options, actions = _documents(folder)
    name = str(meta.get("name") or "")
    if not name:
        raise StageError(f"cannot read the charm in {folder}: it has no name; set `name` in its metadata")
    resources = _tables(meta, "resources")
    return Charm(
        folder=folder.resolve(),
        name=name,
        endpoints=_endpoints(meta, folder),
        containers=tuple(_container(folder, key, body) for key, body in _tables(meta, "containers").items()),
        storages=_tables(meta, "storage"),
        resources=resources,
        options={key: _option(folder, key, body) for key, body in options.items()},
        actions={key: _action(key, body) for key, body in actions.items()},
    )


def _documents(
    folder: Path,
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    single = _load(folder / "charmcraft.yaml")
    meta = single if single.get("name") else _load(folder / "metadata.yaml")
    options = _load(folder / "config.yaml") or single.get("config") or {}
    actions = _load(folder / "actions.yaml") or single.get("actions") or {}
    return meta, _tables(options, "options"), _tables({"actions": actions}, "actions")


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        document: object = yaml.load(path.read_text(), _LOADER)  # noqa: S506 - a safe loader, in C
    except yaml.YAMLError as error:
        raise StageError(f"cannot read {path}: {error}; correct the file") from None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


def _tables(document: Mapping[str, Any], key: str) -> dict[str, dict[str, Any]]:
    found: object = document.get(key)
    if not isinstance(found, dict):
        return {}
    return {
        str(name): cast("dict[str, Any]", body) if isinstance(body, dict) else {}
        for name, body in cast("dict[Any, object]", found).items()
    }


def _endpoints(meta: Mapping[str, Any], folder: Path) -> dict[str, Endpoint]:
    found: dict[str, Endpoint] = {}
    for role in _ROLES:
        for name, body in _tables(meta, role).items():
            if name in found:
                raise StageError(
                    f"cannot read the charm in {folder}: two endpoints are called {name}; rename one"
                )
            interface = str(body.get("interface") or "")
            if not interface:
                raise StageError(f"cannot read the charm in {folder}: {name} has no interface; give it one")
            found[name] = Endpoint(name, role, interface, body.get("limit"))
    return found


def _container(folder: Path, name: str, body: Mapping[str, Any]) -> Container:
    resource = body.get("resource")
    if not resource:
        raise StageError(
            f"cannot read the charm in {folder}: container {name} has no resource; name its image"
        )
    declared: list[dict[str, Any]] = body.get("mounts") or []
    mounts = [(str(mount["storage"]), str(mount["location"])) for mount in declared]
    return Container(name, str(resource), tuple(mounts))


def _option(folder: Path, name: str, body: Mapping[str, Any]) -> Option:
    kind = str(body.get("type") or "string")
    if kind not in _OPTION_TYPES:
        raise StageError(
            f"cannot read the charm in {folder}: option {name} is of type {kind}; "
            f"use one of {', '.join(_OPTION_TYPES)}"
        )
    return Option(name, kind, body.get("default"), str(body.get("description") or ""))


def _action(name: str, body: Mapping[str, Any]) -> Action:
    return Action(
        name,
        properties=_tables(body, "params"),
        required=tuple(body.get("required") or ()),
        more=bool(body.get("additionalProperties", False)),
    )
