"""The rings of a cluster, as the leading coordinator's hook sees them (G7).

Rules:
- A page is asked for only when the units are others than when the rings were last seen to be in order: a
  hook in which nothing has changed asks for none.
- It is asked for only when every unit is ready. Before that, a member may just be on its way.
- The relations don't tell whether a unit is gone: one that is being removed departs from them before it
  hands over. The model is asked, and only when a ring has a member that no unit accounts for.
- The first page that doesn't answer ends the look, and the first refusal the forgetting, until the next hook.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from rolecall.core import forget, rings
from rolecall.core.coordinator import Member
from rolecall.core.identity import digest_of
from rolecall.core.model import Problem, Report, Severity
from rolecall.core.product import Product
from rolecall.core.roles import Line
from rolecall.juju.net import Net, Request
from rolecall.juju.roster import Roster

_FORGET_S = 10.0
"""A ring tries for nine seconds to change what isn't there any more."""


class Seen(Struct, frozen=True, kw_only=True):
    """What there is to judge of the rings."""

    pages: tuple[forget.Page, ...] = ()
    departing: frozenset[str] = frozenset()
    """Members whose units are being removed, and not gone yet."""


class Rings(Struct, kw_only=True):
    """The rings of one cluster, for one hook."""

    product: Product
    line: Line
    net: Net
    roster: Roster
    tidy: str
    """Digest of the units with which no ring was last seen to have a member too many."""
    beside: frozenset[str] = frozenset()
    """Addresses that units share with a gateway."""
    refused: tuple[Problem, ...] = ()
    """What a ring answered that didn't forget a member."""
    _seen: Seen | None = None
    _tried: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def look(self, members: Mapping[str, Member]) -> Seen:
        """Look at the rings, unless that was done, or can't show anything new."""
        if self._seen is None:
            self._seen = self._look(members)
        return self._seen

    def _look(self, members: Mapping[str, Member]) -> Seen:
        units = digest_of("\n".join(sorted(members)))
        staying = [member.report for member in members.values() if not member.report.leaving]
        if units == self.tidy or not staying or not all(report.ready for report in staying):
            return Seen()
        pages = self.pages(staying)
        strangers = forget.strangers(pages or (), members)
        if pages is None:
            return Seen()
        if not strangers:
            self.tidy = units
            return Seen()
        return Seen(pages=pages, departing=strangers & self.units())

    def units(self) -> frozenset[str]:
        """Return the units that the model has, as their ring members are called."""
        return frozenset(name.replace("/", "-") for name in self.roster.units())

    def answering(self, members: Mapping[str, Member]) -> tuple[Report, ...]:
        """Return what those units said that are ready by what they answer now."""
        return tuple(
            member.report
            for member in members.values()
            if self.net.ask(self._url(member.report.address, self.product.ready)).status == 200
        )

    def pages(self, ready: Iterable[Report]) -> tuple[forget.Page, ...] | None:
        """Ask ready units for the page of each ring; None when one doesn't answer."""
        found: list[forget.Page] = []
        units = ((self.line.expand(report.roles), report.address) for report in ready)
        for ring, address in rings.doors(self.product, self.line.name, units):
            answer = self.net.ask(self._url(address, ring.path))
            if answer.status == 200:
                members = rings.members_of(answer.text)
                found.append(forget.Page(ring=ring, address=address, members=members))
            elif answer.status != 404:
                return None
        return tuple(found)

    def may_forget(self, one: forget.Forget) -> bool:
        """Whether that was not tried in this hook yet, and nothing was refused."""
        return not self.refused and (one.path, one.member) not in self._tried

    def forget(self, one: forget.Forget) -> str:
        """Take a member out of a ring; return how that was refused, or nothing."""
        self._tried.add((one.path, one.member))
        self._seen = None
        request = Request(forget.FORM, one.body.encode())
        url = self._url(one.address, one.path)
        answer = self.net.ask(url, method="POST", timeout_s=_FORGET_S, request=request)
        if answer.status // 100 == 2:
            return ""
        said = " ".join(answer.text.split())[:200]
        refusal = f"it answers {answer.status}: {said or 'nothing'}"
        self.refused = (
            Problem(
                code="ring-member-stays",
                text=f"cannot have the ring {one.path} forget {one.member}: {refusal}",
                remedy="wait; it is asked again",
                severity=Severity.WARNING,
                facts=(("unit", one.member), ("ring", one.path)),
            ),
        )
        return refusal

    def _url(self, address: str, path: str) -> str:
        return f"http://{address}:{self.product.port('http', beside=address in self.beside)}{path}"
