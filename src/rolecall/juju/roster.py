"""Which units the model has, also those that are being removed: the relations don't tell."""

from __future__ import annotations

from typing import Protocol

from ops import hookcmds

_DYING = "dying"


class Roster(Protocol):
    """Which units the model has."""

    def units(self) -> frozenset[str]:
        """Return the units of this and all related applications, also those that are being removed."""
        ...

    def going(self) -> frozenset[str]:
        """Return the units of this application that are being removed, and aren't gone yet."""
        ...


class JujuRoster:
    """The model's own list.

    Source: apiserver/facades/agent/uniter/goal-state.go, which leaves out dead units only, and calls those
    that are being removed dying; each call asks anew (worker/uniter/runner/context/context.go, GoalState).
    """

    def units(self) -> frozenset[str]:
        """Return the units of this and all related applications, also those that are being removed."""
        goals = hookcmds.goal_state()
        related = (name for goal in goals.relations.values() for name in goal if "/" in name)
        return frozenset((*goals.units, *related))

    def going(self) -> frozenset[str]:
        """Return the units of this application that are being removed, and aren't gone yet."""
        units = hookcmds.goal_state().units
        return frozenset(name for name, goal in units.items() if goal.status == _DYING)
