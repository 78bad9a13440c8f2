"""What the units of a coordinator tell each other, in the bags of their peer relation.

The leader's half is the application's bag: the document as it was last published, which units are held
back, what the binary said of configs, whether the rollout is paused and what an undo goes back to, by what
the object store's keys were found, and with which units the rings were in order. So a new leader goes on
where the last one was. Each unit's half is what its gateway does, and the report of its own worker if it has
one: that worker follows the document here as others follow theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
import ops
from msgspec import Struct, field

from rolecall.core import wire
from rolecall.core.bags import Bags
from rolecall.core.consent import Consent, Hold
from rolecall.core.coordinator import Member
from rolecall.core.model import Document, Report
from rolecall.core.undo import Memory

T = TypeVar("T")

CONSENT, GOES, PARTING = "consent", "goes", "parting"
"""Keys of a unit's bag: what its gateway does, whether it knows that it is to go, and the workers that have
parted from it and that its gateway sends to until its own takes their place."""
REPORT = frozenset({"version", *Report.__struct_fields__})
"""Keys of a unit's bag in which its own worker reports, as other workers do in theirs."""


class Keys(Struct, frozen=True, kw_only=True):
    """Where the leader has put the object store's keys."""

    basis: str = ""
    """What they were found by; empty: nobody knows, so they have to be looked for."""
    reference: str = ""
    """The secret that has them now."""


class Shared(Struct, frozen=True, kw_only=True):
    """What the leader tells the others, and its successor."""

    document: Document | None = None
    hold: Hold = field(default_factory=Hold)
    verified: Mapping[str, str] = field(default_factory=dict[str, str])
    """Digest of a config to what the binary said of it; empty text: it is good."""
    paused: bool = False
    keys: Keys = field(default_factory=Keys)
    outgoing: tuple[str, ...] = ()
    """Units that are to hand over ahead of their removal."""
    tidy: str = ""
    """Digest of the units with which no ring was last seen to have a member too many."""
    memory: Memory = field(default_factory=Memory)


def read_shared(relation: ops.Relation | None, app: ops.Application) -> Shared:
    """Read what the leader has written; what can't be read is as if it weren't there."""
    bag: Mapping[str, str] = relation.data[app] if relation else {}
    return Shared(
        document=wire.document_in(bag),
        hold=_decoded(bag, "hold", Hold, Hold()),
        verified=_decoded(bag, "verified", dict[str, str], {}),
        paused=_decoded(bag, "paused", bool, False),
        keys=_decoded(bag, "keys", Keys, Keys()),
        outgoing=_decoded(bag, "outgoing", tuple[str, ...], ()),
        tidy=_decoded(bag, "tidy", str, ""),
        memory=_decoded(bag, "memory", Memory, Memory()),
    )


def shared_bags(shared: Shared, consent: Consent, parting: Mapping[str, Member]) -> Bags:
    """Build both halves of a unit's side; the leader's is written by a leader only."""
    document = wire.encode(shared.document) if shared.document else {}
    app = {
        **document,
        "hold": _json(shared.hold),
        "verified": _json(shared.verified),
        "paused": _json(shared.paused),
        "keys": _json(shared.keys),
        "outgoing": _json(shared.outgoing),
        "tidy": _json(shared.tidy),
        "memory": _json(shared.memory),
    }
    unit = {CONSENT: _json(consent), PARTING: _json(parting) if parting else ""}
    return Bags(app=app, unit=unit)


def read_consents(relation: ops.Relation | None) -> Mapping[str, Consent]:
    """Read what every other coordinator's gateway does; one that said nothing yet has agreed to nothing."""
    if relation is None:
        return {}
    return {unit.name: _decoded(relation.data[unit], CONSENT, Consent, Consent()) for unit in relation.units}


def read_reports(relation: ops.Relation | None, unit: ops.Unit) -> Mapping[str, Report]:
    """Read what the own workers of all coordinators say, by the coordinator's name; `unit` is this one."""
    if relation is None:
        return {}
    found = {one.name: wire.report_in(relation.data[one]) for one in (unit, *relation.units)}
    return {name: report for name, report in found.items() if report is not None}


def read_parting(relation: ops.Relation | None, unit: ops.Unit) -> dict[str, Member]:
    """Read which workers have parted from this unit, and are still sent to."""
    return _decoded(relation.data[unit], PARTING, dict[str, Member], {}) if relation else {}


def reports(relation: ops.Relation | None, unit: ops.Unit) -> bool:
    """Say whether a unit's own worker has reported, and has not ended for good since."""
    return relation is not None and "version" in relation.data[unit]


def _decoded(bag: Mapping[str, str], key: str, kind: type[T], otherwise: T) -> T:
    try:
        return msgspec.json.decode(bag.get(key, ""), type=kind)
    except msgspec.DecodeError:
        return otherwise


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
