"""The hook tools of relations."""

from __future__ import annotations

from typing import Any, cast

import yaml

from stage.errors import ToolError, denied
from stage.tools.call import Call, Tool, pairs
from stage.world import Relation


def _ids(call: Call) -> str:
    endpoint = call.one("endpoint name")
    context = call.context
    found: list[str] = []
    for relation in context.model.relations_of(context.unit.app):
        view = context.unit.relations.get(relation.id)
        side = relation.side(context.unit.app)
        if view and not view.broken and side and side.endpoint.name == endpoint:
            found.append(f"{endpoint}:{relation.id}")
    return call.json(found)


def _list(call: Call) -> str:
    call.only(0)
    context = call.context
    relation = context.relation(call.flags.get("r"))
    if call.on("app"):
        return call.json(relation.far(context.unit.app).app)
    return call.json(context.members(relation))


def _get(call: Call) -> str:
    context = call.context
    relation = context.relation(call.flags.get("r"))
    words = [*call.only(2)]
    key = words[0] if words else "-"
    entity = words[1] if len(words) > 1 else _default_entity(call, relation)
    if call.on("app"):
        entity = entity.partition("/")[0]
    _check_readable(call, relation, entity)
    bag = context.read_bag(relation, entity)
    return call.json(bag if key == "-" else bag.get(key))


def _default_entity(call: Call, relation: Relation) -> str:
    if call.context.hook.member:
        return call.context.hook.member
    if call.on("app"):
        return relation.far(call.context.unit.app).app
    raise ToolError("no unit id specified")


def _check_readable(call: Call, relation: Relation, entity: str) -> None:
    context = call.context
    app = entity.partition("/")[0]
    if relation.side(app) is None:
        raise denied()
    if "/" in entity and entity not in relation.unit_bags:
        raise denied()
    # Followers read their own application's databag of a peer relation only.
    if entity == context.unit.app and not relation.is_peer and not context.is_leader:
        raise denied()


def _set(call: Call) -> str:
    context = call.context
    relation = context.relation(call.flags.get("r"))
    changes = {**_file(call), **pairs(call.args)}
    if call.on("app"):
        if not context.is_leader:
            raise ToolError("cannot write relation settings")
        context.write_bag(relation, context.unit.app, changes)
    else:
        context.write_bag(relation, context.unit.name, changes)
    return ""


def _file(call: Call) -> dict[str, str]:
    if "file" not in call.flags:
        return {}
    try:
        document: object = yaml.safe_load(call.stdin)
    except yaml.YAMLError:
        # The parser's own words quote the text, which may hold what no log should.
        raise ToolError("cannot read settings: expected YAML or JSON") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ToolError("cannot read settings: expected a mapping")
    settings = cast("dict[Any, Any]", document)
    for key, value in settings.items():
        if not isinstance(value, str):
            raise ToolError(f"cannot read settings: {key} is {type(value).__name__}, not text")
    return {str(key): value for key, value in settings.items()}


def _model(call: Call) -> str:
    call.only(0)
    call.context.relation(call.flags.get("r"))
    return call.json({"uuid": call.context.model.uuid})


TOOLS = {
    "relation-ids": Tool(_ids, {"format": "value"}),
    "relation-list": Tool(_list, {"format": "value", "r": "value", "app": "nothing"}),
    "relation-get": Tool(_get, {"format": "value", "r": "value", "app": "nothing"}),
    "relation-set": Tool(_set, {"r": "value", "app": "nothing", "file": "value"}),
    "relation-model-get": Tool(_model, {"format": "value", "r": "value"}),
}
