"""The `tls-certificates` relation: who signs is the library's own provider, so that both sides are real."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import ops
import pytest
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    PrivateKey,
    TLSCertificatesProvidesV4,
)
from msgspec import structs
from neighbours import AUTHORITY, sign
from ops import testing

from rolecall.core.payloads.certificate import Names, names
from rolecall.juju.interfaces.tls import Assigned, Certificates

_META = {"name": "loki", "requires": {"certificates": {"interface": "tls-certificates", "limit": 1}}}
_NAMES = names("loki", "loki-0.loki-endpoints.prod.svc.cluster.local", address="10.1.0.10")


@dataclass
class Seen:
    """What the charm saw in its last run."""

    names: Names = _NAMES
    related: bool = False
    assigned: Assigned | None = None
    basis: str = ""


@pytest.fixture
def seen() -> Iterator[Seen]:
    """Give the charm what it asks for, and the test what it saw."""
    Requirer.seen = Seen()
    yield Requirer.seen


class Requirer(ops.CharmBase):
    """A charm that looks for its certificate at every event."""

    seen = Seen()

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self.certificates = Certificates(self, "certificates", Requirer.seen.names)
        events = self.on["certificates"]
        for event in (self.on.update_status, events.relation_changed, events.relation_broken):
            framework.observe(event, self._on_event)

    def _on_event(self, _: ops.EventBase) -> None:
        Requirer.seen.related = self.certificates.related
        Requirer.seen.assigned = self.certificates.assigned()
        Requirer.seen.basis = self.certificates.basis()


class Signer(ops.CharmBase):
    """A charm that signs whatever it is asked to."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._provider = TLSCertificatesProvidesV4(self, "certificates")
        framework.observe(self.on.update_status, self._on_event)

    def _on_event(self, _: ops.EventBase) -> None:
        for request in self._provider.get_certificate_requests():
            sign(self._provider, request)


def _run(state: testing.State) -> testing.State:
    context = testing.Context(Requirer, meta=_META)
    return context.run(context.on.update_status(), state)


def _related() -> testing.State:
    return testing.State(leader=True, relations={testing.Relation("certificates", remote_app_name="ca")})


def _relation(state: testing.State) -> testing.Relation:
    (relation,) = (one for one in state.relations if isinstance(one, testing.Relation))
    return relation


def _signed(state: testing.State) -> testing.State:
    """Let the other side sign what is asked for."""
    ours = _relation(state)
    meta = {"name": "ca", "provides": {"certificates": {"interface": "tls-certificates"}}}
    context = testing.Context(Signer, meta=meta)
    theirs = testing.Relation(
        "certificates", remote_app_name="loki", remote_units_data={0: dict(ours.local_unit_data)}
    )
    out = context.run(context.on.update_status(), testing.State(leader=True, relations={theirs}))
    said = dict(out.get_relation(theirs.id).local_app_data)
    return replace(state, relations={replace(ours, remote_app_data=said)})


def test_a_certificate_is_asked_for_signed_and_used(seen: Seen) -> None:
    """The chain starts with this unit's certificate; the key is a secret of the unit, in no bag."""
    asked = _run(_related())
    assert (seen.related, seen.assigned) == (True, None)

    _run(_signed(asked))

    assert seen.assigned is not None
    leaf = Certificate.from_string(seen.assigned.chain)
    assert leaf.matches_private_key(PrivateKey.from_string(seen.assigned.key.reveal()))
    assert leaf.sans_dns == set(_NAMES.dns)
    assert leaf.sans_ip == {"10.1.0.10"}
    assert seen.assigned.chain.count("BEGIN CERTIFICATE") == 2
    assert seen.assigned.authority == f"{str(AUTHORITY).strip()}\n"
    assert "PRIVATE KEY" not in str(_relation(asked).local_unit_data)
    assert [secret.owner for secret in asked.secrets] == ["unit"]


def test_nothing_is_asked_again_while_the_names_stay(seen: Seen) -> None:
    """W1, G11: whatever happens to workers, the request is the same text."""
    asked = _run(_related())
    again = _run(asked)
    signed = _run(_signed(again))

    said = [_relation(state).local_unit_data for state in (asked, again, signed)]

    assert said[0] == said[1] == said[2]
    assert "certificate_signing_requests" in said[0]
    assert seen.assigned is not None


def test_a_new_name_is_asked_for_with_the_same_key(seen: Seen) -> None:
    """While that is signed the last one can be kept: nothing is assigned, but somebody who signs is there."""
    signed = _run(_signed(_run(_related())))
    first = seen.assigned
    seen.names = structs.replace(_NAMES, dns=(*_NAMES.dns, "logs.example.com"))

    renewing = _run(signed)
    assert (seen.related, seen.assigned) == (True, None)
    _run(_signed(renewing))

    assert first is not None
    assert seen.assigned is not None
    assert seen.assigned.key == first.key
    assert "logs.example.com" in (Certificate.from_string(seen.assigned.chain).sans_dns or ())


def test_a_certificate_for_another_key_is_not_taken(seen: Seen) -> None:
    """Nginx would refuse to start with the two."""
    signed = _signed(_run(_related()))
    (secret,) = signed.secrets
    other = {"private-key": str(PrivateKey.generate(key_size=2048))}

    _run(replace(signed, secrets={replace(secret, tracked_content=other, latest_content=other)}))

    assert seen.assigned is None


def test_the_key_goes_with_the_integration(seen: Seen) -> None:
    """Who signs next gets a new one."""
    signed = _run(_signed(_run(_related())))
    context = testing.Context(Requirer, meta=_META)

    out = context.run(context.on.relation_broken(_relation(signed)), signed)

    assert (seen.related, seen.assigned) == (False, None)
    assert list(out.secrets) == []


def test_what_decides_the_certificate_is_in_its_basis(seen: Seen) -> None:
    """G9: while nothing of it changes nobody has to look; when any of it does, somebody has to."""
    asked = _run(_related())
    before = seen.basis
    signed = _signed(asked)
    _run(signed)
    after = seen.basis
    _run(signed)
    again = seen.basis
    seen.names = structs.replace(_NAMES, dns=(*_NAMES.dns, "logs.example.com"))
    _run(signed)

    assert after == again
    assert len({"", before, after, seen.basis}) == 4


def test_the_library_costs_nothing_where_it_is_not_needed(seen: Seen) -> None:
    """It would take 130 ms of every hook."""
    _run(testing.State())
    assert (seen.related, seen.assigned) == (False, None)

    program = "import sys, rolecall.juju.interfaces.tls; print([m for m in sys.modules if 'tls_cert' in m])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout == "[]\n"
