"""Choices that must not change without need: seeds, peers, the replication factor.

They are read back from the last published document and kept while they are still valid, so that units
that come and go don't change what every process reads at its start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rolecall.core.model import Choices, Cluster, Document, Unit
from rolecall.core.product import Product, Settings
from rolecall.core.roles import Line

_MOST_SEEDS = 3
_COPIES = 3


def choose(product: Product, cluster: Cluster, settings: Settings, published: Document | None) -> Choices:
    """Keep what was chosen while it is valid, and choose what is missing."""
    old = published.choices if published else None
    staying = [unit for unit in cluster.units if not unit.report.leaving and unit.address and unit.name]
    peers: dict[str, str] = {}
    for role in product.peers:
        able = [unit.name for unit in staying if role in unit.roles]
        before = old.peers.get(role, "") if old else ""
        if able or before:
            peers[role] = before if before in able or not able else able[0]
    return Choices(
        seeds=_seeds(product, cluster, product.line(settings.text("line")), old.seeds if old else ()),
        replication_factor=_factor(product, cluster, settings, old),
        peers=peers,
        dialed=_dialed(product, cluster, old.dialed if old else {}),
    )


def _seeds(product: Product, cluster: Cluster, line: Line, old: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the seeds that are there, and fill up with units that stay, writers first.

    Who is to go stays a seed while its process is there: if all of them are to go, those that come in their
    place would else find only each other, and make rings of their own. One seat is for those that stay.
    """
    units = [
        unit
        for unit in cluster.units
        if unit.address and unit.name and any(line.role(name).gossip for name in unit.roles)
    ]
    staying = [unit for unit in units if not unit.report.leaving]
    going = {unit.name for unit in units if unit.report.leaving and unit.report.running}
    last = [seed for seed in old if seed in going][: _MOST_SEEDS - 1 if staying else _MOST_SEEDS]
    able = {*last, *(unit.name for unit in staying)}
    # Writers are the ones that stay longest, and every ring's members ask the seeds.
    ranked = sorted(staying, key=lambda unit: (product.replicated not in unit.roles, unit.id))
    seeds = dict.fromkeys([*(seed for seed in old if seed in able), *(unit.name for unit in ranked)])
    return tuple(seeds)[:_MOST_SEEDS]


def _dialed(product: Product, cluster: Cluster, old: Mapping[str, str]) -> dict[str, str]:
    """Give each unit that dials one to dial: what it has while that is there, else whom the fewest dial.

    A process learns it at its start, so a unit that runs is never given another one for the sake of
    balance; one that isn't ready is, when somebody is dialed by nobody.
    """
    if product.dials is None:
        return {}
    caller, callee = product.dials
    names = {unit.name for unit in cluster.units if callee in unit.roles}
    able = [unit.name for unit in cluster.running(callee) if unit.name]
    callers = sorted((unit for unit in cluster.units if caller in unit.roles), key=lambda unit: unit.id)
    dialed = {unit.id: unit.name if callee in unit.roles else old.get(unit.id, "") for unit in callers}
    dialed = {unit: name for unit, name in dialed.items() if name in names}
    load = Counter(dialed[unit.id] for unit in cluster.running(caller) if unit.id in dialed)
    for unit in callers:
        if unit.id not in dialed and able:
            dialed[unit.id] = min(able, key=lambda name: (load[name], name))
            load[dialed[unit.id]] += 1
    movable = [
        unit for unit in callers if not unit.ready and not unit.report.leaving and callee not in unit.roles
    ]
    for name in sorted(name for name in able if not load[name]):
        unit = next((one for one in movable if load[dialed[one.id]] > 1), None)
        if unit is not None:
            load[dialed[unit.id]] -= 1
            dialed[unit.id] = name
            load[name] += 1
    return dict(sorted(dialed.items()))


def spare(product: Product, cluster: Cluster, made: Choices) -> tuple[Unit, ...]:
    """List the units that could only keep requests waiting, because no unit that stays dials them."""
    if product.dials is None:
        return ()
    caller, callee = product.dials
    busy = {made.dialed.get(unit.id, "") for unit in cluster.running(caller)}
    return tuple(unit for unit in cluster.running(callee) if unit.name not in busy)


def _factor(product: Product, cluster: Cluster, settings: Settings, old: Choices | None) -> int:
    """Return the replication factor: as asked, or three from three ready writers on, one below two."""
    asked = settings.seconds("replication-factor")
    if asked:
        return asked
    writers = cluster.running(product.replicated)
    if old is not None and not writers:
        return old.replication_factor
    if old is None:
        # Nothing runs yet: those who will start together count, or the first start would be followed by
        # a restart of everything.
        return _COPIES if len(writers) >= _COPIES else 1
    if old.replication_factor < _COPIES:
        return _COPIES if sum(unit.ready for unit in writers) >= _COPIES else old.replication_factor
    return old.replication_factor if len(writers) >= 2 else 1


def answering(product: Product, units: tuple[Unit, ...], made: Choices) -> tuple[Unit, ...]:
    """Leave out the units that none of these dials: their requests would wait, while others could answer.

    When there is no other, a request waits until its unit is dialed again.
    """
    if product.dials is None:
        return units
    caller, callee = product.dials
    dialed = {made.dialed.get(unit.id, "") for unit in units if caller in unit.roles}
    silent = {unit.id for unit in units if callee in unit.roles and unit.name not in dialed}
    if silent == {unit.id for unit in units if callee in unit.roles}:
        return units
    return tuple(unit for unit in units if unit.id not in silent)
