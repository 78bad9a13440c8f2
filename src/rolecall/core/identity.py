"""Render configs, and tell what a process would have to be restarted for.

The restart identity of a unit is a digest of what its process really reads at start, less what takes
effect without a restart. It holds nothing of a single unit, so the coordinator and each worker come
to the same digest on their own, and a unit that joins changes nobody else's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

import yaml

from rolecall.core import fragments
from rolecall.core.model import Document
from rolecall.core.product import Blueprint, Product, Settings
from rolecall.core.settings import dotted
from rolecall.core.tree import Tree

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HEADER = "# Written by rolecall; changes are overwritten. Use config-overrides.\n"


def dump(tree: Mapping[str, object]) -> str:
    """Render a tree as YAML with sorted keys: the same tree gives the same bytes."""
    return yaml.dump(dict(tree), Dumper=_DUMPER, sort_keys=True, width=1000, allow_unicode=True)


def load(text: str) -> object:
    """Parse YAML; raises `yaml.YAMLError`."""
    return cast("object", yaml.load(text, Loader=_LOADER))  # noqa: S506 - a safe loader, written in C


@lru_cache(maxsize=4)
def loaded(text: str) -> object:
    """Parse YAML that is looked at more than once; the tree must not be changed. Raises `yaml.YAMLError`."""
    return load(text)


def readable(text: str) -> bool:
    """Whether a text is a YAML mapping."""
    try:
        return isinstance(loaded(text), Mapping)
    except yaml.YAMLError:
        return False


def render_config(product: Product, blueprint: Blueprint) -> str:
    """Render the one config of a cluster, the operator's overrides merged last."""
    overrides = _escaped(blueprint.settings.tree("config-overrides"))
    return _HEADER + dump(_merged(product.config(blueprint), cast("Tree", overrides)))


def render_runtime(product: Product, blueprint: Blueprint) -> str:
    """Render the product's hot-reloaded file."""
    return _HEADER + dump(product.runtime(blueprint))


def render_candidate(product: Product, settings: Settings, config: str) -> str:
    """Render what the binary is asked to judge: the config with the limits written into it.

    A limit the product does not know would be fatal or ignored in the hot-reloaded file; in the config
    the binary names it.
    """
    limits = settings.tree("limits")
    for tenant in settings.tree("tenant-limits").values():
        limits |= cast("Tree", tenant) if isinstance(tenant, Mapping) else {}
    if not limits or not product.limits_key:
        return config
    patch: object = _escaped(limits)
    for key in reversed(product.limits_key.split(".")):
        patch = {key: patch}
    return _HEADER + dump(_merged(cast("Tree", load(config)), cast("Tree", patch)))


def digest_of(text: str) -> str:
    """Return a short digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def identity(product: Product, document: Document, roles: tuple[str, ...], restarts: int = 0) -> str:
    """Return the restart identity of a unit with `roles` under `document`.

    `roles` are as written by the administrator; `restarts` counts those asked for by hand.
    """
    facts = read_at_start(product, document, roles, restarts)
    return digest_of(json.dumps(facts, sort_keys=True, default=str))


def read_at_start(
    product: Product, document: Document, roles: tuple[str, ...], restarts: int = 0
) -> dict[str, object]:
    """Return what a unit with `roles` has to restart for; the limits file is reloaded, so it isn't part."""
    config = loaded(document.config)
    for key in product.live_keys:
        config = _without(config, key.split("."))
    line = product.line(document.line)
    own = set(line.expand(roles))
    others = (key for key, readers in product.read_by.items() if own.isdisjoint(readers))
    for key in (*others, *line.unread(roles)):
        config = _without(config, key.split("."))
    return {
        "config": config,
        "arguments": product.arguments,
        "targets": (*line.targets(roles), *line.flags(roles)),
        "environment": dict(document.environment),
        "secret": document.secret,
        "restarts": restarts,
        # A process reads the authority's certificate once; where there is none, nothing is added.
        **({"authority": document.authority} if document.authority else {}),
    }


def _escaped(value: object) -> object:
    """Return a tree in which a dollar sign that the operator wrote stays one."""
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        return {key: _escaped(item) for key, item in mapping.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in cast("list[object]", value)]
    return value.replace("$", fragments.DOLLAR) if isinstance(value, str) else value


def _merged(base: Tree, over: Tree) -> Tree:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(dict(cast("Tree", old)), dict(cast("Tree", value)))
        else:
            merged[key] = value
    return merged


def _without(tree: object, path: list[str]) -> object:
    if not isinstance(tree, Mapping):
        return tree
    copy = dict(cast("Tree", tree))
    if path[0] in copy:
        if len(path) == 1:
            del copy[path[0]]
        else:
            copy[path[0]] = _without(copy[path[0]], path[1:])
    return copy


def blamed(settings: Settings, said: str) -> tuple[str, ...]:
    """List the operator's keys that a binary's refusal names; all of them when it names none.

    The binaries name a key by its last part, such as `field retention_perod not found`.
    """
    groups = ("config-overrides", "limits", "tenant-limits")
    paths = [f"{name}.{path}" for name in groups for path in dotted(settings.tree(name))]
    words = set(re.findall(r"[\w-]+", said))
    named = tuple(path for path in paths if path.rpartition(".")[2] in words)
    return named or tuple(paths)
