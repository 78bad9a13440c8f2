"""Bags: written where they differ, read as they are, left alone while a relation goes away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import ops
from ops import testing

from rolecall.core.payloads import Bags
from rolecall.juju.interfaces import bags

_META = {"name": "one", "requires": {"to": {"interface": "words"}}}
_OF_JUJU = {"ingress-address": "10.1.0.1"}


@dataclass
class Asked:
    """What a run of the charm does to its relation, and what came of it."""

    act: Callable[[ops.Relation, ops.CharmBase], object]
    answers: list[object] = field(default_factory=list[object])


def _run(asked: Asked, state: testing.State, *, broken: testing.Relation | None = None) -> testing.State:
    class Charm(ops.CharmBase):
        """A charm that acts on its one relation at every event."""

        def __init__(self, framework: ops.Framework) -> None:
            super().__init__(framework)
            asked.answers.extend(asked.act(one, self) for one in self.model.relations["to"])
            framework.observe(self.on["to"].relation_broken, self._on_broken)

        def _on_broken(self, event: ops.RelationBrokenEvent) -> None:
            asked.answers.append(asked.act(event.relation, self))

    context = testing.Context(Charm, meta=_META)
    return context.run(context.on.relation_broken(broken) if broken else context.on.update_status(), state)


def _say(said: Bags, *, leader: bool = True) -> Asked:
    return Asked(lambda one, charm: bags.write(one, charm.app if leader else None, charm.unit, said))


def test_what_differs_is_written_and_what_is_not_said_any_more_is_removed() -> None:
    """Three keys: one new, one other than before, one no longer wanted; the rest stays."""
    relation = testing.Relation(
        "to", local_app_data={"same": "1", "other": "1", "old": "1"}, local_unit_data=_OF_JUJU
    )
    asked = _say(Bags(app={"same": "1", "other": "2", "new": "3"}, unit={"me": "x"}))

    out = _run(asked, testing.State(leader=True, relations={relation}))

    assert asked.answers == [("me", "new", "other", "old")]
    said = out.get_relation(relation.id)
    assert said.local_app_data == {"same": "1", "other": "2", "new": "3"}
    assert said.local_unit_data == {**_OF_JUJU, "me": "x"}


def test_nothing_is_written_where_nothing_differs() -> None:
    """G11; an empty text is the same as none."""
    relation = testing.Relation("to", local_app_data={"a": "1"}, local_unit_data={**_OF_JUJU, "me": "x"})
    asked = _say(Bags(app={"a": "1", "nothing": ""}, unit={"me": "x"}))

    _run(asked, testing.State(leader=True, relations={relation}))

    assert asked.answers == [()]


def test_who_does_not_lead_leaves_the_application_s_bag_alone() -> None:
    """Juju refuses such a write, and even to read that bag."""
    relation = testing.Relation("to", local_unit_data=_OF_JUJU)
    asked = _say(Bags(app={"a": "1"}, unit={"me": "x"}), leader=False)

    out = _run(asked, testing.State(leader=False, relations={relation}))

    assert asked.answers == [("me",)]
    assert out.get_relation(relation.id).local_app_data == {}


def test_a_relation_that_goes_away_is_neither_read_nor_written() -> None:
    """What is said there is nobody's any more."""
    relation = testing.Relation("to", remote_app_data={"a": "1"}, remote_units_data={0: {"b": "2"}})
    writing, reading = _say(Bags(app={"a": "1"})), Asked(lambda one, _: bags.read(one))

    _run(writing, testing.State(leader=True, relations={relation}), broken=relation)
    _run(reading, testing.State(leader=True, relations={relation}), broken=relation)

    assert writing.answers == [()]
    assert reading.answers == [bags.Theirs(app={}, units={})]


def test_all_that_the_other_side_says_is_read() -> None:
    """The application's bag and each unit's, in the order of their names."""
    relation = testing.Relation(
        "to", remote_app_name="far", remote_app_data={"a": "1"}, remote_units_data={1: {"b": "2"}, 0: {}}
    )
    asked = Asked(lambda one, _: bags.read(one))

    _run(asked, testing.State(relations={relation}))

    assert asked.answers == [bags.Theirs(app={"a": "1"}, units={"far/0": {}, "far/1": {"b": "2"}})]
    (theirs,) = asked.answers
    assert isinstance(theirs, bags.Theirs)
    assert list(theirs.units) == ["far/0", "far/1"]
