"""Ring pages: who is a member, and who has heard of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from rolecall.core.products import PRODUCTS
from rolecall.core.rings import Member, members_of, rings_of, unheard
from rolecall.core.routes import Answer, Ring

RING = Ring(role="write", path="/ring")
ME = Member(unit="write-0", base="http://me", others=("http://one", "http://two"))


class Pages:
    """Answers with fixed ring pages: address to its members' states; others don't have the page."""

    def __init__(self, pages: Mapping[str, Mapping[str, str] | None]) -> None:
        self._pages = {f"{base}/ring": members for base, members in pages.items()}

    def ask(self, url: str) -> Answer:
        if url not in self._pages:
            return Answer(404, "404 page not found")
        return Answer(200, page(self._pages[url]))


def page(members: Mapping[str, str] | None) -> str:
    shards = [{"id": unit, "state": state} for unit, state in members.items()] if members else None
    return json.dumps({"shards": shards, "now": "2026-01-01T00:00:00Z"})


@pytest.mark.parametrize(
    ("pages", "heard"),
    [
        ({"http://me": {"write-0": "ACTIVE"}}, True),
        ({"http://me": {"write-0": "ACTIVE"}, "http://one": {"write-0": "ACTIVE"}}, True),
        ({"http://me": {"write-0": "ACTIVE"}, "http://one": {"write-0": "LEAVING"}}, False),
        ({"http://me": {"write-0": "ACTIVE"}, "http://one": {"write-1": "ACTIVE"}}, False),
        ({"http://me": {"write-0": "ACTIVE"}, "http://two": None}, False),
        ({"http://me": {"write-1": "ACTIVE"}, "http://one": {}}, True),
        # Who has no page of its own ring is a member nevertheless.
        ({"http://one": {}}, False),
        ({"http://one": {"write-0": "ACTIVE"}, "http://two": {"write-0": "LEFT"}}, False),
        ({"http://one": {"write-0": "ACTIVE"}}, True),
        ({}, True),
    ],
)
def test_a_member_is_heard_of(pages: Mapping[str, Mapping[str, str] | None], heard: bool):
    """Only when each process that has the page sees that the member is active."""
    assert (unheard(ME, (RING,), Pages(pages).ask) == "") is heard


def test_it_is_said_who_has_not_heard():
    """Whoever looks after a rollout that goes no further finds the unit that doesn't hear of the others."""
    pages = {"http://one": {"write-0": "ACTIVE"}, "http://two": {"write-0": "LEFT"}}
    assert unheard(ME, (RING,), Pages(pages).ask) == (
        "it is ready, and the other units are still finding it: two doesn't show it in /ring yet"
    )


@pytest.mark.parametrize(
    ("product", "role", "paths"),
    [
        ("loki", "write", ("/ring", "/pattern/ring")),
        ("mimir", "ingester", ("/ingester/ring",)),
        ("pyroscope", "ingester", ("/ring",)),
        ("pyroscope", "distributor", ("/distributor/ring",)),
        ("tempo", "ingester", ("/ingester/ring",)),
        ("tempo", "metrics-generator", ("/metrics-generator/ring",)),
        ("tempo", "querier", ()),
    ],
)
def test_a_unit_is_a_member_of_the_rings_of_its_roles(product: str, role: str, paths: tuple[str, ...]):
    """Wherever the pages of these are: Tempo's ingesters don't have that of their own ring."""
    line = PRODUCTS[product].lines[0].name
    assert tuple(ring.path for ring in rings_of(PRODUCTS[product], line, [role])) == paths


@pytest.mark.parametrize("text", ["", "<html>", "[]", '{"shards": 3}'])
def test_what_is_no_ring_page_has_no_members(text: str):
    """A page in another form is an empty ring."""
    assert members_of(text) == {}
