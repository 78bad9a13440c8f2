"""Write rolecall.yaml: a new one for a newcomer, and a changed number or word in one that exists.

An edit touches the characters of that value and no others, so that comments and layout stay.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, cast

import yaml

from rolecall.core.identity import load
from rolecall.core.product import Product
from rolecall.core.tree import Tree
from rolecall.local.file.marked import compose

Preset = Literal["solo", "minimal", "recommended"]

_MARK = "\ufeff"
"""A byte order mark: the parser doesn't count it, so its positions begin after one."""

_ABOUT: Mapping[Preset, str] = {
    "solo": "one unit that runs every role: the least that works",
    "minimal": "every role, in as few units as it takes",
    "recommended": "enough units to survive the loss of any one",
}


def preset(product: Product, preset: Preset) -> str:
    """Return the text of a rolecall.yaml with one cluster, named like the product."""
    line = product.lines[0]
    chosen = workers_of(product, preset)
    width = max(len(worker) for worker, _, _ in chosen) + 1
    roles = max(len(role.name) for role in line.roles)
    return "\n".join(
        (
            f"# A {product.title} cluster: {_ABOUT[preset]}.",
            "#   rolecall judge    says whether it is complete, and starts nothing",
            "#   rolecall up       brings it up, or to what this file says by now",
            "clusters:",
            f"  {product.name}:",
            f"    product: {product.name}",
            "",
            "    # Each worker is a group of units that run the same roles. The roles:",
            *(f"    #   {role.name:<{roles}}  {role.summary}" for role in line.roles),
            *(f"    #   {meta.name:<{roles}}  {', '.join(meta.roles)}" for meta in line.meta_roles),
            "    workers:",
            *(
                f"      {worker + ':':<{width}} {{roles: [{', '.join(names)}], units: {units}}}"
                for worker, names, units in chosen
            ),
            "",
            "    settings:",
            "      retention: 15d    # how long data is kept; 0 keeps it for ever",
            "",
            "    # Data is kept in a folder beside this file. For S3, write this and export both variables:",
            "    # object-store:",
            "    #   s3:",
            "    #     endpoint: https://s3.example.com",
            f"    #     bucket: {product.name}",
            "    #     access-key: {env: S3_ACCESS_KEY}",
            "    #     secret-key: {env: S3_SECRET_KEY}",
            "",
        )
    )


def workers_of(product: Product, preset: Preset) -> tuple[tuple[str, tuple[str, ...], int], ...]:
    """Return the workers of a preset: (worker, roles, units)."""
    return {
        "solo": (("solo", ("all",), 1),),
        "minimal": product.minimal,
        "recommended": product.recommended,
    }[preset]


def with_units(text: str, cluster: str, changes: Mapping[str, int]) -> str:
    """Return the text with other numbers of units; comments and layout stay.

    Raises:
        ValueError: there is no such cluster or worker, or its number can't be changed alone.
    """
    mark = _MARK if text.startswith(_MARK) else ""
    text = text.removeprefix(mark)
    for worker, units in sorted(changes.items()):
        text = _with_one(text, cluster, worker, units)
    return mark + text


def with_value(text: str, cluster: str, path: tuple[str, ...], value: str) -> str:
    """Return the text with a word at a place of a cluster, such as `("settings", "line")`.

    Raises:
        ValueError: there is no such cluster, or the place can't be changed alone.
    """
    mark = _MARK if text.startswith(_MARK) else ""
    text = text.removeprefix(mark)
    top = _mapping(compose(text), "the file")
    mine = _mapping(_child(_mapping(_child(top, "clusters"), "clusters"), cluster), f"clusters.{cluster}")
    edited = _put(text, mine, path, json.dumps(value))
    tree = cast("Tree", load(text))
    clusters = cast("Tree", tree["clusters"])
    wanted = {**tree, "clusters": {**clusters, cluster: _within(clusters[cluster], path, value)}}
    if load(edited) != wanted:
        place = ".".join(("clusters", cluster, *path))
        raise ValueError(f"cannot change {place}: other values share what is written there; write it out")
    return mark + edited


def _put(text: str, node: yaml.MappingNode, path: tuple[str, ...], value: str) -> str:
    """Write a value at a place beneath a mapping, and what is missing on the way."""
    first, *rest = path
    there = _child(node, first)
    if rest and isinstance(there, yaml.MappingNode) and there.value:
        return _put(text, there, tuple(rest), value)
    for key in reversed(rest):
        value = f"{{{key}: {value}}}"
    if there is None:
        return _insert(text, node, first, value)
    return text[: there.start_mark.index] + value + text[there.end_mark.index :]


def _within(tree: object, path: tuple[str, ...], value: str) -> Tree:
    """Return a tree with a value at a place."""
    first, *rest = path
    mapping: Tree = dict(cast("Tree", tree)) if isinstance(tree, Mapping) else {}
    return {**mapping, first: _within(mapping.get(first), tuple(rest), value) if rest else value}


def _with_one(text: str, cluster: str, worker: str, units: int) -> str:
    top = _mapping(compose(text), "the file")
    found = _child(_mapping(_child(top, "clusters"), "clusters"), cluster)
    mine = _mapping(found, f"clusters.{cluster}")
    place = f"clusters.{cluster}.workers.{worker}"
    workers = _child(mine, "workers")
    if workers is None and worker == "solo":
        edited = _insert(text, mine, "workers", f"{{solo: {{roles: [all], units: {units}}}}}")
    else:
        edited = _in_worker(text, _mapping(workers, f"clusters.{cluster}.workers"), place, units)
    if load(edited) != _expected(text, cluster, worker, units):
        raise ValueError(f"cannot change {place}: other values share what is written there; write it out")
    return edited


def _expected(text: str, cluster: str, worker: str, units: int) -> object:
    """Return what the file must say after the edit, to see that nothing else was changed."""
    tree = cast("Tree", load(text))
    clusters = dict(cast("dict[str, Tree]", tree["clusters"]))
    workers = dict(cast("dict[str, Tree]", clusters[cluster].get("workers") or {}))
    workers[worker] = {**workers.get(worker, {"roles": ["all"]}), "units": units}
    clusters[cluster] = {**clusters[cluster], "workers": workers}
    return {**tree, "clusters": clusters}


def _in_worker(text: str, workers: yaml.MappingNode, place: str, units: int) -> str:
    name = place.rpartition(".")[2]
    names = [str(key.value) for key, _ in _pairs(workers)]
    if name not in names:
        raise ValueError(
            f"cannot change {place}: there is no such worker; the workers are {', '.join(names)}"
        )
    mine = _mapping(_child(workers, name), place)
    written = _child(mine, "units")
    if written is None:
        return _insert(text, mine, "units", str(units))
    return text[: written.start_mark.index] + str(units) + text[written.end_mark.index :]


def _insert(text: str, node: yaml.MappingNode, key: str, value: str) -> str:
    """Insert a pair before the first of a mapping, in the mapping's own style."""
    first = _pairs(node)[0][0].start_mark
    follows = ", " if node.flow_style else "\n" + " " * first.column
    return f"{text[: first.index]}{key}: {value}{follows}{text[first.index :]}"


def _pairs(node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
    return cast("list[tuple[yaml.Node, yaml.Node]]", node.value)


def _child(node: yaml.MappingNode, name: str) -> yaml.Node | None:
    return next((value for key, value in _pairs(node) if key.value == name), None)


def _mapping(node: yaml.Node | None, place: str) -> yaml.MappingNode:
    if isinstance(node, yaml.MappingNode) and node.value:
        return node
    raise ValueError(f"cannot change {place}: it is not written as a mapping; correct the file")
