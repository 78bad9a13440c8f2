"""G10: planted secrets are looked for everywhere that somebody without the right to them can look."""

from __future__ import annotations

import stat
from collections.abc import Iterator

import pytest
from clusters import COORDINATOR, Deployed, deploy
from planted import Place, files, leaks

from rolecall.core.products import PRODUCTS

_PLANTED = {"AKIAPLANTED", "planted-secret-key", "planted-rotated-key"}


def places(made: Deployed) -> Iterator[Place]:
    """List every place with its text: bags, plans, commands, statuses, logs, stored state, files."""
    for link in made.juju.model.links.values():
        for owner, bag in (*link.app_bags.items(), *link.unit_bags.items()):
            yield f"bag of {owner} on relation {link.id}", str(bag)
    for dispatch in made.juju.trace:
        yield f"log of {dispatch}", "\n".join((*dispatch.log, dispatch.status, dispatch.error))
    for unit, command in made.world.executed:
        yield f"command of {unit}", " ".join(command)
    for unit in made.juju.model.units:
        yield f"state of {unit.name}", f"{unit.last.stored_states} {unit.last.deferred} {unit.status}"
        for name, container in unit.containers.items():
            yield f"plan of {unit.name} {name}", str(container.plan.to_dict())
            yield from files(unit.files(name))


def lived(product: str) -> Deployed:
    """Return a cluster after what moves its secrets: rotation, another leader, lost pods."""
    made = deploy(PRODUCTS[product], PRODUCTS[product].minimal, coordinators=2)
    made.world.planted |= _PLANTED
    made.juju.config(COORDINATOR, {"admin": True, "solo": True})
    made.settle()
    made.juju.config("store", {"secret-key": "planted-rotated-key"})
    made.settle()
    made.juju.change_leader(COORDINATOR, f"{COORDINATOR}/1")
    made.juju.lose_unit(made.units()[0])
    made.juju.lose_unit(f"{COORDINATOR}/0")
    made.settle()
    return made


def admin_password(made: Deployed) -> dict[str, str]:
    """Return the administrator's secret, as its owner sees it."""
    found = [
        held
        for held in made.juju.model.vault.owned_by(COORDINATOR)
        if "htpasswd" in held.revisions[held.latest]
    ]
    (held,) = found
    return dict(held.revisions[held.latest])


@pytest.mark.parametrize("product", PRODUCTS)
def test_no_secret_is_anywhere_it_may_not_be(product: str):
    made = lived(product)
    leader = made.juju.app(COORDINATOR).leader
    assert leader is not None
    secret = admin_password(made)
    planted = {*_PLANTED, secret["password"], secret["htpasswd"].strip()}
    results = [str(made.act(leader.name, name, {})) for name in ("diagnose", "rollout")]

    assert made.world.violations == []
    assert leaks(places(made), planted) == []
    assert not [text for text in results if any(one in text for one in planted)]


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_hunt_would_find_them(product: str):
    """Each worker has the keys in a file of its own, and a file that others can read is found."""
    made = lived(product)
    for unit in made.units():
        (path,) = unit.files(next(iter(unit.containers))).glob("etc/rolecall/credentials")
        assert "planted-rotated-key" in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)

    assert len(leaks(places(made), {"planted-rotated-key"})) == len(made.units())
