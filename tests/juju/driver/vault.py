"""Secrets: owners, revisions, grants, and which revision each unit follows.

Rules (https://github.com/juju/juju/issues/19035, and Juju's reference on secrets): a unit follows the latest
revision of the moment it first gets the content, and moves on only when it asks to; until then it is told
once of each newer revision (secret-changed). The owner is told when nobody follows an old one any more
(secret-remove). An owner that got the content follows a revision like everybody else. Following is not part
of the hook's transaction: a hook that dies has moved on all the same.
"""
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ops import testing

from .applications import Unit
from .hooks import Result
from .relations import Link, Told
from .values import Event

Content = Mapping[str, str]


@dataclass(eq=False, kw_only=True)
class Held:
    """A secret."""

    id: str
    owner: str
    """A unit, or an application."""
    revisions: dict[int, Content]
    latest: int = 1
    label: str | None = None
    more: dict[str, Any] = field(default_factory=dict[str, Any])
    """Description, rotation and expiry, as the owner set them."""
    grants: dict[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])
    """By relation, the applications and units."""
    followed: dict[str, int] = field(default_factory=dict[str, int])
    """By unit, the revision it follows."""
    labels: dict[str, str] = field(default_factory=dict[str, str])
    """By unit that is not the owner, what it calls the secret."""
    heard: dict[str, int] = field(default_factory=dict[str, int])
    """By unit, the newest revision that it was told of."""
    told: set[int] = field(default_factory=set[int])
    """The revisions whose end the owner was told."""

    def ownership(self, unit: Unit) -> Literal["app", "unit"] | None:
        """Return how the unit owns the secret."""
        if self.owner == unit.name:
            return "unit"
        return "app" if self.owner == unit.app.name else None

    def granted(self, unit: Unit) -> bool:
        """Whether the unit may read the secret, though it doesn't own it."""
        return any(names & {unit.name, unit.app.name} for names in self.grants.values())

    def managed_by(self, unit: Unit) -> bool:
        """Whether the unit may change the secret."""
        return self.owner == unit.name or (unit.is_leader and self.owner == unit.app.name)

    def readable_by(self, unit: Unit) -> bool:
        """Whether the unit may read the secret."""
        return self.ownership(unit) is not None or self.granted(unit)

    def hears(self, unit: Unit) -> bool:
        """Whether a unit is still to be told of a new revision; if not, it is when it may read it again."""
        if not self.readable_by(unit):
            self.heard.pop(unit.name, None)
            return False
        return True

    def shown(self, unit: Unit) -> testing.Secret:
        """Return the secret as the unit sees it."""
        owner = self.ownership(unit)
        followed = self.followed.get(unit.name, self.latest)
        followed = followed if followed in self.revisions else self.latest
        secret = testing.Secret(
            dict(self.revisions[followed]),
            latest_content=dict(self.revisions[self.latest]),
            id=self.id,
            owner=owner,
            label=self.label if owner else self.labels.get(unit.name),
            remote_grants=self.grants if owner else {},
            **(self.more if owner else {}),
        )
        object.__setattr__(secret, "_tracked_revision", followed)
        object.__setattr__(secret, "_latest_revision", self.latest)
        return secret


class Vault:
    """All secrets of a model."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._made = 0

    def new_id(self) -> str:
        """Return an id in Juju's form that the same run would give again."""
        self._made += 1
        return f"secret:{self._made:020d}"

    def get(self, secret_id: str) -> Held | None:
        """Return a secret."""
        return self._held.get(secret_id)

    def owned_by(self, owner: str) -> list[Held]:
        """Return the secrets of an application or unit."""
        return [held for held in self._held.values() if held.owner == owner]

    def visible(self, unit: Unit) -> list[testing.Secret]:
        """Return the secrets that a unit may read, as it sees them."""
        return [
            held.shown(unit) for held in self._held.values() if held.ownership(unit) or held.granted(unit)
        ]

    def absorb_reads(self, unit: Unit, result: Result) -> None:
        """Keep which revisions the unit follows now, and what it calls them."""
        for secret in result.state.secrets:
            held = self._held.get(secret.id)
            if held is None or secret.id not in result.reads:
                continue
            if result.reads[secret.id] or unit.name not in held.followed:
                held.followed[unit.name] = held.latest
            if secret.label and not held.ownership(unit):
                held.labels[unit.name] = secret.label

    def absorb_writes(self, unit: Unit, result: Result) -> None:
        """Keep what the unit's hook did to the secrets it owns."""
        left = {secret.id: secret for secret in result.state.secrets}
        mine = (unit.name, unit.app.name) if unit.is_leader else (unit.name,)
        for held in [held for held in self._held.values() if held.owner in mine and held.id not in left]:
            del self._held[held.id]
        for _, secret in sorted(left.items()):
            if secret.owner and (secret.owner == "unit" or unit.is_leader):
                held = self._absorb(unit, secret)
                # Whoever wrote a revision and then asked for the latest follows what it wrote.
                if result.reads.get(secret.id) and secret.tracked_content == secret.latest_content:
                    held.followed[unit.name] = held.latest
        for secret_id, revision in result.removed:
            if held := self._held.get(secret_id):
                held.revisions.pop(revision, None)

    def end_grants(self, link: Link) -> None:
        """Take back what was granted over a relation that is gone."""
        for held in self._held.values():
            held.grants.pop(link.id, None)

    def forget(self, unit: Unit) -> None:
        """Forget a unit that is gone, with the secrets that it owned."""
        self._held = {held.id: held for held in self._held.values() if held.owner != unit.name}
        for held in self._held.values():
            held.followed.pop(unit.name, None)
            held.heard.pop(unit.name, None)

    def news(self, units: Iterable[Unit]) -> Told:
        """Return which observers hear of newer revisions, and which owners of those that nobody follows."""
        by_name = {unit.name: unit for unit in units}
        for held in self._held.values():
            for name, revision in held.followed.items():
                observer = by_name[name]
                heard = max(revision, held.heard.get(name, 0))
                if heard < held.latest and held.readable_by(observer):
                    held.heard[name] = held.latest
                    yield observer, Event(kind="secret-changed", secret=held.id)
            owner = next((unit for unit in by_name.values() if held.managed_by(unit)), None)
            if owner is None:
                continue
            for revision in self._obsolete(held):
                held.told.add(revision)
                yield owner, Event(kind="secret-remove", secret=held.id, revision=revision)

    def _obsolete(self, held: Held) -> list[int]:
        followed = set(held.followed.values())
        return [
            revision
            for revision in held.revisions
            if revision < held.latest and revision not in followed and revision not in held.told
        ]

    def _absorb(self, unit: Unit, secret: testing.Secret) -> Held:
        content = dict(secret.latest_content)
        held = self._held.get(secret.id)
        if held is None:
            owner = unit.name if secret.owner == "unit" else unit.app.name
            held = self._held[secret.id] = Held(id=secret.id, owner=owner, revisions={1: content})
        elif content != held.revisions[held.latest]:
            held.latest += 1
            held.revisions[held.latest] = content
        held.label = secret.label
        held.more = {"description": secret.description, "expire": secret.expire, "rotate": secret.rotate}
        held.grants = {link: frozenset(names) for link, names in secret.remote_grants.items() if names}
        return held
