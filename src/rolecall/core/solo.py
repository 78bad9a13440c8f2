"""A coordinator's own workers: whether they are to run, beside those that the administrator has deployed.

They are a group like any other, whose units run everything. It is there for as long as the other groups
have nobody for a role that the cluster needs. When they have, it is taken out, and then all goes as with any
unit that is to go: who takes its place is waited for, and what it holds is handed over. It comes back when
a role is left without anybody.
"""

from __future__ import annotations

from rolecall.core import coherence
from rolecall.core.model import Group, Problem, Severity
from rolecall.core.roles import Line

ROLES = ("all",)
"""What such a unit runs, as an administrator would write it; every product has it."""


def with_own(line: Line, groups: tuple[Group, ...], own: Group | None) -> tuple[Group, ...]:
    """Return the groups that are to run: the coordinator's own among them as long as it is needed."""
    return (*groups, own) if own is not None and _missing(line, groups) else groups


def judge(line: Line, groups: tuple[Group, ...], own: Group | None) -> tuple[Problem, ...]:
    """Say that the coordinator's own workers serve, and what would take over from them."""
    if own is None or own not in groups:
        return ()
    missing = _missing(line, tuple(group for group in groups if group != own))
    return (
        Problem(
            code="own-workers",
            text="cannot share out the roles: the coordinator's own workers run everything, because no others"
            f" run {', '.join(missing)}",
            remedy="add some and they take over, or leave it so",
            severity=Severity.NOTICE,
        ),
    )


def _missing(line: Line, groups: tuple[Group, ...]) -> tuple[str, ...]:
    return line.missing(coherence.deployed(line, groups))
