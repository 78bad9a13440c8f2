"""What a coordinator asks of other applications and does with what they say, hook by hook."""

from __future__ import annotations

import json
import re
import stat
import sys

import pytest
from clusters import COORDINATOR, Deployed, deploy
from driver import CharmFailedError, Event, Link, Unit
from neighbours import AUTHORITY, SIGNER, teller

from rolecall.core.charm import Purpose
from rolecall.core.endpoints import endpoint
from rolecall.core.products import PRODUCTS


def settled(product: str, coordinators: int = 1) -> Deployed:
    """Return a cluster of the smallest set, at rest."""
    made = deploy(PRODUCTS[product], PRODUCTS[product].minimal, coordinators=coordinators, checked=True)
    made.settle()
    return made


def join(made: Deployed, purpose: Purpose, **says: str) -> Link:
    """Deploy an application that says this at an endpoint of the coordinator; return the relation."""
    used = endpoint(made.product, purpose)
    app = f"for-{purpose.value}"
    if app not in made.juju.model.apps:
        made.juju.deploy(teller(used.interface, _ACROSS[used.side]), app)
    made.juju.config(app, {"says": json.dumps(says)})
    link = made.juju.integrate(f"{COORDINATOR}:{used.name}", f"{app}:it")
    made.settle()
    return link


_ACROSS = {"requires": "provides", "provides": "requires"}


def say(made: Deployed, purpose: Purpose, **says: str) -> None:
    """Let that application say something else."""
    made.juju.config(f"for-{purpose.value}", {"says": json.dumps(says)})
    made.settle()


def leave(made: Deployed, purpose: Purpose) -> None:
    """End that relation."""
    name = endpoint(made.product, purpose).name
    made.juju.remove_relation(f"{COORDINATOR}:{name}", f"for-{purpose.value}:it")
    made.settle()


def statuses(made: Deployed) -> list[str]:
    """Return what the coordinator's units say, beside that these small clusters keep single copies."""
    return [unit.status.partition(": cannot promise")[0] for unit in made.coordinators()]


# Certificates.


def integrate_signer(made: Deployed, *, signs: bool = True) -> Link:
    """Integrate somebody who signs, and settle."""
    made.juju.deploy(SIGNER, "signer", config={"signs": signs})
    link = made.juju.integrate(f"{COORDINATOR}:certificates", "signer:certificates")
    made.settle()
    return link


def served(made: Deployed, unit: Unit) -> str:
    """Return the certificate that a unit's nginx answers with; empty: it speaks plain HTTP."""
    found = re.search(r"ssl_certificate (\S+);", made.world.texts[unit.name])
    return (unit.files("nginx") / found[1].lstrip("/")).read_text() if found else ""


def keys(unit: Unit) -> list[str]:
    """Return the private keys in a unit's container, each of which only its owner may read."""
    found = sorted(unit.files("nginx").rglob("*.key"))
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in found)
    return [path.read_text() for path in found]


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_gateway_speaks_tls_from_the_signature_to_the_end_of_the_integration(product: str):
    """And no process of the cluster is restarted for it."""
    made = settled(product)
    (unit,) = made.coordinators()
    births, plain = dict(made.world.births), made.world.texts[unit.name]

    link = integrate_signer(made, signs=False)
    assert "certificate_signing_requests" in link.unit_bags[unit.name]
    assert statuses(made) == ["waiting: cannot serve TLS yet: the certificate is not signed"]
    assert made.world.texts[unit.name] == plain

    made.juju.config("signer", {"signs": True})
    made.settle()
    assert served(made, unit).endswith(f"{str(AUTHORITY).strip()}\n")
    assert statuses(made) == ["active"]
    assert len(keys(unit)) == 1
    assert not [bag for bag in link.unit_bags.values() if keys(unit)[0].strip() in str(bag)]
    assert made.act(unit.name, "check")["marker"], "the gateway can be used by TLS"

    made.juju.remove_relation(f"{COORDINATOR}:certificates", "signer:certificates")
    made.settle()
    assert made.world.texts[unit.name] == plain
    assert (statuses(made), made.world.births, made.world.violations) == (["active"], births, [])


def test_a_renewed_certificate_is_served_with_the_same_key():
    made = settled("loki")
    (unit,) = made.coordinators()
    integrate_signer(made)
    first, births = served(made, unit), dict(made.world.births)

    made.juju.config("signer", {"issue": 2})
    made.settle()

    assert served(made, unit) not in ("", first)
    assert len(set(keys(unit))) == 1
    assert made.world.births == births


def test_the_last_certificate_is_served_while_a_new_name_is_not_signed_for():
    """A pending renewal never drops TLS."""
    made = settled("loki")
    (unit,) = made.coordinators()
    link = integrate_signer(made)
    first, asked = served(made, unit), dict(link.unit_bags[unit.name])
    made.juju.config("signer", {"signs": False})

    join(made, Purpose.INGRESS, ingress='{"url": "http://logs.example.com/loki"}')
    assert link.unit_bags[unit.name]["certificate_signing_requests"] != asked["certificate_signing_requests"]
    assert served(made, unit) == first

    made.juju.config("signer", {"signs": True})
    made.settle()
    assert served(made, unit) not in ("", first)


def test_the_library_of_certificates_is_loaded_for_the_events_that_need_it_only(
    monkeypatch: pytest.MonkeyPatch,
):
    """It costs a hook 130 ms: at rest none loads it, and to renew a certificate one can't do without."""
    made = settled("loki")
    (unit,) = made.coordinators()
    link = integrate_signer(made)
    asked = dict(link.unit_bags[unit.name])
    certificate = next(one for one in made.juju.model.vault.owned_by(unit.name) if "csr" in one.revisions[1])
    expired = Event(kind="secret-expired", secret=certificate.id, revision=1)

    with monkeypatch.context() as without:
        without.setitem(sys.modules, "charmlibs.interfaces.tls_certificates", None)
        made.juju.update_status()
        made.settle()
        assert link.unit_bags[unit.name] == asked
        made.juju.emit(unit, expired)
        with pytest.raises(CharmFailedError) as failed:
            made.settle()
        assert isinstance(failed.value.__cause__, ImportError)

    made.settle()
    assert link.unit_bags[unit.name] != asked


def test_each_unit_has_a_key_of_its_own():
    made = settled("loki", coordinators=2)
    integrate_signer(made)

    one, other = made.coordinators()

    assert served(made, one) != served(made, other)
    assert set(keys(one)).isdisjoint(keys(other))


# An address outside.


@pytest.mark.parametrize("product", ["loki", "mimir"])
def test_an_ingress_is_asked_for_the_main_listener_and_its_url_is_told_to_others(product: str):
    made = settled(product)
    main = made.product.listeners[0]
    told = join(made, Purpose.DATASOURCE)
    before = dict(told.app_bags[COORDINATOR])

    link = join(made, Purpose.INGRESS)
    asked = {key: json.loads(text) for key, text in link.app_bags[COORDINATOR].items()}
    assert asked == {
        "model": "model",
        "name": COORDINATOR,
        "port": main.number,
        "scheme": "http",
        "strip-prefix": True,
    }
    assert json.loads(link.unit_bags[f"{COORDINATOR}/0"]["ip"]) == str(made.coordinators()[0].address)

    say(made, Purpose.INGRESS, ingress='{"url": "https://example.com/prefix/"}')
    assert "https://example.com/prefix" in told.app_bags[COORDINATOR]["grafana_source_app_host"]

    leave(made, Purpose.INGRESS)
    assert told.app_bags[COORDINATOR] == before


@pytest.mark.parametrize("product", ["tempo", "pyroscope"])
def test_traefik_is_asked_for_a_way_to_every_open_listener(product: str):
    made = settled(product)
    told = join(made, Purpose.DATASOURCE)
    before = dict(told.app_bags[COORDINATOR])

    link = join(made, Purpose.INGRESS, external_host="traces.example.com", scheme="https")
    static = link.app_bags[COORDINATOR]["static"]
    opened = {port.port for port in made.coordinators()[0].last.opened_ports}
    asked = {int(port) for port in re.findall(r"address: ['\"]?:(\d+)", static)}
    assert made.product.listeners[0].number in asked
    assert asked <= opened
    assert "traces.example.com" in told.app_bags[COORDINATOR]["grafana_source_app_host"]

    leave(made, Purpose.INGRESS)
    assert told.app_bags[COORDINATOR] == before


# Tempo's receivers.


def test_a_receiver_is_open_while_somebody_asks_for_it():
    """The gateway listens, the processes take in, Juju has the port open, and whoever asked is told where."""
    made = settled("tempo")
    (zipkin,) = [one for one in made.product.listeners if one.protocol == "zipkin"]
    assert f":{zipkin.number}" not in made.world.texts["coordinator/0"]
    assert "zipkin" not in made.act("coordinator/0", "list-receivers")

    link = join(made, Purpose.INTAKE, receivers='["zipkin"]')
    answered = json.loads(link.app_bags[COORDINATOR]["receivers"])
    listed = made.act("coordinator/0", "list-receivers")
    document = made.shared().document
    assert f":{zipkin.number}" in made.world.texts["coordinator/0"]
    assert zipkin.number in {port.port for port in made.coordinators()[0].last.opened_ports}
    assert listed["zipkin"] in [one["url"] for one in answered if one["protocol"]["name"] == "zipkin"]
    assert document is not None and "zipkin" in document.config

    leave(made, Purpose.INTAKE)
    assert f":{zipkin.number}" not in made.world.texts["coordinator/0"]
    assert zipkin.number not in {port.port for port in made.coordinators()[0].last.opened_ports}
    assert (statuses(made), made.world.violations) == (["active"], [])


# What others say wrongly.


@pytest.mark.parametrize("product", ["loki", "tempo"])
def test_what_cannot_be_read_is_left_out_and_named(product: str):
    """G9: what runs goes on; the whole text of the status is a case of `cases/refused.case`."""
    made = settled(product)
    births, texts = dict(made.world.births), dict(made.world.texts)

    for purpose, says, named in _WRONG_WORDS[product]:
        join(made, purpose, **says)
        (status,) = statuses(made)
        name = endpoint(made.product, purpose).name
        assert status.startswith(f'active: cannot read what the integration "{name}" says: {named} is not')
        assert (made.world.births, made.world.texts) == (births, texts), says
        say(made, purpose)
        assert statuses(made) == ["active"]
        leave(made, purpose)


_WRONG_WORDS = {
    "loki": (
        (Purpose.INGRESS, {"ingress": "{"}, "ingress"),
        (Purpose.INGRESS, {"ingress": '{"url": "javascript:1"}'}, "ingress"),
    ),
    "tempo": (
        (Purpose.INGRESS, {"external_host": "a b"}, "external_host"),
        (Purpose.INGRESS, {"external_host": "a", "scheme": "gopher"}, "scheme"),
        (Purpose.INTAKE, {"receivers": "zipkin"}, "for-intake receivers"),
        (Purpose.INTAKE, {"receivers": '[{"a": 1}]'}, "for-intake receivers"),
    ),
}


def test_certificates_that_are_none_change_nothing():
    """G9: TLS stays as it is, and nobody's hook fails."""
    made = settled("loki")
    (unit,) = made.coordinators()
    link = integrate_signer(made)
    births, texts = dict(made.world.births), dict(made.world.texts)

    for text in ("", "{", "[]", "[1]", '[{"certificate": "x"}]', "null", "\x07"):
        link.app_bags["signer"]["certificates"] = text
        made.juju.emit(unit, link.event(unit, "changed"))
        made.settle()
        assert (made.world.births, made.world.texts) == (births, texts), text
        assert statuses(made) == ["active"], text


def test_a_store_that_says_what_nobody_understands_stops_nothing():
    """G9: all units go on with the bucket that they have, and the status names what is wrong."""
    made = settled("loki")
    births, texts = dict(made.world.births), dict(made.world.texts)

    for wrong, named in _WRONG_STORES:
        made.juju.config("store", {"says-otherwise": json.dumps(wrong)})
        made.settle()
        assert named in statuses(made)[0], wrong
        assert (made.world.births, made.world.texts) == (births, texts), wrong

    made.juju.config("store", {"says-otherwise": None})
    made.settle()
    assert (statuses(made), made.world.births) == (["active"], births)


_WRONG_STORES = (
    ({"endpoint": "{{}}"}, "its endpoint '{{}}' is not an address"),
    ({"endpoint": "http://10.255.0.1:7070\nx"}, "is not an address"),
    ({"tls-ca-chain": "["}, "there is no certificate in its tls-ca-chain"),
    # The library goes by the label that it gave the secret when it first read it.
    ({"secret-extra": "secret:nobody"}, "active"),
    ({"secret-extra": "\x07"}, "active"),
    ({"bucket": ""}, "says no bucket"),
    ({"bucket": "no bucket/"}, "its bucket 'no bucket/' is not a name"),
    ({"region": "{"}, "its region '{' is not a name"),
    ({"version": "x", "lib-version": "x"}, "active"),
)


def test_garbage_among_the_peers_stops_nothing():
    """G9: what can't be read is as if it had not been said, and is said anew."""
    made = settled("loki", coordinators=2)
    births = dict(made.world.births)
    link = made.peer_link()
    good = said(link)

    keys = sorted(link.app_bags[COORDINATOR])
    for wrong in (*(dict.fromkeys(keys, text) for text in _GARBAGE), *({key: '"x"'} for key in keys)):
        link.app_bags[COORDINATOR].update(wrong)
        for unit in made.coordinators():
            link.unit_bags[unit.name]["consent"] = next(iter(wrong.values()))
            made.juju.emit(unit, link.event(unit, "changed"))
        made.settle()
        assert made.world.births == births, wrong
        assert statuses(made) == ["active", "active"], wrong
        assert said(link) == good, wrong
    assert set(made.world.told("coordinator/1")["units"]) == {"write-0", "read-0", "backend-0"}
    assert made.world.violations == []


_GARBAGE = ("{", "null", "[]", "\x07", '{"version": 9}', "$(reboot)")


def said(link: Link) -> dict[str, str]:
    """Return what the leader tells its peers, less what only counts."""
    return {key: text for key, text in link.app_bags[COORDINATOR].items() if key not in ("hold", "revision")}
