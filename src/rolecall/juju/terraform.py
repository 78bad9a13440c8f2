"""A Terraform module of the provider juju/juju: the texts of its files.

Source: https://registry.terraform.io/providers/juju/juju/latest/docs. A model is named by its UUID since
version 1 of the provider. Keys are variables, and on Juju a secret that only the integrator may read.
"""

from __future__ import annotations

import re

from rolecall.core.tree import Tree
from rolecall.juju.export import INTEGRATOR, Application, Exported, Integration
from rolecall.juju.hcl import Block, Call, Raw, document

_MODEL = Raw("var.model_uuid")
_NEEDED, _KEYS = ("endpoint", "bucket"), ("access_key", "secret_key")


def files(exported: Exported) -> dict[str, str]:
    """Return the files of a module, name to text."""
    return {
        "versions.tf": document([_versions()]),
        "variables.tf": document(_variables(exported)),
        "main.tf": document([*_applications(exported), *map(_integration, exported.integrations)]),
        "outputs.tf": document([_names(exported)]),
    }


def _versions() -> Block:
    provider = {"juju": {"source": "juju/juju", "version": "~> 1.0"}}
    return Block(
        kind="terraform",
        attributes={"required_version": ">= 1.5"},
        blocks=(Block(kind="required_providers", attributes=provider),),
    )


def _variables(exported: Exported) -> list[Block]:
    charms = [one for one in exported.applications if one.charm != INTEGRATOR]
    found = [
        _variable("model_uuid", "UUID of the model."),
        _variable("channel", "Channel of the charms.", default=charms[0].channel),
        _by_application("units", "number", "Number of units"),
        _by_application("config", "map(string)", "Options"),
        _by_application("storage", "map(string)", "Storage directives"),
    ]
    for application in exported.applications:
        if application.keys:
            found += _store_variables(application)
    return found


def _by_application(name: str, kind: str, title: str) -> Block:
    attributes: Tree = {
        "description": f"{title} by application, where they differ from the module's.",
        "type": Raw(f"map({kind})"),
        "default": {},
    }
    return Block(kind="variable", labels=(name,), attributes=attributes)


def _store_variables(application: Application) -> list[Block]:
    name = _identifier(application)
    needed = [
        _variable(
            f"{name}_{key}", f"The {key} that {application.name} tells.", default=application.options.get(key)
        )
        for key in _NEEDED
    ]
    keys = [
        _variable(f"{name}_{key}", f"The {key.replace('_', ' ')} of that bucket.", sensitive=True)
        for key in _KEYS
    ]
    return [*needed, *keys]


def _variable(name: str, description: str, *, default: object = None, sensitive: bool = False) -> Block:
    attributes: Tree = {"description": description, "type": Raw("string")}
    if default is not None:
        attributes["default"] = default
    if sensitive:
        attributes["sensitive"] = True
    return Block(kind="variable", labels=(name,), attributes=attributes)


def _applications(exported: Exported) -> list[Block]:
    found: list[Block] = []
    for application in exported.applications:
        found.append(_application(application))
        if application.keys:
            found += _secret(application)
    return found


def _application(application: Application) -> Block:
    config: Tree = dict(application.options)
    channel: object = Raw("var.channel")
    if application.keys:
        name = _identifier(application)
        config |= {key: Raw(f"var.{name}_{key}") for key in _NEEDED}
        config["credentials"] = Raw(f'"secret:${{juju_secret.{name}.secret_id}}"')
        channel = application.channel
    attributes: Tree = {
        "name": application.name,
        "model_uuid": _MODEL,
        "units": _chosen("units", application, application.units),
        "config": _merged({key: _text(value) for key, value in config.items()}, application),
        "storage_directives": _chosen("storage", application, {}),
    }
    charm = Block(kind="charm", attributes={"name": application.charm, "channel": channel})
    return _resource("application", application, attributes, charm)


def _chosen(variable: str, application: Application, otherwise: object) -> Call:
    """Return what a variable says of one application."""
    return Call("lookup", (Raw(f"var.{variable}"), application.name, otherwise))


def _merged(config: Tree, application: Application) -> Call:
    chosen = _chosen("config", application, {})
    return Call("merge", (config, chosen)) if config else chosen


def _text(value: object) -> object:
    """Return an option's value as a text: the map is one of texts."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, Raw) else str(value)


def _secret(application: Application) -> list[Block]:
    name = _identifier(application)
    secret: Tree = {
        "name": f"{application.name}-keys",
        "model_uuid": _MODEL,
        "value": {key.replace("_", "-"): Raw(f"var.{name}_{key}") for key in _KEYS},
    }
    access: Tree = {
        "model_uuid": _MODEL,
        "applications": [Raw(f"juju_application.{name}.name")],
        "secret_id": Raw(f"juju_secret.{name}.secret_id"),
    }
    return [_resource("secret", application, secret), _resource("access_secret", application, access)]


def _resource(kind: str, application: Application, attributes: Tree, *blocks: Block) -> Block:
    labels = (f"juju_{kind}", _identifier(application))
    return Block(kind="resource", labels=labels, attributes=attributes, blocks=blocks)


def _integration(integration: Integration) -> Block:
    ends = (integration.one, integration.other)
    return Block(
        kind="resource",
        labels=("juju_integration", "_".join(_word(name) for name, _ in ends)),
        attributes={"model_uuid": _MODEL},
        blocks=tuple(
            Block(
                kind="application",
                attributes={"name": Raw(f"juju_application.{_word(name)}.name"), "endpoint": endpoint},
            )
            for name, endpoint in ends
        ),
    )


def _names(exported: Exported) -> Block:
    names = {
        _identifier(one): Raw(f"juju_application.{_identifier(one)}.name") for one in exported.applications
    }
    return Block(
        kind="output",
        labels=("applications",),
        attributes={"description": "The applications by their names here.", "value": names},
    )


def _identifier(application: Application) -> str:
    return _word(application.name)


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name)
