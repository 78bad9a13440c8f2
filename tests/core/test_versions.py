"""Which version may come after which: lines by the coordinator, binaries by the unit that has one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from properties.test_guarantees import published

from rolecall.core import coordinator, versions, worker
from rolecall.core.products import PRODUCTS
from rolecall.testing import a_group, a_worker, observed, process_of, settings_of

STEPS = [
    (product.name, line.name, before)
    for product in PRODUCTS.values()
    for line in product.lines
    for before in line.after
]
TWO = next(product for product in PRODUCTS.values() if any(line.after for line in product.lines))
NEW = next(line for line in TWO.lines if line.after)
OLD = TWO.line(NEW.after[0])
GROUPS = [a_group(*rest) for rest in TWO.minimal]


@pytest.mark.parametrize(("name", "line", "before"), STEPS)
def test_a_line_follows_an_older_one_that_is_known(name: str, line: str, before: str):
    """Every line that another one comes after is older, is there, and is not come back to."""
    product = PRODUCTS[name]
    assert versions.step(product, before, product.line(line)) is None
    back = versions.step(product, line, product.line(before))
    assert back is not None
    assert "unreadable" in back.text


def test_no_line_is_left_out():
    """Two steps at once are refused, and the next one is named."""
    tempo = PRODUCTS["tempo"]

    problem = versions.step(tempo, "2.8", tempo.line("2.10"))

    assert problem is not None
    assert "go to 2.9 first" in problem.remedy
    assert versions.step(tempo, "", tempo.line("2.10")) is None


def test_a_refused_line_changes_nothing_else():
    """G8: the cluster stays on its line, and another setting still takes effect."""
    new = published(TWO, observed(TWO, GROUPS, raw={"line": NEW.name}))
    raw = {"line": OLD.name, "log-level": "debug"}

    seen = replace(observed(TWO, GROUPS, raw=raw), published=new)

    assert published(TWO, seen).line == NEW.name
    assert published(TWO, seen).config != new.config
    assert "line-refused" in {one.code for one in coordinator.decide(TWO, seen).verdict.problems}


@pytest.mark.parametrize(
    ("had", "release", "refused"),
    [
        pytest.param("", "3.7.6", False, id="first"),
        pytest.param("3.7.6", "3.8.0", False, id="newer"),
        pytest.param("3.7.6", "3.7.1", False, id="older patch"),
        pytest.param("3.10.0", "3.9.4", True, id="older by number and not by letter"),
        pytest.param("3.8.0", "3.7.6", True, id="older"),
        pytest.param("", "3.6.9", True, id="older than the line"),
        pytest.param("3.8.0", "", False, id="untold"),
        pytest.param("main-0a1b2c", "3.7.6", False, id="a build of a branch before"),
    ],
)
def test_an_older_binary_is_not_started(had: str, release: str, refused: bool):
    loki = PRODUCTS["loki"]

    assert bool(versions.refusal(loki, loki.line("3.7"), had, release)) == refused


def test_the_newest_counts_whatever_else_is_told():
    assert versions.newest(["", "3.9.1", "3.10.0", "main"]) == "3.10.0"
    assert versions.newest([]) == ""


def test_a_unit_with_an_older_binary_starts_nothing_and_remembers():
    """The report keeps the newest version, so that the next look comes to the same."""
    document = published(TWO, observed(TWO, GROUPS))
    seen = a_worker("w/0", GROUPS[0].roles, document=document, had="99.1.0", release="99.0.5")

    desired = worker.decide(TWO, seen)

    assert desired.process is None
    assert "99.1.0 has run here" in desired.report.problem
    assert desired.report.release == "99.1.0"


def test_a_unit_too_old_for_the_line_goes_on_and_no_leave_is_spent_on_it():
    """The coordinator came to a newer line first: the unit says so, and keeps what it ran."""
    before = published(TWO, observed(TWO, GROUPS, raw={"line": OLD.name}))
    roles = GROUPS[0].roles
    fresh = a_worker("w/0", roles, document=before, release=OLD.name, had=OLD.name)
    running = replace(fresh, process=process_of(worker.decide(TWO, fresh).process))
    old_report = worker.decide(TWO, running).report

    after = published(
        TWO, replace(observed(TWO, GROUPS), settings=settings_of(TWO, {"line": NEW.name}), published=before)
    )
    desired = worker.decide(TWO, replace(running, document=after))
    members = {"w/0": coordinator.Member(group=GROUPS[0].name, report=old_report)}
    seen = replace(observed(TWO, GROUPS, raw={"line": NEW.name}), published=after)
    rollout = coordinator.decide(TWO, replace(seen, members={**seen.members, **members})).rollout

    assert desired.process == running.process.spec
    assert f"the cluster is on line {NEW.name}" in desired.report.problem
    assert "w/0" not in rollout.remaining


def test_another_build_at_the_same_path_waits_for_leave():
    """What runs tells that it isn't from the binary that is there by now."""
    document = published(TWO, observed(TWO, GROUPS))
    seen = a_worker("w/0", GROUPS[0].roles, document=document)
    seen = replace(seen, paths=replace(seen.paths, build="one"))
    running = replace(seen, process=process_of(worker.decide(TWO, seen).process))
    replaced = replace(running, paths=replace(running.paths, build="two"))

    assert worker.decide(TWO, running).report.running != worker.decide(TWO, replaced).report.running
    assert worker.decide(TWO, replaced).process == running.process.spec
