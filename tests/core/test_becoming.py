"""Which roles a unit has when others were written for it (G6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from properties.strategies import LINES, of, written

from rolecall.core import workload
from rolecall.core.becoming import Part, part_of
from rolecall.core.handover import way_of
from rolecall.core.model import Document, Phase, ProcessSpec, Report
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.testing import a_report, a_worker

LOKI = PRODUCTS["loki"]
(WRITES,) = LOKI.drains
DOCUMENT = Document(product="loki", line="3.7", revision=1, config="{}", runtime="")


def started(*roles: str, product: Product = LOKI, line: str = "3.7") -> ProcessSpec:
    """Return how a process with these roles is started."""
    document = replace(DOCUMENT, product=product.name, line=line)
    return workload.spec(product, product.line(line), a_worker("w/0", roles), document)


def said(*roles: str, **changes: object) -> Report:
    return a_report("w/0", roles, **changes)


def part(
    *roles: str, spec: ProcessSpec | None = None, last: Report | None = None, leaving: bool = False
) -> Part:
    return part_of(LOKI, DOCUMENT, written=roles, spec=spec, last=last, leaving=leaving)


FIRST_DRAINS = Part(roles=("write",), becomes=("read",), drain=WRITES)
"""It keeps data, and the roles that it is to get keep none."""


def test_roles_that_keep_data_hand_over_before_others_are_taken():
    assert part("read", spec=started("write"), last=said("write")) == FIRST_DRAINS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("read", "write", id="kept nothing"),
        pytest.param("read", "backend", id="neither keeps anything"),
        pytest.param("write", "all", id="hands over likewise"),
    ],
)
def test_other_roles_are_taken_as_they_are(before: str, after: str):
    made = part(after, spec=started(before), last=said(before))
    assert (made.roles, made.becomes) == ((after,), ())


def test_one_that_is_to_go_gets_no_other_roles():
    """It drains with those that it had, whatever is written by now."""
    made = part("read", spec=started("write"), last=said("write"), leaving=True)
    assert made == Part(roles=("write",), drain=WRITES)
    assert part("none such", spec=started("write"), leaving=True) == made


@pytest.mark.parametrize("wrong", [(), ("none such",)])
def test_roles_that_make_no_process_change_nothing(wrong: tuple[str, ...]):
    """Bad input drains nobody (G9)."""
    assert part(*wrong, spec=started("write"), last=said("write")) == Part(roles=wrong)


def test_the_process_tells_what_it_was_started_with():
    """A unit says which roles it is to have before its process has leave for them."""
    assert part("backend", spec=started("read"), last=said("write")) == Part(roles=("backend",))
    assert part("read", spec=started("write"), last=said("backend")) == FIRST_DRAINS
    assert part("read", spec=started("write")) == FIRST_DRAINS


def test_the_roles_stay_as_they_were_written():
    """A process is started again as it was, not with what its target could also stand for."""
    both = ("write", "read")
    assert part("backend", spec=started(*both), last=said(*both)).roles == both


def test_without_a_process_its_last_report_tells():
    """Its disk may hold something: its process was stopped, or its pod has moved."""
    assert part("read", last=said("write", running="", ready=False)) == FIRST_DRAINS
    assert part("read", last=said("write", phase=Phase.DRAINING, leaving=True)) == FIRST_DRAINS
    assert part("read", last=said("write", phase=Phase.DRAINED)) == FIRST_DRAINS
    assert part("read") == Part(roles=("read",))


def test_who_has_handed_over_takes_its_new_roles():
    drained = said("write", phase=Phase.DRAINED, leaving=True, becomes=("read",))
    assert part("read", last=drained) == Part(roles=("read",))


@pytest.mark.parametrize("document", [None, replace(DOCUMENT, line="9.9")])
def test_a_line_that_nobody_knows_yet_changes_nothing_of_it(document: Document | None):
    """The coordinator may be newer than the worker, or have said nothing yet."""
    made = part_of(LOKI, document, written=("read",), spec=started("write"), last=None, leaving=False)
    assert made == FIRST_DRAINS


@pytest.mark.parametrize("name", LINES, ids="-".join)
@given(data=st.data())
def test_a_process_shows_how_it_hands_over(name: tuple[str, str], data: st.DataObject):
    """Of every product and whatever its roles are, what its process was started with is enough."""
    product, line = of(name)
    roles = data.draw(written(line))

    targets = workload.targets(product, started(*roles, product=product, line=line.name))

    assert set(line.expand(roles)) <= set(line.run_by(targets))
    way = way_of(product.drains, line.expand(roles))
    assert way_of(product.drains, line.run_by(targets)) is way
