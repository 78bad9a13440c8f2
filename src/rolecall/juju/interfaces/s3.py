"""The `s3` relation, by the library that speaks both its versions and fetches the secret.

Two things are put right here. The published schema calls the version `lib-version` and the library `version`:
either counts, and one that is no number counts as none, where the library would end the hook. And the
library says what it wants only when the relation is made: a leader that finds nothing said says it.
"""

from __future__ import annotations

from collections.abc import Mapping

import ops
from object_storage import S3Requirer

from rolecall.core.model import Problem, Severity
from rolecall.core.payloads import s3
from rolecall.juju.interfaces.bags import read_app

_VERSION_KEYS = ("version", "lib-version")
_HIDDEN = '["access-key", "secret-key"]'
"""What is to come as a secret; who doesn't ask for that gets it in the bag, in plain text."""


class _Requirer(S3Requirer):
    @property
    def secrets_enabled(self) -> bool:
        """Say whether Juju has secrets, without the way that ops has deprecated."""
        return self.charm.model.juju_version.has_secrets

    def is_provider_schema_v0(self, relation: ops.Relation) -> bool:
        """Say whether the provider has spoken, and not as one that knows version 1."""
        bag = read_app(relation)
        return bool(bag) and not any(_at_least_one(bag.get(key, "")) for key in _VERSION_KEYS)


def _at_least_one(version: str) -> bool:
    try:
        return float(version) >= 1
    except ValueError:
        return False


class Bucket:
    """The bucket that the charm is integrated with."""

    def __init__(self, charm: ops.CharmBase, endpoint: str) -> None:
        """Make the library observe the relation's events; must be done in the charm's constructor."""
        self._charm = charm
        self._endpoint = endpoint
        self._wanted = s3.bucket(charm.model.name, charm.app.name)
        self._requirer = _Requirer(charm, endpoint, bucket=self._wanted)

    @property
    def related(self) -> bool:
        """Whether there is an integration, even if it says nothing yet."""
        return self._relation() is not None

    def ask(self) -> None:
        """Say which bucket is wanted, where nobody has; only a leader says it."""
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
        try:
            info: Mapping[str, str] = self._requirer.fetch_relation_data([relation.id])[relation.id]
        except ops.ModelError as error:
            return s3.Store(problems=(_unreadable(error),))
        return s3.read(info)

    def _relation(self) -> ops.Relation | None:
        return min(self._charm.model.relations[self._endpoint], key=lambda one: one.id, default=None)


def _unreadable(error: ops.ModelError) -> Problem:
    return Problem(
        code="s3-secret",
        text="cannot use the object store: its keys can't be read",
        remedy="wait for the application that provides s3 to grant its secret",
        severity=Severity.WAITING,
        facts=(("error", type(error).__name__),),
    )
