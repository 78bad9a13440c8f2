"""A product's two charms as charmcraft and Juju read them: data in, the mapping of charmcraft.yaml out.

Source: https://canonical.com/juju/docs/charmcraft/stable/reference/files/charmcraft-yaml-file/. The keys
are in the order in which a person reads them, and a mapping that is made twice has the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, cast

from rolecall.core import endpoints, options
from rolecall.core.charm import EXPORTER, NGINX, Charm, Endpoint, Option, Side, charm_name
from rolecall.core.endpoints import charm_of
from rolecall.core.product import Product
from rolecall.core.tree import Tree

Kind = Literal["coordinator", "worker"]
KINDS: tuple[Kind, ...] = ("coordinator", "worker")

_IMAGES: Mapping[str, str] = {
    NGINX: "docker.io/library/nginx:1.28.0",
    EXPORTER: "docker.io/nginx/nginx-prometheus-exporter:1.4.2",
}
_BASE, _ARCHITECTURES = "ubuntu@24.04", ("amd64", "arm64")
_JUJU = "juju >= 3.6.4"
"""The oldest Juju whose Pebble starts and stops single checks."""


def name(product: Product, kind: Kind) -> str:
    """Return the name of a charm."""
    return charm_name(product.name, kind)


def charmcraft(product: Product, kind: Kind) -> Tree:
    """Return the mapping of charmcraft.yaml."""
    return {"coordinator": _coordinator, "worker": _worker}[kind](product, charm_of(product))


def _coordinator(product: Product, charm: Charm) -> Tree:
    images = {**_IMAGES, charm.container: _workload_image(product, charm)}
    return {
        **_identity(
            product,
            "coordinator",
            f"The entrypoint and the conductor of a {product.title} cluster",
            f"{product.title} as a cluster whose workers share out its roles.\n\n"
            f"Everything is integrated with the coordinator: the bucket, certificates, ingress, and all\n"
            f"that sends to {product.title} or reads from it. Its nginx leads each request to a worker\n"
            f"with the right role. It writes one configuration for all workers, says which roles are\n"
            f"missing, and lets the workers restart one after the other.\n\n"
            f"Deploy {name(product, 'worker')} for the workers, and give each of them roles.\n",
        ),
        "containers": {
            **{container: {"resource": _resource(container)} for container in _IMAGES},
            **_workload(charm),
        },
        "resources": _resources(images),
        **_storage(charm),
        **_sections(endpoints.coordinator_endpoints(product)),
        "config": {"options": _options(options.coordinator_options(product))},
        "actions": _actions(product),
        **_build(),
    }


def _worker(product: Product, charm: Charm) -> Tree:
    return {
        **_identity(
            product,
            "worker",
            f"Workers of a {product.title} cluster, with the roles that you choose",
            f"A generic worker of {product.title}: its options say which roles its units run, none by\n"
            f"default. Deploy it several times, under several names, for workers with different roles.\n\n"
            f"Integrate it with {name(product, 'coordinator')}, which tells it all the rest.\n",
        ),
        "containers": _workload(charm),
        "resources": _resources({charm.container: _workload_image(product, charm)}),
        **_storage(charm),
        **_sections(endpoints.worker_endpoints(product)),
        "config": {"options": _options(options.worker_options(product))},
        **_build(),
    }


def _workload(charm: Charm) -> Tree:
    mounts = [{"storage": charm.storage.name, "location": charm.storage.path}]
    return {charm.container: {"resource": _resource(charm.container), "mounts": mounts}}


def _storage(charm: Charm) -> Tree:
    storage = charm.storage
    return {
        "storage": {
            storage.name: {
                "type": "filesystem",
                "description": storage.summary,
                "minimum-size": storage.minimum,
            }
        }
    }


def _identity(product: Product, kind: Kind, summary: str, description: str) -> Tree:
    return {
        "type": "charm",
        "name": name(product, kind),
        "title": f"Rolecall's {product.title} {kind}",
        "summary": summary,
        "description": description,
        "assumes": ["k8s-api", _JUJU],
        "charm-user": "non-root",
    }


def _build() -> Tree:
    return {
        "platforms": {f"{_BASE}:{architecture}": None for architecture in _ARCHITECTURES},
        "parts": {"charm": {"plugin": "uv", "source": ".", "build-snaps": ["astral-uv"]}},
    }


def _workload_image(product: Product, charm: Charm) -> str:
    return f"{charm.image}:{product.binary.version}"


def _resource(container: str) -> str:
    return f"{container}-image"


def _resources(images: Mapping[str, str]) -> Tree:
    return {
        _resource(container): {
            "type": "oci-image",
            "description": f"The image of the container {container}.",
            "upstream-source": image,
        }
        for container, image in images.items()
    }


def _sections(found: Iterable[Endpoint]) -> Tree:
    """Return the endpoints by side: `provides`, `requires` and `peers`, those that there are."""
    sections: dict[str, dict[str, Tree]] = {}
    for side in Side:
        for endpoint in found:
            if endpoint.side is side:
                sections.setdefault(side.value, {})[endpoint.name] = _endpoint(endpoint)
    return cast("Tree", sections)


def _endpoint(endpoint: Endpoint) -> Tree:
    described: Tree = {
        "interface": endpoint.interface,
        "optional": endpoint.optional,
        "description": endpoint.summary,
    }
    return {**described, "limit": endpoint.limit} if endpoint.limit else described


def _options(found: Iterable[Option]) -> Tree:
    return {
        option.name: {
            "type": option.kind.value,
            "default": option.default,
            "description": f"{option.summary[0].upper()}{option.summary[1:]}.",
        }
        for option in found
    }


CHECK_S = 60
"""How long the action `check` waits by default."""

ROLLOUT: Mapping[str, str] = {
    "state": "says which unit restarts, and what the others wait for",
    "pause": "lets no further unit go",
    "resume": "lets the next unit go, with the options as they are set",
    "undo": "goes back to the options that all units last ran with, until they are changed",
}
"""What the action `rollout` can be asked to do."""


def _actions(product: Product) -> Tree:
    actions: Tree = {
        "check": _action(
            "Write through the gateway and read it back; fails when either does.",
            timeout={
                "type": "integer",
                "minimum": 1,
                "default": CHECK_S,
                "description": "How many seconds it may take until what was written can be read.",
            },
        ),
        "diagnose": _action("Show the verdict, the units, their roles and the gateway, as JSON."),
        "rollout": _action(
            "Show, pause, resume or undo the restarts of the workers.",
            action={
                "type": "string",
                "enum": list(ROLLOUT),
                "default": "state",
                "description": "; ".join(f"{word} {summary}" for word, summary in ROLLOUT.items()) + ".",
            },
        ),
    }
    actions["drain"] = _action(
        "Have a worker unit hand over what it holds, ahead of its removal; again, to see how far it is.",
        required=("unit",),
        unit={
            "type": "string",
            "description": "The unit, such as write/2. Juju removes the one with the highest number first.",
        },
        undo={"type": "boolean", "default": False, "description": "Let the unit stay and serve after all."},
    )
    actions["forget-ring-member"] = _action(
        "Have the rings forget a member whose unit is gone; refused while the model has the unit. The leader"
        " does so by itself once all other units are ready and enough copies are left.",
        required=("member",),
        member={"type": "string", "description": "The unit that is gone, such as write/2."},
        ring={
            "type": "string",
            "default": "",
            "description": "Path of the page of one ring, such as /ring; empty: every ring that it is in.",
        },
    )
    if any(listener.receiver for listener in product.listeners):
        actions["list-receivers"] = _action("List the protocols that are taken in, each with its address.")
    return actions


def _action(description: str, *, required: tuple[str, ...] = (), **params: Tree) -> Tree:
    return {
        "description": description,
        **({"params": params} if params else {}),
        **({"required": list(required)} if required else {}),
        "additionalProperties": False,
    }
