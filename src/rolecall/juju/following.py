"""Have a worker follow what its coordinator says, and let it go: a worker charm's, or a coordinator's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rolecall import engine
from rolecall.core import worker
from rolecall.core.model import Phase
from rolecall.juju.worker_host import WorkerHost

_ROUNDS = 4
"""How often a hook looks again after it did something; two are enough unless a start fails."""
_HAND_OVER_S = 900.0
"""How long a hook waits for a unit to hand over; the next try goes on where it was."""
_LOOK_S = 2.0


class NotHandedOverError(Exception):
    """A unit that is to go still holds what nobody else has."""


def follow(host: WorkerHost) -> tuple[worker.Observed, worker.Desired]:
    """Bring a worker to what its document asks for, as far as that comes about within a hook."""
    decide = partial(worker.decide, host.product)
    for _ in range(_ROUNDS):
        observed, decided, actions = engine.reconcile(host, decide, host.diff)
        if not actions:
            break
    else:
        observed = host.observe()
        decided = decide(observed)
    host.watch(observed, decided)
    return observed, decided


def hand_over(host: WorkerHost, say: Callable[[str], None]) -> tuple[worker.Observed, worker.Desired]:
    """Let a unit go once it has handed over what it holds: this is what a hook may take time for.

    `say` is told what it waits for.

    Raises:
        NotHandedOverError: it hasn't in time. Juju says so of the unit, and runs the hook again.
    """
    waits, end_s = "", host.net.now() + _HAND_OVER_S
    while host.net.now() < end_s:
        observed, decided, actions = engine.reconcile(host, partial(worker.decide, host.product), host.diff)
        waits = decided.report.handover
        if decided.report.phase is Phase.DRAINED and not actions:
            host.released()
            return observed, decided
        if not host.service.reachable:
            return observed, decided
        say(waits)
        host.net.pause(_LOOK_S)
    raise NotHandedOverError(
        f"cannot let {host.unit.name} go: {waits}; mend that, or remove it with --force"
        " and lose what only it holds"
    )
