"""What `juju status` says of a unit: the verdict, in one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import ops

from rolecall.core.model import Problem, Severity, Verdict

_LONGEST = 250


def _adding_a_role(facts: Mapping[str, str]) -> str:
    role = facts.get("role", "")
    return f"set it on a worker with at least one unit: juju config WORKER role-{role}=true"


def _keeping_one_role(facts: Mapping[str, str]) -> str:
    names = ", ".join(f"role-{name}" for name in facts.get("roles", "").split(","))
    return f"set only one of {names} to true, and deploy another worker for each other role"


def _looking(facts: Mapping[str, str]) -> str:
    return f"wait, or look at the log of {facts.get('unit', 'the unit')}"


def _adding_copies(facts: Mapping[str, str]) -> str:
    return f"add units of a worker with role-{facts.get('role', '')}, or set replication-factor to auto"


def _having_three(facts: Mapping[str, str]) -> str:
    return f"have three units with role-{facts.get('role', '')}, and leave replication-factor on auto"


def _going_back(_: Mapping[str, str]) -> str:
    return "wait, or go back to what all ran with: juju run COORDINATOR/leader rollout action=undo"


_REMEDIES: Mapping[str, Callable[[Mapping[str, str]], str]] = {
    "missing-role": _adding_a_role,
    "single-copy": _having_three,
    "role-not-ready": lambda _: "wait, or look at the logs of its units",
    "too-few-replicas": _adding_copies,
    "too-many-roles": _keeping_one_role,
    "unit-not-ready": _looking,
    "rollout-halted": _going_back,
    "rollout-waits": _going_back,
    "rollout-undone": lambda _: (
        "change it, or try it again: juju run COORDINATOR/leader rollout action=resume"
    ),
    "rollout-paused": lambda _: "juju run COORDINATOR/leader rollout action=resume",
}
"""Code of a problem to what an administrator of Juju does about it, where that differs from other hosts."""


def sentence(problem: Problem) -> str:
    """Say a problem and its remedy in one line, with the units' names as Juju writes them."""
    remedy = _REMEDIES[problem.code](dict(problem.facts)) if problem.code in _REMEDIES else problem.remedy
    text = f"{problem.text}; {remedy}" if remedy else problem.text
    for unit in (value for name, value in problem.facts if name == "unit"):
        text = re.sub(rf"\b{re.escape(unit)}\b", "/".join(unit.rsplit("-", 1)), text)
    return text


def status_of(verdict: Verdict, *, fine: str = "", rest: str = "") -> ops.StatusBase:
    """Return the status of the most severe problem, and how many more there are; `rest` says where.

    A notice is told when there is nothing else, and only while something can be done about it.
    """
    problems = verdict.wrong or tuple(problem for problem in verdict.problems if problem.remedy)
    if not problems:
        return ops.ActiveStatus(fine)
    first, others = problems[0], len(problems) - 1
    more = ": ".join(part for part in (f"and {others} more", rest) if part)
    text = sentence(first)[:_LONGEST] + (f" ({more})" if others else "")
    if first.severity is Severity.BLOCKED:
        return ops.BlockedStatus(text)
    return ops.WaitingStatus(text) if first.severity is Severity.WAITING else ops.ActiveStatus(text)


def show(unit: ops.Unit, status: ops.StatusBase) -> None:
    """Set a unit's status, unless it is that already."""
    if unit.status != status:
        unit.status = status
