"""The library of the `s3` relation, with two things put right.

The published schema calls the version `lib-version` and the library `version`: either counts, and one that is
no number counts as none, where the library would end the hook.
"""

from __future__ import annotations

import ops
from object_storage import S3Requirer

from rolecall.juju.interfaces.bags import read_app

_VERSION_KEYS = ("version", "lib-version")


class Requirer(S3Requirer):
    """The side that wants a bucket."""

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
