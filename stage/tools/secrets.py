"""The hook tools of secrets."""

from __future__ import annotations

import re
from typing import Any

from stage.clock import now_s, parse_rfc3339, rfc3339
from stage.errors import ToolError, denied
from stage.secrets import ROTATIONS, Consumer, Secret, bare_id, new_id
from stage.tools.call import Call, Takes, Tool, pairs

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_EDITS: dict[str, Takes] = {
    "label": "value",
    "description": "value",
    "expire": "value",
    "rotate": "value",
    "owner": "value",
}


def _add(call: Call) -> str:
    content = pairs(call.args)
    if not content:
        raise ToolError("missing secret value")
    owner = call.flags.get("owner", "application")
    secret = Secret(id=new_id())
    if owner == "unit":
        secret.unit = call.context.unit.name
    elif owner == "application":
        _need_leader(call)
        secret.app = call.context.unit.app
    else:
        raise ToolError(f'secret owner "{owner}" not valid')
    _check_label(call, secret)
    secret.add_revision(content)
    _edit(call, secret)
    call.context.secret_writes[secret.id] = secret
    return f"secret:{secret.id}\n"


def _set(call: Call) -> str:
    if not call.args:
        raise ToolError("missing secret URI")
    secret = _own(call, call.args[0])
    content = pairs(call.args[1:])
    _check_label(call, secret)
    if content:
        secret.add_revision(content)
    _edit(call, secret)
    return ""


def _edit(call: Call, secret: Secret) -> None:
    flags = call.flags
    secret.label = flags.get("label", secret.label)
    secret.description = flags.get("description", secret.description)
    if "expire" in flags:
        secret.expires_s = _moment(flags["expire"])
    if "rotate" in flags:
        if flags["rotate"] not in ROTATIONS:
            raise ToolError(f'secret rotate policy "{flags["rotate"]}" not valid')
        secret.set_rotation(flags["rotate"])
    secret.updated_s = now_s()


def _check_label(call: Call, secret: Secret) -> None:
    label = call.flags.get("label")
    for other in call.context.secrets().values():
        same_owner = (other.app, other.unit) == (secret.app, secret.unit)
        if label and other.id != secret.id and other.label == label and same_owner:
            raise ToolError(f'secret with label "{label}" already exists')


def _moment(text: str) -> float:
    try:
        return parse_rfc3339(text)
    except ValueError:
        pass
    parts = _DURATION.findall(text)
    if not parts:
        raise ToolError(f'expire time or duration "{text}" not valid')
    return now_s() + sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _need_leader(call: Call) -> None:
    if not call.context.is_leader:
        raise denied()


def _find(call: Call, reference: str) -> Secret:
    secret = call.context.secrets().get(bare_id(reference))
    if secret is None:
        raise ToolError(f'secret "{bare_id(reference)}" not found')
    return secret


def _own(call: Call, reference: str) -> Secret:
    secret = _find(call, reference)
    context = call.context
    if not secret.is_owned_by(context.unit.app, context.unit.name):
        raise denied()
    if secret.app:
        _need_leader(call)
    return context.editable_secret(secret.id)


def _get(call: Call) -> str:
    label = call.flags.get("label", "")
    secret = _find(call, call.args[0]) if call.only(1) else _by_label(call, label)
    if not _readable(call, secret):
        raise denied()
    revision = _tracked(call, secret, label)
    content = secret.revisions.get(revision)
    if content is None:
        raise ToolError(f'secret revision "{secret.id}/{revision}" not found')
    return call.json(content)


def _by_label(call: Call, label: str) -> Secret:
    context = call.context
    secrets = context.secrets()
    for secret in secrets.values():
        if label and secret.label == label and secret.is_owned_by(context.unit.app, context.unit.name):
            return secret
    for (id_, unit), consumer in context.model.secrets.consumers.items():
        if label and unit == context.unit.name and consumer.label == label and id_ in secrets:
            return secrets[id_]
    raise ToolError(
        f'secret with label "{label}" not found' if label else "require either a secret URI or label"
    )


def _readable(call: Call, secret: Secret) -> bool:
    context = call.context
    if secret.is_owned_by(context.unit.app, context.unit.name):
        return True
    for subject in (context.unit.app, context.unit.name):
        if subject in secret.grants:
            relation = secret.grants[subject]
            return relation is None or relation in context.model.relations
    return False


def _tracked(call: Call, secret: Secret, label: str) -> int:
    """Return the revision to show: the one that the unit tracks, and which this call may move."""
    if call.on("peek") and call.on("refresh"):
        raise ToolError("specify one of --peek or --refresh but not both")
    consumers = call.context.model.secrets.consumers
    key = (secret.id, call.context.unit.name)
    consumer = consumers.setdefault(key, Consumer(tracked=secret.latest))
    if label and not secret.is_owned_by(call.context.unit.app, call.context.unit.name):
        consumer.label = label
    if call.on("refresh"):
        consumer.tracked = secret.latest
    call.context.model.changed.notify_all()
    return secret.latest if call.on("peek") else consumer.tracked


def _grant(call: Call) -> str:
    secret = _own(call, call.one("secret URI"))
    relation, subject = _subject(call)
    secret.grants[subject] = relation
    return ""


def _revoke(call: Call) -> str:
    secret = _own(call, call.one("secret URI"))
    secret.grants.pop(_subject(call)[1], None)
    return ""


def _subject(call: Call) -> tuple[int, str]:
    if "relation" not in call.flags:
        raise ToolError("missing relation id")
    relation = call.context.relation(call.flags["relation"])
    far = relation.far(call.context.unit.app).app
    subject = call.flags.get("unit") or call.flags.get("app") or far
    if subject.partition("/")[0] != far:
        raise ToolError(f'"{subject}" is not related by relation {relation.id}')
    return relation.id, subject


def _remove(call: Call) -> str:
    secret = _own(call, call.one("secret URI"))
    if "revision" not in call.flags:
        call.context.secret_writes[secret.id] = None
        return ""
    secret.revisions.pop(int(call.flags["revision"]), None)
    if not secret.revisions:
        call.context.secret_writes[secret.id] = None
    return ""


def _info(call: Call) -> str:
    label = call.flags.get("label", "")
    secret = _find(call, call.args[0]) if call.only(1) else _by_label(call, label)
    context = call.context
    if not secret.is_owned_by(context.unit.app, context.unit.name):
        raise ToolError(f'secret "{secret.id}" not found')
    facts: dict[str, Any] = {
        "revision": secret.latest,
        "label": secret.label,
        "owner": "application" if secret.app else "unit",
        "description": secret.description,
        "rotation": secret.rotate,
    }
    if secret.expires_s:
        facts["expiry"] = rfc3339(secret.expires_s)
    if secret.rotates_s:
        facts["rotates"] = rfc3339(secret.rotates_s)
    return call.json({secret.id: facts})


def _ids(call: Call) -> str:
    call.only(0)
    context = call.context
    owned = [
        secret.id
        for secret in context.secrets().values()
        if secret.unit == context.unit.name or (secret.app == context.unit.app and context.is_leader)
    ]
    return call.json(sorted(owned))


TOOLS = {
    "secret-add": Tool(_add, _EDITS),
    "secret-set": Tool(_set, _EDITS),
    "secret-get": Tool(_get, {"format": "value", "label": "value", "peek": "nothing", "refresh": "nothing"}),
    "secret-grant": Tool(_grant, {"relation": "value", "unit": "value"}),
    "secret-revoke": Tool(_revoke, {"relation": "value", "unit": "value", "app": "value"}),
    "secret-remove": Tool(_remove, {"revision": "value"}),
    "secret-info-get": Tool(_info, {"format": "value", "label": "value"}),
    "secret-ids": Tool(_ids, {"format": "value"}),
}
