"""Write a rolecall.yaml with a whole stack: every product, wired, by what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rolecall.core import telemetry
from rolecall.core.product import Product
from rolecall.core.signals import Signal
from rolecall.local.file.topology_text import Preset, workers_of

_GATEWAY = "http://127.0.0.1"


def stack(products: Iterable[Product], preset: Preset) -> str:
    """Return the text of a rolecall.yaml with a cluster of each product, named by what it takes in."""
    chosen = tuple(product for product in products if product.intakes)
    found = telemetry.destinations(
        telemetry.Taker(product=product, urls=_standard_urls(product)) for product in chosen
    )
    titles = ", ".join(product.title for product in chosen)
    return "\n".join(
        (
            f"# {titles}, wired together: what one makes goes to the one that takes it in.",
            "#   rolecall up          brings all of them up, or those that you name",
            "#   rolecall check       writes to each and reads it back",
            "#   rolecall grafana     shows what they hold, if Grafana is on PATH",
            "",
            "# The clusters watch each other: logs, metrics, traces and profiles of every unit.",
            "telemetry: stack",
            "",
            "clusters:",
            *(line for product in chosen for line in _cluster(product, preset, found)),
        )
    )


def _standard_urls(product: Product) -> dict[str, str]:
    return {one.name: f"{_GATEWAY}:{one.number}" for one in product.listeners}


def _cluster(product: Product, preset: Preset, found: Mapping[Signal, str]) -> Iterable[str]:
    wired = {one: found[one.sends] for one in product.settings if one.sends and one.sends in found}
    needed = [one.role for one in (*product.intakes, *wired) if one.role]
    workers = _with_roles(product, workers_of(product, preset), needed)
    width = max(len(name) for name, _, _ in workers) + 1
    yield f"  {product.intakes[0].signal.value}:"
    yield f"    product: {product.name}"
    yield "    workers:"
    for name, roles, units in workers:
        yield f"      {name + ':':<{width}} {{roles: [{', '.join(roles)}], units: {units}}}"
    yield "    settings:"
    yield "      retention: 15d"
    listening = {intake.listener for intake in product.intakes}
    if receivers := [one.receiver for one in product.listeners if one.receiver and one.name in listening]:
        yield f"      receivers: [{', '.join(receivers)}]"
    for setting, url in wired.items():
        yield f"      # {setting.summary}"
        yield f"      {setting.name}: {url}"
    yield ""


_Worker = tuple[str, tuple[str, ...], int]


def _with_roles(product: Product, workers: tuple[_Worker, ...], needed: Iterable[str]) -> tuple[_Worker, ...]:
    """Add a worker for each role that the wiring needs and nobody runs."""
    line = product.lines[0]
    present = {role for _, roles, _ in workers for role in line.expand(roles)}
    missing = [role for role in dict.fromkeys(needed) if role not in present]
    return (*workers, *((role, (role,), 1) for role in missing))
