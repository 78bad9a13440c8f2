"""Say which version of a product may come after which.

A cluster remembers the line that it was last on, and a unit the newest version that it has had. The products
promise to read what earlier versions wrote, and none promises to read what a later one did; patch releases
of one minor version change no format. So a line follows only those that it names, and a unit starts no
binary of an older minor version than it has had. A binary that doesn't tell its version is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec.structs import replace

from rolecall.core.model import Document, Problem, Severity
from rolecall.core.product import Product, Settings
from rolecall.core.roles import Line

_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def line_to_follow(
    product: Product, settings: Settings, published: Document | None
) -> tuple[Settings, tuple[Problem, ...]]:
    """Return the settings with the line that the cluster may be on, and why it isn't the wanted one."""
    wanted = product.line(settings.text("line"))
    problem = step(product, published.line if published else "", wanted)
    if problem is None or published is None:
        return settings, ()
    return replace(settings, values={**settings.values, "line": published.line}), (problem,)


def step(product: Product, before: str, wanted: Line) -> Problem | None:
    """Say why a cluster on the line `before` can't come to another one; None when it can.

    A cluster that was on none, or on one that nothing is known of, may be on any.
    """
    known = [line.name for line in product.lines]
    if before not in known or before in {wanted.name, *wanted.after}:
        return None
    nexts = [line.name for line in product.lines if before in line.after]
    if _minor(wanted.name) < _minor(before):
        fact = f"what line {before} wrote may be unreadable to it"
        remedy = f"keep line {before}, or bring up a new cluster"
    else:
        fact = f"there is no way there from line {before} in one step"
        remedy = f"go to {' or '.join(nexts) or before} first"
    return Problem(
        code="line-refused",
        text=f"cannot bring {product.title} to line {wanted.name}: {fact}",
        remedy=f"{remedy}; every unit goes on with line {before} meanwhile",
        severity=Severity.WARNING,
        facts=(("from", before), ("to", wanted.name)),
    )


def refusal(product: Product, line: Line, had: str, release: str) -> str:
    """Say why a binary of a release mustn't run on a line, where the newest one was `had`.

    Empty when it may, and when a version isn't known.
    """
    if not _minor(release):
        return ""
    if _minor(release) < _minor(had):
        return (
            f"cannot run {product.title} {release}: {had} has run here, and what that wrote may be "
            f"unreadable to an older one; use {had} or a newer one"
        )
    if _minor(release) < _minor(line.name):
        return (
            f"cannot run {product.title} {release}: the cluster is on line {line.name}; "
            f"use {line.name} or a newer one"
        )
    return ""


def differences(before: Line, after: Line) -> tuple[str, ...]:
    """Say in sentences which roles come, go, or count differently on another line."""
    old, new = {role.name: role for role in before.roles}, {role.name: role for role in after.roles}
    told = [f'the role "{name}" is gone' for name in old if name not in new]
    told += [f'the role "{name}" is new' for name in new if name not in old]
    for name, role in new.items():
        if name in old and role.required != old[name].required:
            told.append(f'the role "{name}" is {"required" if role.required else "optional"} now')
    return tuple(told)


def newest(releases: Iterable[str]) -> str:
    """Return the newest of some releases; those that say nothing don't count."""
    return max((one for one in releases if _numbers(one)), key=_numbers, default="")


def _numbers(release: str) -> tuple[int, ...]:
    """Return the numbers of a version, an empty tuple when it has none; what follows them doesn't count."""
    found = _NUMBERS.match(release)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def _minor(release: str) -> tuple[int, ...]:
    return _numbers(release)[:2]
