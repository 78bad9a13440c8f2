"""The hook tools of config, network, ports, storage, resources, stored state and logs."""

from __future__ import annotations

import re
from typing import Any, cast

import yaml

from stage.errors import ToolError
from stage.tools.call import Call, Tool, pairs

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_PORT = re.compile(r"(?:(\d+)(?:-(\d+))?(?:/(tcp|udp))?|icmp)")


def _config_get(call: Call) -> str:
    words = call.only(1)
    config = call.context.config
    return call.json(config.get(words[0]) if words else config)


def _network_get(call: Call) -> str:
    binding = call.one("binding name")
    context = call.context
    if binding not in context.unit.charm.endpoints and binding != "juju-info":
        raise ToolError(f'no network config found for binding "{binding}"')
    if "r" in call.flags:
        context.relation(call.flags["r"])
    address = context.unit.address
    entry = {"hostname": "", "value": address, "cidr": "", "address": address}
    return call.json(
        {
            "bind-addresses": [{"mac-address": "", "interface-name": "", "addresses": [entry]}],
            "egress-subnets": [f"{address}/32"],
            "ingress-addresses": [address],
        }
    )


def _port(word: str) -> str:
    match = _PORT.fullmatch(word.lower())
    if not match:
        raise ToolError(
            f'invalid port "{word}"; expected <port>[/<protocol>] or <from>-<to>[/<protocol>] or icmp'
        )
    if word.lower() == "icmp":
        return "icmp"
    first, last, protocol = match.groups()
    span = f"{first}-{last}" if last else first
    return f"{span}/{protocol or 'tcp'}"


def _open_port(call: Call) -> str:
    call.context.ports.add(_port(call.one("port")))
    return ""


def _close_port(call: Call) -> str:
    call.context.ports.discard(_port(call.one("port")))
    return ""


def _opened_ports(call: Call) -> str:
    call.only(0)
    return call.json(sorted(call.context.ports))


def _storage_list(call: Call) -> str:
    words = call.only(1)
    storages = call.context.unit.storages.values()
    return call.json([s.id for s in storages if not s.detached and (not words or s.name == words[0])])


def _storage_get(call: Call) -> str:
    id_ = call.flags.get("s") or (call.context.hook.key if "storage-" in call.context.hook.kind else "")
    storage = call.context.unit.storages.get(id_)
    if storage is None:
        raise ToolError(f'invalid value "{id_}" for option -s: storage not found')
    facts = {"kind": "filesystem", "location": str(storage.folder)}
    words = call.only(1)
    return call.json(facts[words[0]] if words else facts)


def _resource_get(call: Call) -> str:
    name = call.one("resource name")
    app = call.context.app
    if name not in app.charm.resources:
        raise ToolError(f'resource "{name}" not found')
    if app.charm.resources[name].get("type") != "file":
        raise ToolError(f'cannot get resource "{name}": the stage hands out files only')
    if name not in app.resources:
        raise ToolError(f"could not download resource: resource {app.name}/{name} not found")
    return f"{app.resources[name]}\n"


def _state_get(call: Call) -> str:
    words = call.only(1)
    state = call.context.state
    if "format" in call.flags:
        return call.json(state.get(words[0]) if words else state)
    if not words:
        raise ToolError("cannot print all state as smart: the stage prints JSON only")
    return f"{state.get(words[0], '')}\n"


def _state_set(call: Call) -> str:
    values = pairs(call.args)
    if "file" in call.flags:
        document: object = yaml.safe_load(call.stdin)
        if not isinstance(document, dict):
            raise ToolError("cannot read state: expected a mapping")
        values.update({str(k): str(v) for k, v in cast("dict[Any, Any]", document).items()})
    call.context.state.update(values)
    return ""


def _state_delete(call: Call) -> str:
    call.context.state.pop(call.one("key"), None)
    return ""


def _juju_log(call: Call) -> str:
    level = call.flags.get("log-level", call.flags.get("l", "INFO")).upper()
    if level not in _LEVELS:
        raise ToolError(f'invalid log level "{level}"')
    context = call.context
    relation = dict(context.hook.facts).get("JUJU_RELATION_ID")
    module = f"unit.{context.unit.name}.juju-log"
    text = " ".join(call.args)
    context.model.log.juju(
        context.unit.name, level, module, f"{relation}: {text}" if relation else text, also=context.log_path
    )
    return ""


def _reboot(_call: Call) -> str:
    raise ToolError("juju-reboot is not supported on Kubernetes")


def _credential_get(_call: Call) -> str:
    raise ToolError("cannot access cloud credentials")


TOOLS = {
    "config-get": Tool(_config_get, {"format": "value"}),
    "network-get": Tool(_network_get, {"format": "value", "r": "value"}),
    "open-port": Tool(_open_port, {}),
    "close-port": Tool(_close_port, {}),
    "opened-ports": Tool(_opened_ports, {"format": "value"}),
    "storage-list": Tool(_storage_list, {"format": "value"}),
    "storage-get": Tool(_storage_get, {"format": "value", "s": "value"}),
    "resource-get": Tool(_resource_get, {}),
    "state-get": Tool(_state_get, {"format": "value"}),
    "state-set": Tool(_state_set, {"file": "value"}),
    "state-delete": Tool(_state_delete, {}),
    "juju-log": Tool(_juju_log, {"log-level": "value", "l": "value"}),
    "juju-reboot": Tool(_reboot, {"now": "nothing"}),
    "credential-get": Tool(_credential_get, {"format": "value"}),
}
