"""Juju's secrets: who owns them, who was granted them, and which revision each reader tracks."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field

from stage.clock import now_s

_ID_LETTERS = "0123456789abcdefghijklmnopqrstuv"
_ID_LENGTH = 20
_ROTATION_S = {
    "hourly": 3600.0,
    "daily": 86_400.0,
    "weekly": 7 * 86_400.0,
    "monthly": 30 * 86_400.0,
    "quarterly": 90 * 86_400.0,
    "yearly": 365 * 86_400.0,
}
ROTATIONS = ("never", *_ROTATION_S)


@dataclass(slots=True)
class Secret:
    """A secret; `app` owns it, or `unit` alone; with neither it is the model's, that is, a user's.

    `grants` maps an application or a unit to the relation that the grant ends with (None: no end).
    """

    id: str
    app: str | None = None
    unit: str | None = None
    name: str = ""
    label: str = ""
    description: str = ""
    rotate: str = "never"
    rotates_s: float | None = None
    expires_s: float | None = None
    latest: int = 0
    revisions: dict[int, dict[str, str]] = field(default_factory=dict[int, dict[str, str]], repr=False)
    grants: dict[str, int | None] = field(default_factory=dict[str, int | None])
    removals_told: set[int] = field(default_factory=set[int])
    expiries_told: set[int] = field(default_factory=set[int])
    created_s: float = field(default_factory=now_s)
    updated_s: float = field(default_factory=now_s)

    def copy(self) -> Secret:
        """Return a copy that shares nothing."""
        return copy.deepcopy(self)

    def add_revision(self, content: dict[str, str]) -> None:
        """Make `content` the newest revision, unless it is that already."""
        if self.revisions.get(self.latest) == content:
            return
        self.latest += 1
        self.revisions[self.latest] = content
        self.expires_s = None
        self.updated_s = now_s()

    def set_rotation(self, policy: str) -> None:
        """Let the secret be rotated by this policy, counted from now."""
        self.rotate = policy
        interval_s = _ROTATION_S.get(policy)
        self.rotates_s = now_s() + interval_s if interval_s else None

    def is_owned_by(self, app: str, unit: str) -> bool:
        """Whether a unit sees the secret as its owner does."""
        return self.app == app or self.unit == unit

    @property
    def owner(self) -> str:
        """Return the owner as Juju's client prints it."""
        return self.app or self.unit or "<model>"


@dataclass(slots=True)
class Consumer:
    """What a unit that reads a secret tracks, and up to which revision it was told of changes."""

    tracked: int
    label: str = ""
    told: int = 0


@dataclass(slots=True)
class SecretStore:
    """All secrets of a model, and their readers."""

    secrets: dict[str, Secret] = field(default_factory=dict[str, Secret])
    consumers: dict[tuple[str, str], Consumer] = field(default_factory=dict[tuple[str, str], Consumer])

    def obsolete(self, secret: Secret) -> list[int]:
        """Return the revisions that no reader tracks any more, and that aren't the newest."""
        tracked = {consumer.tracked for (id_, _), consumer in self.consumers.items() if id_ == secret.id}
        return [rev for rev in sorted(secret.revisions) if rev != secret.latest and rev not in tracked]

    def remove(self, id_: str) -> None:
        """Remove a secret, and what its readers tracked."""
        self.secrets.pop(id_, None)
        self.consumers = {key: value for key, value in self.consumers.items() if key[0] != id_}

    def forget_unit(self, unit: str) -> None:
        """Forget what a unit tracked, and the secrets that were its own."""
        self.consumers = {key: value for key, value in self.consumers.items() if key[1] != unit}
        for id_ in [secret.id for secret in self.secrets.values() if secret.unit == unit]:
            self.remove(id_)

    def forget_app(self, app: str) -> None:
        """Remove the secrets of an application."""
        for id_ in [secret.id for secret in self.secrets.values() if secret.app == app]:
            self.remove(id_)


def new_id() -> str:
    """Make an identifier in the form that Juju's have."""
    return "".join(random.SystemRandom().choices(_ID_LETTERS, k=_ID_LENGTH))


def bare_id(reference: str) -> str:
    """Return the identifier in `secret:ID`, `secret://MODEL/ID` or a bare ID."""
    return reference.removeprefix("secret:").rpartition("/")[2]
