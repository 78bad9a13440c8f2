"""The `s3` relation, by the library that speaks both its versions and fetches the secret.

The library is loaded for the events that it observes, and else only where keys have to be looked for: that
costs a hook five calls, and what is found changes with the other side's bag (`basis`) or with an event of its
own (`doubtful`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import ops

from rolecall.core.model import Problem, Severity
from rolecall.core.payloads import s3
from rolecall.juju.interfaces.bags import read_app

if TYPE_CHECKING:
    from rolecall.juju.interfaces.s3_library import Requirer

_HIDDEN = '["access-key", "secret-key"]'
"""What is to come as a secret; who doesn't ask for that gets it in the bag, in plain text."""
_SECRET = "secret-extra"  # noqa: S105 - the name of the key that has the secret's id
_DOUBTFUL = frozenset({"leader-elected", "secret-changed", "upgrade-charm"})
"""Hooks after which other keys may be behind the same bag: a leader may not have heard of those before it."""


class Bucket:
    """The bucket that the charm is integrated with."""

    def __init__(self, charm: ops.CharmBase, endpoint: str) -> None:
        """Have the library observe the relation's events; must be done in the charm's constructor."""
        self._charm = charm
        self._endpoint = endpoint
        self._wanted = s3.bucket(charm.model.name, charm.app.name)
        hook = os.environ.get("JUJU_HOOK_NAME", "")
        self.doubtful = hook in _DOUBTFUL
        """Whether keys have to be looked for, whatever they were found by before."""
        observed = self.doubtful or hook.startswith(f"{endpoint}-relation-")
        self._library = _library(charm, endpoint, self._wanted) if observed else None

    @property
    def related(self) -> bool:
        """Whether there is an integration, even if it says nothing yet."""
        return self._relation() is not None

    def basis(self) -> str:
        """Digest all that decides which secret has the keys; empty where they are in no secret."""
        relation = self._relation()
        if relation is None:
            return ""
        theirs = read_app(relation)
        if not theirs.get(_SECRET):
            return ""
        return hashlib.sha256(msgspec.json.encode((relation.id, theirs), order="deterministic")).hexdigest()

    def ask(self) -> None:
        """Say which bucket is wanted, where nobody has; only a leader says it.

        The library says it only when the relation is made.
        """
        relation = self._relation()
        if relation is None or not self._charm.unit.is_leader():
            return
        said = relation.data[self._charm.app]
        wanted = {"version": "1", "bucket": self._wanted, "requested-secrets": _HIDDEN}
        if missing := {key: text for key, text in wanted.items() if not said.get(key)}:
            said.update(missing)

    def read(self) -> s3.Store:
        """Read what the provider says, and the secret that it grants."""
        relation = self._relation()
        if relation is None:
            return s3.Store()
        if self._library is None:
            self._library = _library(self._charm, self._endpoint, self._wanted)
        try:
            info: Mapping[str, str] = self._library.fetch_relation_data([relation.id])[relation.id]
        except ops.ModelError as error:
            return s3.Store(problems=(_unreadable(error),))
        return s3.read(info)

    def read_without_keys(self) -> s3.Store:
        """Read what the provider says in its bag alone, of a secret whose keys are known."""
        relation = self._relation()
        return s3.read(read_app(relation), keys_known=True) if relation else s3.Store()

    def _relation(self) -> ops.Relation | None:
        return min(self._charm.model.relations[self._endpoint], key=lambda one: one.id, default=None)


def _library(charm: ops.CharmBase, endpoint: str, bucket: str) -> Requirer:
    from rolecall.juju.interfaces.s3_library import Requirer

    return Requirer(charm, endpoint, bucket=bucket)


def _unreadable(error: ops.ModelError) -> Problem:
    return Problem(
        code="s3-secret",
        text="cannot use the object store: its keys can't be read",
        remedy="wait for the application that provides s3 to grant its secret",
        severity=Severity.WAITING,
        facts=(("error", type(error).__name__),),
    )
