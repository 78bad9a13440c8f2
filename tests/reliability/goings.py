"""What is done to a cluster while one of its writers goes, each entry having a single copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from happenings import BACK_S, OUTAGE, SINGLE, Deed, await_reads, calm, have_writers, refused, want_writers
from judging import FAULT
from patience import until
from sites import GONE_S, Site, await_writes, rolecall_up

from rolecall.local import farewell, operations, processes
from rolecall.testing.ledger import Ledger

_BLINK = 100
"""Writes that are acknowledged while the store is away in the middle of a drain: those of five seconds."""


def drain_store_down(site: Site, ledger: Ledger) -> None:
    """Ask for a drain while the object store is down, and take the store away in the middle of one."""
    leaver = site.writers()[-1]
    ledger.phase(FAULT)
    site.store.stop()
    try:
        await_writes(ledger, OUTAGE)
        want_writers(site, 2, SINGLE)
        refused(site, "refused")
    finally:
        site.store.start()
    await_reads(ledger)
    with rolecall_up(site) as up:
        until(lambda: _step(site, leaver) != _BEFORE, BACK_S, f"{leaver} to be asked to hand over")
        site.store.stop()
        try:
            until(lambda: "draining" in _told(site), BACK_S, "the status to say that it drains")
            await_writes(ledger, _BLINK)
        finally:
            site.store.start()
        assert up.wait(GONE_S) == 0
    _gone(site, ledger, leaver)


def up_killed_draining(site: Site, ledger: Ledger) -> None:
    """Kill `up` each time that a drain has come a step further, and call it again."""
    leaver = site.writers()[-1]
    want_writers(site, 2, SINGLE)
    seen = {_BEFORE}
    ledger.phase(FAULT)
    while not _killed_at_the_next(site, leaver, seen):
        pass
    assert len(seen) > 2, seen
    _gone(site, ledger, leaver)


def store_gone_at_the_end(site: Site, leaver: str) -> None:
    """Have a unit go whose process can't upload at its end what it holds; then the store is back."""
    born = site.births()[leaver]
    want_writers(site, 2, SINGLE)
    with rolecall_up(site) as up:
        until(lambda: _step(site, leaver) != _BEFORE, BACK_S, f"{leaver} to be asked to hand over")
        site.store.stop()
        try:
            until(
                lambda: site.births().get(leaver, born) != born,
                GONE_S,
                f"{leaver} to be back with what it has",
                seen=lambda: _step(site, leaver),
            )
        finally:
            site.store.start()
        assert up.wait(GONE_S) == 0
    assert leaver not in site.births()


def _told(site: Site) -> list[str]:
    return [problem.code for problem in operations.status(site.cluster).verdict.problems]


def _killed_at_the_next(site: Site, leaver: str, seen: set[str]) -> bool:
    """Run `up` until a step that wasn't seen, and kill it there; say whether it ended by itself."""
    with rolecall_up(site) as up:
        until(
            lambda: up.poll() is not None or _step(site, leaver) not in seen,
            GONE_S,
            f"{leaver} to get on",
        )
        ended = up.poll()
        up.kill()
    seen.add(_step(site, leaver))
    assert ended in (None, 0), f"up ended with {ended}"
    return ended == 0


def _gone(site: Site, ledger: Ledger, leaver: str) -> None:
    assert leaver not in processes.running(site.cluster.home.root)
    assert leaver not in site.cluster.home.known_units()
    calm(site, ledger)


_BEFORE = "nothing is remembered"


def _step(site: Site, unit: str) -> str:
    """Say how far a unit's drain is, by what is remembered of it."""
    home = site.cluster.home
    kept = farewell.handover_of(home, unit)
    times = {"tried": kept.tried_s, "asked": kept.asked_s, "empty": kept.empty_s, "ended": kept.ended_s}
    return " ".join(name for name, at in times.items() if at) or _BEFORE


def _three_writers(site: Site) -> None:
    have_writers(site, 3, SINGLE)


DEEDS: Mapping[str, Deed] = {deed.__name__: deed for deed in (drain_store_down, up_killed_draining)}
FIRST: Mapping[str, Callable[[Site], None]] = dict.fromkeys(DEEDS, _three_writers)
