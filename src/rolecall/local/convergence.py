"""Run the cycles of clusters until each is what its file says, and tell of it.

Several clusters take turns in one thread: while one waits for its units, another has its cycle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rolecall.core import changes
from rolecall.core.model import Problem, Severity, Unit, Verdict, verdict_of
from rolecall.local import logs, preflight
from rolecall.local.cluster import Cycle, LocalCluster

Say = Callable[[str], None]

_PAUSE_S = 0.2
_NOT_SO = preflight.REFUSALS | {"rollout-undone"}
"""Problems by which what the file asks for isn't so, although everything has settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an operation ended."""

    verdict: Verdict
    done: bool
    """Whether everything that was asked for is so."""
    seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Course:
    """One cluster on its way to what its file says."""

    cluster: LocalCluster
    told: Told
    last: Cycle | None = None
    ended: float = 0.0
    blocking: tuple[Problem, ...] = ()
    """What keeps it from going on at all."""
    away: tuple[Problem, ...] = ()
    """What is wrong with the object store that units go on with all the same."""

    def prepare(self, least_free_bytes: int) -> None:
        """Find out what stands in the way; if nothing does, have its supervisor run.

        A store that doesn't answer stands in the way of what is new to any unit; one that units had already
        doesn't keep them from taking writes, nor `up` from starting those that are gone.
        """
        decision = self.cluster.observe()
        store = preflight.examine_store(self.cluster)
        self.away = store if preflight.keeps_on(self.cluster, decision) else ()
        self.blocking = (
            *preflight.examine(self.cluster, least_free_bytes=least_free_bytes),
            *(store if not self.away else ()),
            *(problem for problem in decision.verdict.problems if problem.severity is Severity.BLOCKED),
        )
        if not self.blocking:
            self.cluster.supervisor.ensure()

    def step(self) -> bool:
        """Run one cycle; return whether there is more to do or to wait for."""
        self.last = self.cluster.cycle()
        self.told.tell(self.last)
        if self.last.refused:
            remedy = f"look at {self.cluster.home.gateway}"
            self.blocking = tuple(
                Problem(code="gateway-refused", text=str(error), remedy=remedy) for error in self.last.refused
            )
            return False
        self.ended = time.monotonic()
        return not self.last.settled and (bool(self.last.actions) or not _stuck(self.last))

    def outcome(self, began: float, timeout_s: float) -> Outcome:
        """Tell how it ended."""
        if self.blocking or self.last is None:
            return Outcome(verdict=verdict_of((*self.away, *self.blocking)), done=False)
        problems = (*self.away, *self.last.decision.verdict.problems)
        if not self.last.settled:
            problems = (*problems, *_late(self.cluster, self.last, timeout_s))
        refused = any(problem.code in _NOT_SO for problem in problems)
        return Outcome(
            verdict=verdict_of(problems),
            done=self.last.settled and not refused and not self.away,
            seconds=self.ended - began,
        )


def _stuck(cycle: Cycle) -> bool:
    """Whether an administrator is to decide how it goes on."""
    problems = cycle.decision.verdict.problems
    codes = {problem.code for problem in problems}
    paused = "rollout-paused" in codes and all(unit.ready for unit in cycle.decision.cluster.units)
    blocked = any(problem.severity is Severity.BLOCKED for problem in problems)
    return blocked or paused or "rollout-halted" in codes


def converge(courses: Sequence[Course], timeout_s: float) -> None:
    """Run cycles of each in turn until nothing is left to do, nothing can be done, or time is up."""
    end = time.monotonic() + timeout_s
    going = list(courses)
    while going:
        going = [course for course in going if course.step()]
        if time.monotonic() > end:
            return
        if not any(course.last is not None and course.last.actions for course in going):
            time.sleep(_PAUSE_S if going else 0)


@dataclass(slots=True)
class Told:
    """Progress that says each thing once."""

    say: Say
    ready: set[str] = field(default_factory=set[str])
    held: set[str] = field(default_factory=set[str])
    flushing: set[str] = field(default_factory=set[str])
    waits: dict[str, str] = field(default_factory=dict[str, str])
    waited: float = field(default_factory=time.monotonic)

    def tell(self, cycle: Cycle) -> None:
        """Say what is new in a cycle, and every few seconds what is waited for."""
        for action in cycle.actions:
            if isinstance(action, changes.StartProcess | changes.RestartProcess | changes.StopProcess):
                self._say(changes.describe(action))
            elif isinstance(action, changes.VerifyConfig):
                self._say("verify the config with the binary")
        units = {unit.id: unit for unit in cycle.decision.cluster.units}
        for name in sorted(set(cycle.decision.rollout.held) - self.held):
            self._say(f"{name} leaves the gateway")
        self.held = set(cycle.decision.rollout.held)
        self._tell_flushes(set(cycle.decision.rollout.flushing))
        self._tell_drains(units)
        now_ready = {name for name, unit in units.items() if unit.ready}
        for name in sorted(now_ready - self.ready):
            self._say(f"{name} is ready at {units[name].address}")
        self.ready = now_ready
        if time.monotonic() - self.waited > 5:
            waiting = [
                f"{n} ({u.report.handover or u.report.problem or 'starting'})"
                for n, u in units.items()
                if not u.ready
            ]
            if waiting:
                self._say(f"waiting for {', '.join(waiting)}")

    def _tell_flushes(self, flushing: set[str]) -> None:
        for name in sorted(flushing - self.flushing):
            self._say(f"{name} flushes what it holds to the object store")
        for name in sorted(self.flushing - flushing):
            self._say(f"{name} has flushed; readers restart when they can find that")
        self.flushing = flushing

    def _tell_drains(self, units: Mapping[str, Unit]) -> None:
        """Say what units that are to go wait for, each time that it is something else."""
        waits = {name: unit.report.handover for name, unit in units.items() if unit.report.handover}
        for name in sorted(waits):
            if waits[name] != self.waits.get(name):
                self._say(f"{name}: {waits[name]}")
        self.waits = waits

    def _say(self, text: str) -> None:
        self.waited = time.monotonic()
        self.say(text)


def _late(cluster: LocalCluster, cycle: Cycle, timeout_s: float) -> tuple[Problem, ...]:
    late = [unit.id for unit in cycle.decision.cluster.units if not unit.ready]
    if not late:
        return ()
    said = {unit: logs.last_error(cluster.home.log, unit) for unit in late}
    return tuple(
        Problem(
            code="not-ready-in-time",
            text=f"cannot call {unit} ready: it wasn't within {timeout_s:g} s"
            + (f"; its log says: {text}" if text else ""),
            remedy=f"see rolecall logs {unit}, and call up again",
            facts=(("unit", unit),),
        )
        for unit, text in said.items()
    )
