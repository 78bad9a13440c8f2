"""Roles, on every line of every product: expansion, targets and what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.strategies import LINES, of, written
from rolecall.core.roles import problems_of

per_line = pytest.mark.parametrize("name", LINES, ids="-".join)


@per_line
@given(data=st.data())
def test_expanding_twice_changes_nothing(name: tuple[str, str], data: st.DataObject):
    """Expanded roles expand to themselves, in the line's order, whatever order they were written in."""
    _, line = of(name)
    names = data.draw(written(line))

    roles = line.expand(names)

    assert line.expand(roles) == roles == line.expand(reversed(names))
    assert [role.name for role in line.roles if role.name in roles] == list(roles)


@per_line
@given(data=st.data())
def test_a_worker_with_a_role_has_targets(name: tuple[str, str], data: st.DataObject):
    """Roles that may be combined have at least one target, none of them twice, in one order."""
    product, line = of(name)
    names = data.draw(written(line))

    targets = line.targets(names)

    assert not problems_of(line, product.name, "worker", names)
    assert targets
    assert len(set(targets)) == len(targets)
    assert line.targets(reversed(names)) == targets


@per_line
@given(data=st.data())
def test_missing_is_what_is_required_and_absent(name: tuple[str, str], data: st.DataObject):
    """A role is missing if it is required and not there; adding what is missing leaves nothing missing."""
    _, line = of(name)
    present = data.draw(st.sets(st.sampled_from([role.name for role in line.roles])))

    missing = line.missing(present)

    assert all(line.role(role).required for role in missing)
    assert not present & set(missing)
    assert line.missing({*present, *missing}) == ()


@per_line
@given(text=st.text(max_size=12))
def test_unknown_roles_are_named(name: tuple[str, str], text: str):
    """A name that isn't on the line is refused by that name, and never expands."""
    product, line = of(name)

    problems = problems_of(line, product.name, "worker", [text])

    known = text in line.names
    assert [problem.code for problem in problems] == ([] if known else ["unknown-role"])
    assert known or line.expand([text]) == ()
