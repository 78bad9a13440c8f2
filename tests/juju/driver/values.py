"""What the driver says and is told: events, what became of them, and why it gave up."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that Juju or Pebble tells a unit; equal events wait once only."""

    kind: str
    """As Juju writes it, less the name of what it is about: `install`, `relation-changed`, `pebble-ready`."""
    about: str = ""
    """The endpoint, container, storage or action it is about."""
    link: int = 0
    """The relation's id."""
    remote: str = ""
    """The remote unit; empty in a `relation-changed` that is about the remote application's bag."""
    departing: str = ""
    """The unit that leaves, in a `relation-departed`."""
    check: str = ""
    secret: str = ""
    revision: int = 0

    @property
    def name(self) -> str:
        """The hook's name."""
        return f"{self.about}-{self.kind}" if self.about else self.kind

    def __str__(self) -> str:
        facts = [fact for fact in (self.remote, self.check, self.secret) if fact]
        if self.revision:
            facts.append(f"revision {self.revision}")
        return f"{self.name}({', '.join(facts)})" if facts else self.name


UPDATE_STATUS = Event(kind="update-status")


def check_failed(container: str, check: str) -> Event:
    """Return the event of a Pebble check that reached its threshold."""
    return Event(kind="pebble-check-failed", about=container, check=check)


def check_recovered(container: str, check: str) -> Event:
    """Return the event of a Pebble check that succeeded again."""
    return Event(kind="pebble-check-recovered", about=container, check=check)


class Outcome(enum.Enum):
    """What became of a hook."""

    DONE = "done"
    KILLED = "killed"
    """Its process died at its end: nothing it wrote to Juju stays, and it runs again."""
    FAILED = "failed"
    """It raised: as if killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One hook that ran."""

    number: int
    """Counts from 1 in a `Juju`."""
    unit: str
    event: Event
    outcome: Outcome
    status: str
    """The unit's status after it."""
    log: tuple[str, ...] = field(default=(), repr=False)
    error: str = ""

    def __str__(self) -> str:
        result = self.status if self.outcome is Outcome.DONE else self.outcome.value
        return f"{self.number} {self.unit} {self.event}: {result}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOutcome:
    """What an action answered."""

    results: Mapping[str, Any]
    logs: tuple[str, ...]
    failure: str | None
    """Why it failed, as the charm said; None when it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmData:
    """A charm class with its metadata, for charms that live in no folder of their own."""

    charm: type[ops.CharmBase]
    meta: Mapping[str, Any]
    actions: Mapping[str, Any] | None = None
    config: Mapping[str, Any] | None = None


class DriverError(Exception):
    """The test asked Juju for something that Juju would refuse."""


class CharmFailedError(AssertionError):
    """A hook raised; the message ends with the trace that led to it."""


class NotConvergingError(AssertionError):
    """Hooks went on causing hooks; the message ends with the last of them."""


def traced(message: str, trace: Sequence[Dispatch], last: int = 30) -> str:
    """Return the message and the last dispatches, oldest first."""
    lines = [f"  {dispatch}" for dispatch in trace[-last:]]
    return "\n".join((message, f"the last {len(lines)} of {len(trace)} dispatches:", *lines))
