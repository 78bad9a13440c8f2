"""The object store's keys on their way from the coordinator to the workers: a Juju secret.

A document names the secret and a version, `secret:<id>#<version>`, so that new keys are a new restart
identity and no key is ever in a databag (G10). The version stands in the secret itself: the revision
that Juju counts is not known before the hook that made it has ended.
"""

from __future__ import annotations

import ops

from rolecall.core.model import Credentials, Secret

_LABEL = "object-store"
_ACCESS, _SECRET, _VERSION = "access-key", "secret-key", "version"


def publish(app: ops.Application, model: ops.Model, credentials: Credentials, known: str) -> str:
    """Have the secret hold these keys; return the reference to it. For the leader.

    `known` is the last reference, if it is one; with it, a hook that changes nothing asks Juju only once.
    """
    keys = {_ACCESS: credentials.access_key.reveal(), _SECRET: credentials.secret_key.reveal()}
    secret = _own(model)
    if secret is None:
        secret = app.add_secret({**keys, _VERSION: "1"}, label=_LABEL)
        return f"{_address(model, secret)}#1"
    content = secret.get_content()
    version = int(content.get(_VERSION, "1"))
    if any(content.get(name) != key for name, key in keys.items()):
        version += 1
        secret.set_content({**keys, _VERSION: str(version)})
        # Who has read a secret follows one revision of it, its owner too: the old one goes when nobody does.
        secret.get_content(refresh=True)
    address = known.partition("#")[0]
    if not address.startswith(f"secret://{model.uuid}/"):
        address = _address(model, secret)
    return f"{address}#{version}"


def grant(model: ops.Model, relation: ops.Relation) -> None:
    """Let the workers of a relation read the secret. For the leader."""
    secret = _own(model)
    if secret is not None:
        secret.grant(relation)


def forget(event: ops.SecretRemoveEvent) -> None:
    """Delete a revision that no worker follows any longer. For the leader."""
    event.secret.remove_revision(event.revision)


def credentials_of(model: ops.Model, reference: str) -> Credentials | None:
    """Return the keys of the secret that a document names; None while they can't be read.

    The newest are asked for only where those that were read last are of another version.
    """
    address, _, version = reference.partition("#")
    if not address:
        return None
    try:
        secret = model.get_secret(id=address)
        content = secret.get_content()
        if content.get(_VERSION) != version:
            content = secret.get_content(refresh=True)
    except (ops.SecretNotFoundError, ops.ModelError):
        return None
    if not content.get(_ACCESS) or not content.get(_SECRET):
        return None
    return Credentials(access_key=Secret(content[_ACCESS]), secret_key=Secret(content[_SECRET]))


def _own(model: ops.Model) -> ops.Secret | None:
    try:
        return model.get_secret(label=_LABEL)
    except ops.SecretNotFoundError:
        return None


def _address(model: ops.Model, secret: ops.Secret) -> str:
    """Name a secret so that workers of other models find it too, and always by the same text.

    A secret that was just added knows its short name only, one that was looked up by its label none.
    """
    name = (secret.unique_identifier or secret.get_info().id).rpartition("/")[2].removeprefix("secret:")
    return f"secret://{model.uuid}/{name}"
