"""What a person can ask of a rollout on this machine: how far it is, a pause, to go on, to go back."""

from __future__ import annotations

from dataclasses import dataclass

from rolecall.core import undo
from rolecall.core.model import Problem, Verdict
from rolecall.core.rollout import Rollout
from rolecall.local import home as disk
from rolecall.local import memory
from rolecall.local.cluster import LocalCluster
from rolecall.local.convergence import Course, Say, Told, converge


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a rollout is."""

    rollout: Rollout
    verdict: Verdict
    paused: bool
    undone: bool
    """Whether the newest settings are undone."""


def look(cluster: LocalCluster) -> Progress:
    """Look at a rollout and change nothing."""
    decision = cluster.observe()
    return Progress(
        rollout=decision.rollout,
        verdict=decision.verdict,
        paused=memory.paused(cluster.home),
        undone=undo.in_force(decision.desired.memory, cluster.spec.settings),
    )


def ask(cluster: LocalCluster, verb: str) -> tuple[Problem, ...]:
    """Ask one of `undo.VERBS` of the rollout, or say why that can't be; a command that is at work follows."""
    known, settings = memory.recall(cluster.home), cluster.spec.settings
    if verb == "undo" and (refused := undo.refusal(known, settings)):
        fact, _, remedy = refused.partition("; ")
        text = f"cannot undo the rollout of {cluster.spec.name}: {fact}"
        return (Problem(code="cannot-undo", text=text, remedy=remedy),)
    paused, newest = undo.asked(verb, known, settings)
    memory.ask(cluster.home, paused=paused, undone=newest.undone)
    return ()


def follow(cluster: LocalCluster, *, say: Say, timeout_s: float) -> bool:
    """Converge to what was asked; return whether it is so.

    Raises:
        BusyError: another command is at work, and does it.
    """
    with disk.exclusive(cluster.home.root, "it does what was asked; see rolecall status"):
        course = Course(cluster=cluster, told=Told(say=say))
        converge([course], timeout_s)
    return course.last is not None and course.last.settled
