"""Roles and meta-roles, as data per product and version line.

A role is what the cluster is judged by and what a route leads to. Its targets are what the binary
understands on this line: its own name, or several where upstream has no target of that name (any
more). A meta-role is expanded here into its roles, unless the binary can only do it as one target.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from rolecall.core.model import Problem


class Keeps(StrEnum):
    """What a role would lose with its disk."""

    NOTHING = "nothing"
    CACHE = "a cache that is rebuilt"
    DATA = "data not yet in the object store"


KEEPS_NOTHING = 2
"""The wave of the roles that keep nothing, and write nothing."""


class Combine(StrEnum):
    """How many roles one worker may run."""

    ANY = "any"
    ONE = "one"


class Role(Struct, frozen=True, kw_only=True):
    """One role of a product."""

    name: str
    summary: str
    """What it does, in a line."""
    targets: tuple[str, ...] = ()
    """The `-target` values it stands for; empty: its own name."""
    components: tuple[str, ...] = ()
    """Upstream's smaller parts inside it, where the role is itself a set; for reading, not for `-target`."""
    required: bool = True
    keeps: Keeps = Keeps.NOTHING
    ring: bool = False
    """Whether its members share work by a ring, so that at most one may be down on purpose."""
    wave: int = KEEPS_NOTHING
    """Rollout order: 0 keeps data, 1 takes writes in or works in the background, 2 keeps nothing."""
    kill_delay_s: int = 30
    settle_s: int = 0
    """How long after a restarted process began its others need to have found it, however soon it is ready;
    the next unit doesn't go before."""
    gossip: bool = True
    """Whether its process is a member of the gossip, so that others can ask it for the rest."""

    @property
    def upstream(self) -> tuple[str, ...]:
        """The `-target` values of this role."""
        return self.targets or (self.name,)


class MetaRole(Struct, frozen=True, kw_only=True):
    """A named set of roles."""

    name: str
    roles: tuple[str, ...]
    target: str = ""
    """A target that runs exactly this set in one process, where upstream needs it; else empty."""
    flags: tuple[str, ...] = ()
    """Arguments that such a process needs beside its target."""
    unread: tuple[str, ...] = ()
    """Dotted config keys that such a process doesn't follow, whatever stands there."""
    kill_delay_s: int = 0
    """How long that process may take to end, where it isn't the longest of its roles; 0: it is."""


class Joint(Struct, frozen=True, kw_only=True):
    """A set of roles that the binary runs wrongly when it is told them one by one, and what to tell it."""

    roles: tuple[str, ...]
    targets: tuple[str, ...]
    flags: tuple[str, ...] = ()
    """Arguments that such a process needs beside its targets."""


class Line(Struct, frozen=True, kw_only=True):
    """The roles of one version line of a product."""

    name: str
    """The oldest minor version that is on it."""
    roles: tuple[Role, ...]
    meta_roles: tuple[MetaRole, ...]
    combine: Combine = Combine.ANY
    joints: tuple[Joint, ...] = ()
    after: tuple[str, ...] = ()
    """Lines from which a cluster may come to this one in one step."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that an administrator may write."""
        return tuple(r.name for r in self.roles) + tuple(m.name for m in self.meta_roles)

    def role(self, name: str) -> Role:
        """Return the role of that name; raises KeyError."""
        for role in self.roles:
            if role.name == name:
                return role
        raise KeyError(name)

    def expand(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the roles that `names` stand for, in the line's order; unknown names are left out."""
        wanted = set(names)
        for meta in self.meta_roles:
            if meta.name in wanted:
                wanted.update(meta.roles)
        return tuple(role.name for role in self.roles if role.name in wanted)

    def targets(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the `-target` values for a worker with these roles and meta-roles."""
        written = tuple(names)
        roles = self.expand(written)
        if meta := self._whole(written):
            return (meta.target,)
        if joint := self._joint(roles):
            return joint.targets
        targets = (t for name in roles for t in self.role(name).upstream)
        return tuple(dict.fromkeys(targets))

    def run_by(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Return the roles that a process with these `-target` values may run, in the line's order."""
        given = set(targets)
        sets = [
            *(((role.name,), role.upstream) for role in self.roles),
            *((meta.roles, (meta.target,)) for meta in self.meta_roles),
            *((joint.roles, joint.targets) for joint in self.joints),
        ]
        return self.expand(name for names, needed in sets if given.issuperset(needed) for name in names)

    def unread(self, names: Iterable[str]) -> tuple[str, ...]:
        """List the dotted config keys that a worker with these roles and meta-roles doesn't follow."""
        meta = self._whole(tuple(names))
        return meta.unread if meta else ()

    def flags(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the further arguments of a worker with these roles and meta-roles."""
        written = tuple(names)
        if meta := self._whole(written):
            return meta.flags
        joint = self._joint(self.expand(written))
        return joint.flags if joint else ()

    def _joint(self, roles: tuple[str, ...]) -> Joint | None:
        return next((joint for joint in self.joints if set(joint.roles) == set(roles)), None)

    def kill_delay_s(self, names: Iterable[str]) -> int:
        """Return how long the process of a worker with these roles and meta-roles may take to end."""
        written = tuple(names)
        if (meta := self._whole(written)) and meta.kill_delay_s:
            return meta.kill_delay_s
        return max((self.role(name).kill_delay_s for name in self.expand(written)), default=30)

    def _whole(self, written: tuple[str, ...]) -> MetaRole | None:
        """Return the meta-role that is one target and that a worker with these names runs as a whole."""
        roles = set(self.expand(written))
        for meta in self.meta_roles:
            if meta.target and (meta.name in written or set(meta.roles) == roles):
                return meta
        return None

    def missing(self, present: Iterable[str]) -> tuple[str, ...]:
        """List the required roles that are not among `present`, in the line's order."""
        have = set(present)
        return tuple(role.name for role in self.roles if role.required and role.name not in have)


def problems_of(line: Line, product: str, group: str, names: Iterable[str]) -> tuple[Problem, ...]:
    """Say what is wrong with the roles of one worker group; empty when nothing is."""
    written = tuple(names)
    if not written:
        return (
            Problem(
                code="no-role",
                text=f'cannot run worker "{group}": it has no role',
                remedy=f"give it one or more of {', '.join(line.names)}",
                facts=(("worker", group),),
            ),
        )
    unknown = tuple(_unknown(line, product, group, name) for name in written if name not in line.names)
    if unknown:
        return unknown
    meta = {m.name for m in line.meta_roles}
    if line.combine is Combine.ONE and len(set(written)) > 1:
        listed = ", ".join(f'"{name}"' for name in dict.fromkeys(written))
        return (
            Problem(
                code="too-many-roles",
                text=f'cannot run worker "{group}": {product} runs one role in a process and it has {listed}',
                remedy="keep one of them, and write a worker for each other one"
                + (f", or use {', '.join(sorted(meta))}" if meta else ""),
                facts=(("worker", group), ("roles", ",".join(dict.fromkeys(written)))),
            ),
        )
    return ()


def _unknown(line: Line, product: str, group: str, name: str) -> Problem:
    # Hooks import this module, and hardly ever get here.
    from difflib import get_close_matches

    close = get_close_matches(name, line.names, n=1)
    hint = f'did you mean "{close[0]}"? ' if close else ""
    return Problem(
        code="unknown-role",
        text=f'cannot run worker "{group}": {product} {line.name} has no role "{name}"',
        remedy=f"{hint}the valid ones are {', '.join(line.names)}",
        facts=(("worker", group), ("role", name)),
    )
