"""Read where a cluster's gateway listens: `gateway:` of rolecall.yaml.

Two gateways on one port are refused here, before either is started.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rolecall.core.product import Product, Settings
from rolecall.local.file.section import Section, Sheet, shown

_LOOPBACK, _EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - compared with, not listened on
_HIGHEST = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Where one cluster's gateway listens."""

    place: str
    """The cluster's place in the file."""
    address: str
    ports: Mapping[str, int]
    """Name of an open listener to its port."""


def parse(section: Section, product: Product) -> tuple[str, dict[str, int]]:
    """Return the gateway's address and the port of every listener of the product."""
    ports = {listener.name: listener.number for listener in product.listeners}
    gateway = section.section("gateway", f"gateway: {{port: {product.listeners[0].number}}}")
    if gateway is None:
        return _LOOPBACK, ports
    gateway.only("address", "port", "ports")
    main = product.listeners[0].name
    ports[main] = gateway.number("port", default=ports[main], low=1, high=_HIGHEST)
    others = gateway.section("ports", f"ports: {{{main}: {ports[main]}}}")
    if others is not None:
        others.only(*ports)
        for name, number in list(ports.items()):
            ports[name] = others.number(name, default=number, low=1, high=_HIGHEST)
        if main in others.values and "port" in gateway.values:
            gateway.refuse("port", f"ports.{main} says it, too", "keep one of the two")
    return _address(gateway), ports


def _address(gateway: Section) -> str:
    address = gateway.text("address", default=_LOOPBACK)
    numbers = re.fullmatch(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})", address)
    if numbers and all(int(number) <= 255 for number in numbers.groups()):
        return address
    gateway.refuse(
        "address", f"{shown(address)} is not an IPv4 address", f"write {_LOOPBACK}, or this machine's"
    )
    return _LOOPBACK


def open_ports(product: Product, settings: Settings, ports: Mapping[str, int]) -> dict[str, int]:
    """Return the ports of the listeners that these settings open."""
    return {listener.name: ports[listener.name] for listener in product.opened(settings)}


def refuse_conflicts(sheet: Sheet, fronts: Sequence[Front], *, inner: frozenset[int]) -> None:
    """Refuse ports that two listeners would share; `inner` are those of the units themselves."""
    taken: list[tuple[str, int, str]] = []
    for front in fronts:
        for name, port in front.ports.items():
            place = f"{front.place}.gateway"
            for address, number, other in taken:
                if number == port and (address == front.address or _EVERYWHERE in (address, front.address)):
                    fact = f"port {port} is {other}'s already"
                    sheet.refuse(place, fact, f"write another, {_example(front, name)}", "port-conflict")
            if front.address == _EVERYWHERE and port in inner:
                # Linux refuses a listener on all addresses beside one on a single address.
                fact = f"port {port} on every address is also that of the units"
                remedy = f"write this machine's own address, or another port, {_example(front, name)}"
                sheet.refuse(place, fact, remedy, "port-conflict")
            taken.append((front.address, port, front.place))


def _example(front: Front, name: str) -> str:
    used = set(front.ports.values())
    port = next(port for port in range(front.ports[name] + 1, _HIGHEST + 2) if port not in used)
    key = "port: " if name == next(iter(front.ports)) else f"ports: {{{name}: "
    closing = "}" if key.endswith("port: ") else "}}"
    return f"such as gateway: {{{key}{port}{closing}"
