"""Commands on relations: integrate and remove."""

from __future__ import annotations

from itertools import product

from stage.charm import Endpoint
from stage.commands.line import Command, Line
from stage.errors import StageError
from stage.settle import end_relation
from stage.world import Application, Bag, Model, Relation, Side


def add_peers(model: Model, app: Application) -> None:
    """Make the peer relations that a charm declares, and its application hasn't; the lock must be held."""
    has = {
        side.endpoint.name for relation in model.relations_of(app.name) if (side := relation.side(app.name))
    }
    for endpoint in app.charm.endpoints.values():
        if endpoint.role == "peers" and endpoint.name not in has:
            _add(model, (Side(app.name, endpoint),))


def _add(model: Model, sides: tuple[Side, ...]) -> Relation:
    relation = Relation(model.next_relation, sides, app_bags={side.app: Bag() for side in sides})
    model.next_relation += 1
    model.relations[relation.id] = relation
    model.changed.notify_all()
    return relation


def _named(line: Line, words: tuple[str, str]) -> tuple[list[tuple[Application, Endpoint]], ...]:
    found: list[list[tuple[Application, Endpoint]]] = []
    for word in words:
        name, _, endpoint = word.partition(":")
        app = line.app(name)
        if endpoint and endpoint not in app.charm.endpoints:
            raise StageError(f'application "{name}" has no "{endpoint}" relation')
        ends = [e for e in app.charm.endpoints.values() if e.name == endpoint or not endpoint]
        found.append([(app, end) for end in ends if end.role != "peers"])
    return tuple(found)


def _fits(one: Endpoint, other: Endpoint) -> bool:
    return one.interface == other.interface and {one.role, other.role} == {"provides", "requires"}


def _integrate(line: Line) -> str:
    if len(line.args) != 2:
        raise StageError("a relation must involve two applications")
    first, second = _named(line, (line.args[0], line.args[1]))
    choices = [(a, b) for a, b in product(first, second) if _fits(a[1], b[1])]
    if not choices:
        raise StageError("no relations found")
    if len(choices) > 1:
        listed = "; ".join(f'"{a.name}:{x.name} {b.name}:{y.name}"' for (a, x), (b, y) in choices)
        raise StageError(f"ambiguous relation: {line.args[0]} {line.args[1]} could refer to {listed}")
    ((app, end), (other_app, other_end)) = choices[0]
    with line.model.changed:
        if _existing(line.model, choices[0]):
            text = f"{app.name}:{end.name} {other_app.name}:{other_end.name}"
            raise StageError(f'cannot add relation "{text}": relation already exists')
        for owner, endpoint in choices[0]:
            _check_limit(line.model, owner, endpoint)
        relation = _add(line.model, (Side(app.name, end), Side(other_app.name, other_end)))
        line.model.log.say(
            "relations", f"{relation.id}: {app.name}:{end.name} with {other_app.name}:{other_end.name}"
        )
    return ""


def _check_limit(model: Model, app: Application, endpoint: Endpoint) -> None:
    count = sum(
        1
        for r in model.relations_of(app.name)
        if (side := r.side(app.name)) and side.endpoint.name == endpoint.name
    )
    if endpoint.limit and count >= endpoint.limit:
        raise StageError(
            f"establishing a new relation for {app.name}:{endpoint.name} would exceed its maximum relation "
            f"limit of {endpoint.limit} (quota limit exceeded)"
        )


def _existing(model: Model, ends: tuple[tuple[Application, Endpoint], ...]) -> list[Relation]:
    wanted = {(app.name, endpoint.name) for app, endpoint in ends}
    return [
        relation
        for relation in model.relations.values()
        if {(side.app, side.endpoint.name) for side in relation.sides} == wanted
    ]


def _remove(line: Line) -> str:
    if len(line.args) != 2:
        raise StageError("a relation must involve two applications")
    first, second = _named(line, (line.args[0], line.args[1]))
    with line.model.changed:
        found = [r for a, b in product(first, second) for r in _existing(line.model, (a, b))]
        if not found:
            raise StageError(f'relation "{line.args[0]} {line.args[1]}" not found')
        for relation in found:
            relation.life = "dying"
            line.model.log.say("relations", f"{relation.id} is to be removed")
            end_relation(line.model, relation)
        line.model.changed.notify_all()
    return ""


_INTEGRATE = Command(_integrate, {})

COMMANDS = {
    "integrate": _INTEGRATE,
    "relate": _INTEGRATE,
    "remove-relation": Command(_remove, {"force": "nothing"}),
}
