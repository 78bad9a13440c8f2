"""A worker unit that is to go: it goes on serving until no gateway sends to it."""

from __future__ import annotations

from collections.abc import Iterable

from rolecall.core.product import Product
from rolecall.juju import told
from rolecall.juju.net import Net

_PAUSE_S = 0.3


def await_forgotten(product: Product, net: Net, unit: str, gateways: Iterable[str], limit_s: float) -> bool:
    """Wait until none of the gateways at these addresses sends to `unit`; return whether it came about.

    This is part of a drain, the one thing that a hook may take time for. A gateway that doesn't answer
    sends to nobody.
    """
    waiting, end_s = set(gateways), net.now() + limit_s
    while net.now() < end_s:
        waiting = {address for address in waiting if unit in _units(product, net, address)}
        if not waiting:
            return True
        net.pause(_PAUSE_S)
    return False


def _units(product: Product, net: Net, address: str) -> tuple[str, ...]:
    port = product.listeners[0].number
    said = told.ask(net, "http", address, port) or told.ask(net, "https", address, port)
    return said.units if said else ()
