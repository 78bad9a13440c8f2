"""Commands on secrets: a user's own, and a look at all."""

from __future__ import annotations

import json
from typing import Any, cast

import yaml

from stage.clock import rfc3339
from stage.commands.line import Command, Line, split_pairs
from stage.errors import StageError
from stage.secrets import Secret, bare_id, new_id


def _find(line: Line, reference: str) -> Secret:
    for secret in line.model.secrets.secrets.values():
        if reference and reference == secret.name:
            return secret
    found = line.model.secrets.secrets.get(bare_id(reference))
    if found is None:
        raise StageError(f'secret "{reference}" not found')
    return found


def _content(line: Line) -> dict[str, str]:
    content = {key: line.text_of(value) for key, value in split_pairs(line.args[1:]).items()}
    if "file" in line.flags:
        document: object = yaml.safe_load(line.path(line.flag("file")).read_text())
        if not isinstance(document, dict):
            raise StageError("cannot read the secret's content: expected a mapping")
        content |= {str(k): str(v) for k, v in cast("dict[Any, Any]", document).items()}
    return content


def _add(line: Line) -> str:
    if not line.args:
        raise StageError("no secret name specified")
    content = _content(line)
    if not content:
        raise StageError("missing secret value")
    secret = Secret(new_id(), name=line.args[0], description=line.flag("info"))
    secret.add_revision(content)
    with line.model.changed:
        if any(other.name == secret.name for other in line.model.secrets.secrets.values()):
            raise StageError(f'secret with name "{secret.name}" already exists')
        line.model.secrets.secrets[secret.id] = secret
    return f"secret:{secret.id}\n"


def _update(line: Line) -> str:
    if not line.args:
        raise StageError("no secret specified")
    secret = _find(line, line.args[0])
    content = _content(line)
    with line.model.changed:
        if content:
            secret.add_revision(content)
        secret.name = line.flag("name", default=secret.name)
        secret.description = line.flag("info", default=secret.description)
        line.model.changed.notify_all()
    return ""


def _grant(line: Line) -> str:
    reference, apps = line.take("secret", "application")
    secret = _find(line, reference)
    if secret.app or secret.unit:
        raise StageError("permission denied")
    with line.model.changed:
        for name in apps.split(","):
            secret.grants[line.app(name).name] = None
        line.model.changed.notify_all()
    return ""


def _remove(line: Line) -> str:
    secret = _find(line, line.take("secret")[0])
    with line.model.changed:
        line.model.secrets.remove(secret.id)
        line.model.changed.notify_all()
    return ""


def _list(line: Line) -> str:
    line.take()
    owner = line.flag("owner").removeprefix("application-").removeprefix("unit-")
    with line.model.changed:
        secrets = line.model.secrets.secrets.values()
        shown = {secret.id: _facts(secret) for secret in secrets if not owner or secret.owner == owner}
    return json.dumps(shown) + "\n"


def _show(line: Line) -> str:
    secret = _find(line, line.take("secret")[0])
    facts = _facts(secret)
    revision = line.number("revision", default=secret.latest)
    if "revisions" in line.flags:
        facts["revisions"] = [
            {"revision": number, "created": facts["created"], "updated": facts["updated"]}
            for number in sorted(secret.revisions)
        ]
    if "reveal" in line.flags:
        facts["content"] = {"Data": secret.revisions[revision]}
    return json.dumps({secret.id: facts}) + "\n"


def _facts(secret: Secret) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "revision": secret.latest,
        "owner": secret.owner,
        "created": rfc3339(secret.created_s),
        "updated": rfc3339(secret.updated_s),
        "rotation": secret.rotate,
    }
    optional = {"name": secret.name, "label": secret.label, "description": secret.description}
    facts |= {key: value for key, value in optional.items() if value}
    facts["access"] = [
        {
            "target": f"{'unit' if '/' in who else 'application'}-{who}",
            "scope": f"relation-{by}",
            "role": "view",
        }
        for who, by in sorted(secret.grants.items())
    ]
    return facts


COMMANDS = {
    "add-secret": Command(_add, {"file": "value", "info": "value"}),
    "update-secret": Command(
        _update, {"file": "value", "info": "value", "name": "value", "auto-prune": "nothing"}
    ),
    "grant-secret": Command(_grant, {}),
    "remove-secret": Command(_remove, {}),
    "secrets": Command(_list, {"format": "value", "owner": "value"}),
    "show-secret": Command(
        _show, {"format": "value", "reveal": "nothing", "revisions": "nothing", "revision": "value"}
    ),
}
