"""The shell's one sentence: observe, decide, diff, apply.

Every event runs it whole, for coordinator and worker, on every host. Nothing is remembered here
between two runs: what must last is written by the host and observed again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from rolecall.core.changes import Action

Observed = TypeVar("Observed")
Seen_co = TypeVar("Seen_co", covariant=True)
Decision = TypeVar("Decision")


class Host(Protocol[Seen_co]):
    """What carries a decision out: the local machine, or Juju."""

    def observe(self) -> Seen_co:
        """Look at the world."""
        ...

    def apply(self, action: Action) -> None:
        """Do one action; raises what the host says it raises."""
        ...


def reconcile(
    host: Host[Observed],
    decide: Callable[[Observed], Decision],
    diff: Callable[[Observed, Decision], tuple[Action, ...]],
) -> tuple[Observed, Decision, tuple[Action, ...]]:
    """Bring one host to what was decided; return what was seen, the decision and what was done."""
    observed = host.observe()
    decision = decide(observed)
    actions = diff(observed, decision)
    for action in actions:
        host.apply(action)
    return observed, decision, actions
