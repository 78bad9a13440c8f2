"""A worker unit that is to go: it serves until no gateway sends to it, and its turn has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rolecall.core.product import Product
from rolecall.juju import told
from rolecall.juju.net import Net
from rolecall.juju.roster import Roster
from rolecall.juju.told import Told

_PAUSE_S = 0.3
_TURN_PAUSE_S = 2.0
TURN_S = 900.0
"""How long a unit waits for those that go before it: as long as one of them may take to hand over."""
FORGET_S = 180.0
"""How long a unit that is to go waits for the gateways to leave it out: one whose place a coordinator's own
worker takes waits until that has started."""


def await_forgotten(product: Product, net: Net, unit: str, gateways: Iterable[str], limit_s: float) -> bool:
    """Wait until none of the gateways at these addresses sends to `unit`; return whether it came about.

    This is part of a drain, the one thing that a hook may take time for. A gateway that doesn't answer
    sends to nobody.
    """
    return _await(product, net, gateways, limit_s, lambda said: unit not in said.units)


def await_rolled(product: Product, net: Net, gateways: Iterable[str], limit_s: float) -> bool:
    """Wait until no unit that stays has yet to restart; return whether it came about.

    A unit that leaves may change what the others are to run, such as the replication factor. Were one of
    them away for that while this one ends, what only these two hold could not be read.
    """
    return _await(product, net, gateways, limit_s, lambda said: not said.rolling)


def await_turn(roster: Roster, net: Net, unit: str, limit_s: float, say: Callable[[str], None]) -> bool:
    """Wait until no unit of the same application with a higher number is to go; return whether that is so.

    Juju tells all units that it removes together at once, and nobody grants a leave to who has parted. Were
    two of them away at a time, what both have copies of could not be read (G3).

    Args:
        roster: What the model has.
        net: The clock.
        unit: Who waits, as Juju calls it.
        limit_s: How long.
        say: Told whom it waits for.
    """
    end_s = net.now() + limit_s
    while before := sorted((one for one in roster.going() if _number(one) > _number(unit)), key=_number):
        if net.now() >= end_s:
            return False
        say(f"{before[-1]} goes first")
        net.pause(_TURN_PAUSE_S)
    return True


def _number(unit: str) -> int:
    return int(unit.rpartition("/")[2])


def _await(
    product: Product, net: Net, gateways: Iterable[str], limit_s: float, good: Callable[[Told], bool]
) -> bool:
    waiting, end_s = set(gateways), net.now() + limit_s
    while net.now() < end_s:
        waiting = {address for address in waiting if not good(_said(product, net, address))}
        if not waiting:
            return True
        net.pause(_PAUSE_S)
    return False


def _said(product: Product, net: Net, address: str) -> Told:
    port = product.listeners[0].number
    return told.ask(net, "http", address, port) or told.ask(net, "https", address, port) or Told()
