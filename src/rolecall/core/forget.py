"""Have the rings forget the members whose units are gone (G7).

A unit that leaves takes itself out of its rings. One that was lost stays in them as unhealthy, and a ring
with too many of those refuses reads and writes. Nobody but the coordinator can tell a unit that is gone
from one that is away for a while: only the first is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from msgspec import Struct

from rolecall.core.model import Problem, Severity
from rolecall.core.routes import Ring

_ACTIVE = "ACTIVE"
_UNHEALTHY = "UNHEALTHY"
"""What a page calls a member whose last heartbeat is too old (dskit ring/ring_http.go)."""


LINGERS = "ring-member-gone"
"""Code of the problem that a member whose unit is gone can't be told from one that is well yet."""


class Page(Struct, frozen=True, kw_only=True):
    """What one unit's page says of a ring."""

    ring: Ring
    address: str
    """Of the unit whose page it is."""
    members: Mapping[str, str]
    """Member to its state."""


FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
"""The headers of a call that forgets."""


class Forget(Struct, frozen=True, kw_only=True):
    """Take a member out of a ring."""

    address: str
    path: str
    member: str

    @property
    def body(self) -> str:
        """The form that a ring's page takes (dskit ring/ring_http.go, handle)."""
        return f"forget={quote(self.member, safe='')}"


class Copies(Struct, frozen=True, kw_only=True):
    """Who holds the copies of what was written, and how many there are of each."""

    role: str
    number: int


class Judgement(Struct, frozen=True, kw_only=True):
    """Whom to forget now, and what there is to say of those that can't be forgotten yet."""

    forgets: tuple[Forget, ...] = ()
    problems: tuple[Problem, ...] = ()


def strangers(pages: Iterable[Page], units: Iterable[str]) -> frozenset[str]:
    """Return the members of any ring that are none of these units."""
    return frozenset(member for page in pages for member in page.members).difference(units)


def judge(pages: Iterable[Page], units: Mapping[str, tuple[str, ...]], copies: Copies) -> Judgement:
    """Judge the members of rings whose units are gone from the model.

    `units` maps all units of the cluster, also those that are leaving or not ready, to their roles. As long
    as fewer than a majority of the copies answer, nobody is forgotten: one of the lost may still bring back
    what only it has.
    """
    forgets: list[Forget] = []
    problems: list[Problem] = []
    for page in pages:
        healthy = [member for member, state in page.members.items() if state == _ACTIVE and member in units]
        holds = any(copies.role in units[member] for member in healthy)
        enough = len(healthy) >= (copies.number // 2 + 1 if holds else 1)
        for member, state in sorted(page.members.items()):
            if member in units:
                continue
            if state != _UNHEALTHY:
                problems.append(_fresh(page, member))
            elif enough:
                forgets.append(Forget(address=page.address, path=page.ring.path, member=member))
            else:
                problems.append(_needed(page, member, len(healthy), copies))
    return Judgement(forgets=tuple(forgets), problems=tuple(problems))


def _fresh(page: Page, member: str) -> Problem:
    return Problem(
        code=LINGERS,
        text=f"cannot have the ring {page.ring.path} forget {member} yet: its last heartbeat is too new",
        remedy="wait",
        severity=Severity.WAITING,
        facts=(("unit", member), ("ring", page.ring.path)),
    )


def _needed(page: Page, member: str, healthy: int, copies: Copies) -> Problem:
    return Problem(
        code="ring-member-needed",
        text=f"cannot have the ring {page.ring.path} forget {member}: its unit is gone, "
        f"and of {copies.number} copies only {healthy} are healthy",
        remedy=f"bring it back, or add units with the role {copies.role}",
        severity=Severity.WARNING,
        facts=(("unit", member), ("ring", page.ring.path)),
    )
