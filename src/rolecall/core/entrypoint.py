"""What the gateway of a cluster is to do: which units it sends to, as its config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from rolecall.core import choices, coherence, gateway, nginx, rollout
from rolecall.core.model import Choices, Cluster, Unit
from rolecall.core.product import Product
from rolecall.core.roles import Line

if TYPE_CHECKING:
    from rolecall.core.coordinator import Observed


def gateway_of(
    product: Product,
    line: Line,
    cluster: Cluster,
    observed: Observed,
    planned: rollout.Rollout,
    *,
    rolling: bool,
) -> tuple[str, frozenset[str]]:
    """Render the gateway for the units that are ready and not held."""
    made = observed.published.choices if observed.published else Choices()
    wanted = coherence.deployed(line, cluster.groups)
    able = (unit for unit in cluster.units if unit.ready and unit.address and unit.id not in planned.held)
    serving = _lasting(choices.answering(product, tuple(able), made), wanted)
    servers = {
        role.name: tuple(
            gateway.Server(unit=unit.id, address=unit.address, beside=unit.beside)
            for unit in serving
            if role.name in unit.roles
        )
        for role in line.roles
    }
    names = {unit.name: unit.id for unit in cluster.units}
    options = replace(
        observed.front.options,
        peers={role: names[name] for role, name in sorted(made.peers.items()) if name in names},
    )
    value = gateway.build(
        product,
        line,
        servers=servers,
        deployed=wanted,
        options=options,
        rolling=rolling,
    )
    text = nginx.render(value, dialect=observed.front.dialect, paths=observed.front.paths)
    return text, frozenset(unit.id for unit in serving)


def _lasting(units: tuple[Unit, ...], deployed: frozenset[str]) -> tuple[Unit, ...]:
    """Leave out the units that are to go once those that stay do all of their work.

    A distributor that goes after its ingesters would refuse what one that stays takes.
    """
    taken = {role for unit in units if not unit.report.leaving for role in unit.roles}
    return tuple(
        unit for unit in units if not unit.report.leaving or not deployed.intersection(unit.roles) <= taken
    )
