"""Give every unit of this machine a loopback address of its own.

Linux answers on all of 127.0.0.0/8, so each unit has the product's standard ports. A cluster gets a
/24 from a digest of its uuid; a unit keeps its address for life.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

MOST_UNITS = 254


def plan_addresses(uuid: str, units: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """Plan the addresses of `units`: those in `known` stay, new ones get the lowest free.

    Args:
        uuid: The cluster's, which chooses its network.
        units: The units that need an address; the order of the new ones decides who gets which.
        known: Addresses that are taken, by unit; of units that aren't among `units`, too.

    Raises:
        ValueError: There are more units than addresses.
    """
    network = network_of(uuid)
    taken = set(known.values())
    free = (address for z in range(1, MOST_UNITS + 1) if (address := f"{network}.{z}") not in taken)
    planned: dict[str, str] = {}
    for unit in dict.fromkeys(units):
        address = known.get(unit) or next(free, "")
        if not address:
            raise ValueError(f"cannot address {unit}: {network}.0/24 is full; remove units")
        planned[unit] = address
    return planned


def network_of(uuid: str) -> str:
    """Return the first three numbers of a cluster's addresses, from 127.16 to 127.250.

    Lower ones are left to what else a machine has there, such as 127.0.0.53 and 127.0.1.1.
    """
    digest = hashlib.sha256(uuid.encode()).digest()
    return f"127.{16 + digest[0] % 235}.{digest[1]}"


def agents_address(uuid: str) -> str:
    """Return where what watches a cluster listens: the one address of its network that no unit can get."""
    return f"{network_of(uuid)}.255"
