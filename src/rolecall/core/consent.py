"""What several gateways of one cluster have agreed to leave out.

Only the leading coordinator plans. It publishes which units are to be held back, with a number that
grows with each change, and every coordinator says which units its own gateway sends to and up to which
number it has followed. Whoever hasn't followed the newest number counts as sending to everybody, so a
unit gets its leave only when no gateway can still send to it (G5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct


class Hold(Struct, frozen=True, kw_only=True):
    """What the leading coordinator wants every gateway to leave out."""

    units: tuple[str, ...] = ()
    revision: int = 0


class Consent(Struct, frozen=True, kw_only=True):
    """What one coordinator's gateway does."""

    serving: tuple[str, ...] = ()
    """Units that it sends to."""
    revision: int = -1
    """The newest hold that it follows; -1: none yet."""


def held_next(hold: Hold, units: Iterable[str]) -> Hold:
    """Return the hold of these units, with a new number only if it differs from the last."""
    wanted = tuple(sorted(set(units)))
    return hold if wanted == hold.units else Hold(units=wanted, revision=hold.revision + 1)


def serving(
    hold: Hold, own: Iterable[str], others: Mapping[str, Consent], everybody: Iterable[str]
) -> frozenset[str]:
    """Return the units that at least one gateway may be sending to.

    `others` maps every other coordinator to what it said; one that said nothing yet belongs in it too.
    """
    if any(consent.revision != hold.revision for consent in others.values()):
        return frozenset(everybody)
    return frozenset(own).union(*(consent.serving for consent in others.values()))
