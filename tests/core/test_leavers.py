"""What a gateway says to a unit that leaves: whether those that stay have yet to restart for it (G3)."""

from __future__ import annotations

from msgspec.structs import replace

from rolecall.core import coordinator, identity
from rolecall.core.coordinator import Observed
from rolecall.core.model import Document, Report
from rolecall.core.products.loki import LOKI
from rolecall.testing import a_group, observed, the_front

FRONT = the_front()
TELLING = replace(FRONT, options=replace(FRONT.options, tells=True))


def seen(writers: int, published: Document | None = None) -> Observed:
    """Build what a coordinator sees of so many writers, all of which run what was published."""
    groups = (a_group("write", ("write",), writers), a_group("rest", ("read", "backend")))
    made = replace(observed(LOKI, groups, published=published), front=TELLING)
    if published is None:
        return made
    return replace(
        made,
        members={name: replace(one, report=running(one, published)) for name, one in made.members.items()},
    )


def running(one: coordinator.Member, document: Document) -> Report:
    """Return a unit's report once it runs what a document asks for."""
    wanted = identity.identity(LOKI, document, one.report.roles, 0)
    return replace(one.report, running=wanted, revision=document.revision)


def judged(made: Observed) -> Observed:
    """Have the binary call the candidate good."""
    candidate = coordinator.decide(LOKI, made).desired.candidate
    assert candidate
    return replace(made, verified={identity.digest_of(candidate): ""})


def after(made: Observed) -> Document:
    """Return the document that is published then."""
    document = coordinator.decide(LOKI, judged(made)).desired.document
    assert document is not None
    return document


def rolls(made: Observed) -> bool:
    """Read from the gateway's config whether it says that units have yet to restart."""
    text = coordinator.decide(LOKI, made).desired.gateway.replace("\\", "")
    assert text.count('"rolling": ') == 1
    return '"rolling": true' in text


def test_nobody_restarts_for_one_writer_of_three():
    assert not rolls(judged(seen(2, after(seen(3)))))


def test_the_last_writer_restarts_for_another_replication_factor():
    """It is said as soon as the gateway leaves out the unit that goes, before the config is even judged."""
    before = seen(1, after(seen(3)))
    document = after(before)

    assert rolls(before)
    assert rolls(judged(before))
    assert document.choices.replication_factor == 1
    assert not rolls(judged(seen(1, document)))
