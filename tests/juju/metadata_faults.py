"""What charmcraft lets pass in its own file, and Juju or an administrator would stumble over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Charm = Mapping[str, Any]

_TYPES = {"boolean": bool, "int": int, "float": float, "string": str}
_SIDES = ("provides", "requires", "peers")


def faults(charm: Charm) -> list[str]:
    """List everything that is wrong with the mapping of a charmcraft.yaml."""
    rules = (_endpoints, _containers, _resources, _storage, _options, _actions, _assumes)
    return [fault for rule in rules for fault in rule(charm)]


def _endpoints(charm: Charm) -> Iterator[str]:
    names = [name for side in _SIDES for name in charm.get(side, {})]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"endpoint {name}: it is there twice"
    for side in _SIDES:
        for name, endpoint in charm.get(side, {}).items():
            if not endpoint.get("interface"):
                yield f"endpoint {name}: it has no interface"
            if not isinstance(endpoint.get("optional"), bool):
                yield f"endpoint {name}: it doesn't say whether it is optional"
            if not endpoint.get("description"):
                yield f"endpoint {name}: it has no description"


def _containers(charm: Charm) -> Iterator[str]:
    for name, container in charm.get("containers", {}).items():
        if container.get("resource") not in charm.get("resources", {}):
            yield f"container {name}: there is no resource {container.get('resource')}"
        for mount in container.get("mounts", ()):
            if mount["storage"] not in charm.get("storage", {}):
                yield f"container {name}: there is no storage {mount['storage']}"
            if not mount["location"].startswith("/"):
                yield f"container {name}: {mount['location']} is no absolute path"


def _resources(charm: Charm) -> Iterator[str]:
    used = {container.get("resource") for container in charm.get("containers", {}).values()}
    for name, resource in charm.get("resources", {}).items():
        if name not in used:
            yield f"resource {name}: no container uses it"
        if resource.get("type") != "oci-image":
            yield f"resource {name}: it is no image"
        if ":" not in resource.get("upstream-source", "").rpartition("/")[2]:
            yield f"resource {name}: its source has no tag"


def _storage(charm: Charm) -> Iterator[str]:
    containers = charm.get("containers", {}).values()
    mounted = {mount["storage"] for container in containers for mount in container.get("mounts", ())}
    for name, storage in charm.get("storage", {}).items():
        if name not in mounted:
            yield f"storage {name}: no container mounts it"
        if storage.get("type") not in ("filesystem", "block"):
            yield f"storage {name}: there is no type {storage.get('type')}"


def _options(charm: Charm) -> Iterator[str]:
    for name, option in charm.get("config", {}).get("options", {}).items():
        expected = _TYPES.get(option.get("type"))
        if expected is None:
            yield f"option {name}: there is no type {option.get('type')}"
        elif "default" not in option:
            yield f"option {name}: it has no default"
        elif type(option["default"]) is not expected:
            yield f"option {name}: its default is no {option['type']}"
        if not option.get("description"):
            yield f"option {name}: it has no description"


def _actions(charm: Charm) -> Iterator[str]:
    for name, action in charm.get("actions", {}).items():
        if action.get("additionalProperties") is not False:
            yield f"action {name}: it takes parameters that it doesn't know"
        for parameter, schema in action.get("params", {}).items():
            if not schema.get("type") or not schema.get("description"):
                yield f"action {name}: parameter {parameter} has no type or no description"
            if "enum" in schema and schema.get("default") not in schema["enum"]:
                yield f"action {name}: the default of {parameter} is not among its words"


def _assumes(charm: Charm) -> Iterator[str]:
    assumed = [str(one) for one in charm.get("assumes", ())]
    if not any(one.startswith("juju >= ") for one in assumed):
        yield "assumes: it names no Juju"
    if charm.get("containers") and "k8s-api" not in assumed:
        yield "assumes: containers need k8s-api"
