"""The administrator's password for the closed routes: a secret of the application's."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import ops

from rolecall.core import htpasswd

if TYPE_CHECKING:
    from rolecall.juju.coordinator import CoordinatorCharm

_LABEL = "admin"
_USER = "admin"


def keep(charm: CoordinatorCharm) -> None:
    """Have the gateway know the password; the leader makes it on first use.

    The administrator reads it with `juju show-secret --reveal`.
    """
    try:
        content = charm.model.get_secret(label=_LABEL).peek_content()
    except ops.SecretNotFoundError:
        if not charm.unit.is_leader():
            return
        content = _made()
        charm.app.add_secret(content, label=_LABEL, description="password of the gateway's administrator")
    charm.gateway.keep_passwords(content["htpasswd"])


def _made() -> dict[str, str]:
    """Make a password, and the line that nginx checks it by."""
    word = secrets.token_urlsafe(24)
    return {
        "username": _USER,
        "password": word,
        "htpasswd": htpasswd.line(_USER, word, secrets.token_bytes(8)),
    }
