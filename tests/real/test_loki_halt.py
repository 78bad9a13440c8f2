"""A config that Loki's binary accepts, and that none of its writers becomes ready with."""

from __future__ import annotations

import pytest
from loki_client import loki_of
from real_clusters import UP_S, Clusters, births, bring_up, written
from traffic import traffic

from rolecall.core.model import Problem
from rolecall.core.products.loki import LOKI
from rolecall.local import operations, rollout

pytestmark = pytest.mark.real

WORKERS = {"write": 3, "read": 1, "backend": 1}
NOWHERE = "/proc/nope"
"""Where nobody can make a folder, which no check of a config looks at."""


def test_a_config_that_the_first_writer_cannot_use_reaches_no_second(shared_clusters: Clusters):
    """G4: the rollout halts, says for whom and why, and goes back when it is undone; all writes are taken."""
    cluster = shared_clusters(written(LOKI, WORKERS))
    bring_up(cluster)
    before = births(cluster)
    settings = {"config-overrides": {"ingester": {"wal": {"dir": f"{NOWHERE}/wal"}}}}
    changed = shared_clusters.again(cluster, written(LOKI, WORKERS, settings=settings))

    with loki_of(changed) as loki, traffic({"write": lambda number: loki.push([f"line {number}"])}) as tally:
        halted = operations.up(changed, say=print, timeout_s=UP_S)
        stopped = births(changed)
        undone = rollout.ask(changed, "undo"), rollout.follow(changed, say=print, timeout_s=UP_S)

    assert not halted.done
    halt = problem_of(halted.verdict.problems, "rollout-halted")
    assert "ingester.wal.dir" in halt.text
    assert NOWHERE in halt.text
    moved = {
        name for name, birth in stopped.items() if birth != before[name]
    } | before.keys() - stopped.keys()
    assert moved == {dict(halt.facts)["unit"]}
    assert undone == ((), True)
    assert tally.failed == []
    assert tally.served["write"] > 50
    after = births(changed)
    assert {name for name in before if after[name] != before[name]} == moved
    assert rollout.look(changed).undone
    assert "rollout-undone" in {problem.code for problem in operations.status(changed).verdict.problems}


def problem_of(problems: tuple[Problem, ...], code: str) -> Problem:
    """Return the one problem of a kind."""
    (found,) = [problem for problem in problems if problem.code == code]
    return found
