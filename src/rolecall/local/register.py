"""What a cluster keeps of itself on this machine: who it is, where its units are, which keys it uses."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import msgspec

from rolecall.core.model import Credentials, Group, Secret
from rolecall.local import farewell
from rolecall.local import home as disk
from rolecall.local.addresses import plan_addresses
from rolecall.local.home import Home
from rolecall.local.worker import Place, decoded_report


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells a cluster from every other, and where its units are."""

    uuid: str
    addresses: dict[str, str]


def identity_of(home: Home) -> Identity:
    """Return who a cluster is; the first time, make that up and keep it."""
    stored = disk.read_map(home.identity)
    try:
        return msgspec.convert(stored, Identity)
    except msgspec.ValidationError:
        fresh = Identity(uuid=uuid.uuid4().hex[:12], addresses={})
    remember(home, fresh)
    return fresh


def remember(home: Home, identity: Identity) -> None:
    """Keep who a cluster is."""
    disk.write_json(home.identity, {"uuid": identity.uuid, "addresses": identity.addresses})


def places(home: Home, groups: tuple[Group, ...]) -> tuple[Place, ...]:
    """List every unit: those that are wanted, and those that are to leave."""
    identity = identity_of(home)
    wanted = {f"{group.name}-{number}": group for group in groups for number in range(group.units)}
    gone = [unit for unit in home.known_units() if unit not in wanted]
    addresses = plan_addresses(identity.uuid, sorted([*wanted, *gone]), identity.addresses)
    if addresses != identity.addresses:
        remember(home, Identity(uuid=identity.uuid, addresses=addresses))
    staying = [
        Place(unit=unit, group=group.name, roles=group.roles, address=addresses[unit])
        for unit, group in wanted.items()
    ]
    leaving = [_leaver(home, unit, addresses[unit]) for unit in gone]
    return tuple(sorted([*staying, *leaving], key=lambda place: place.unit))


def _leaver(home: Home, unit: str, address: str) -> Place:
    report = decoded_report(home, unit)
    return Place(
        unit=unit,
        group=unit.rpartition("-")[0],
        roles=report.roles if report else (),
        address=address,
        leaving=True,
    )


def release(home: Home, unit: str) -> None:
    """Forget a unit that has gone; its folder stays, in case it comes back."""
    identity = identity_of(home)
    identity.addresses.pop(unit, None)
    remember(home, identity)
    farewell.forget(home, unit)
    home.report(unit).unlink(missing_ok=True)


def secret_of(home: Home, given: Credentials | None, *, external: bool) -> str:
    """Return a reference to the credentials that changes when they do, and tells nothing of them."""
    path = home.secrets / "object-store.json"
    stored = disk.read_map(path)
    version = stored.get("version")
    number = version if isinstance(version, int) else 0
    if given is None:
        return f"object-store/{number}" if number and external else ""
    if number and _credentials(stored) == given:
        return f"object-store/{number}"
    keys = {"access-key": given.access_key.reveal(), "secret-key": given.secret_key.reveal()}
    disk.write_json(path, {**keys, "version": number + 1}, 0o600)
    return f"object-store/{number + 1}"


def _credentials(stored: object) -> Credentials | None:
    match stored:
        case {"access-key": str(access), "secret-key": str(secret)}:
            return Credentials(access_key=Secret(access), secret_key=Secret(secret))
        case _:
            return None
