"""Ask the units of a cluster on this machine who the members of their rings are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rolecall.core import forget, rings
from rolecall.core.model import Report
from rolecall.core.product import Product
from rolecall.core.roles import Line
from rolecall.core.routes import Ring
from rolecall.local.readiness import Asker
from rolecall.local.worker import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRings:
    """The rings of one cluster."""

    product: Product
    line: Line
    asker: Asker

    def pages(self, ready: Iterable[tuple[tuple[str, ...], str]]) -> tuple[forget.Page, ...]:
        """Ask the first of some ready units, by roles and address, that has a ring's page for that page."""
        return tuple(
            forget.Page(ring=ring, address=address, members=self.members(ring, address))
            for ring, address in rings.doors(self.product, self.line.name, ready)
        )

    def settled(self, places: Sequence[Place], reports: Mapping[str, Report]) -> tuple[forget.Page, ...]:
        """Look at the rings once every unit is ready: before that, a member may just be on its way."""
        staying = [place for place in places if not place.leaving]
        if not all(place.unit in reports and reports[place.unit].ready for place in staying):
            return ()
        return self.pages([(self.line.expand(place.roles), place.address) for place in staying])

    def members(self, ring: Ring, address: str) -> dict[str, str]:
        """Ask the unit at `address` who the members of a ring are: member to state."""
        answer = self.asker.ask(f"http://{address}:{self.product.port('http')}{ring.path}")
        return rings.members_of(answer.text) if answer.status == 200 else {}
