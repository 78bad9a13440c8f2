"""The `tls-certificates` relation: one key and one certificate for each coordinator unit.

The library makes the key, keeps it as a secret of the unit, and asks for a new certificate in time. What is
asked for depends on the names of this unit alone (`core.payloads.certificate`).

It costs a hook 130 ms, so it is loaded for the events that it observes itself, and else only where a
certificate has to be looked for: what it finds follows from both sides' bags and the names (`basis`),
since the key changes with the relation only.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import msgspec
import ops
from msgspec import Struct

from rolecall.core.model import Secret
from rolecall.core.payloads.certificate import Names
from rolecall.juju.interfaces.bags import read_app

if TYPE_CHECKING:
    from charmlibs.interfaces.tls_certificates import TLSCertificatesRequiresV4


class Assigned(Struct, frozen=True, kw_only=True):
    """What the gateway answers with."""

    chain: str
    """PEM: this unit's certificate first, then those that lead to the authority's."""
    authority: str
    """PEM certificate of the authority."""
    key: Secret
    """PEM."""


class Certificates:
    """The certificate of this unit, where the charm is integrated with somebody who signs."""

    def __init__(self, charm: ops.CharmBase, endpoint: str, names: Names) -> None:
        """Have the library observe what it does; must be done in the charm's constructor."""
        self._charm = charm
        self._endpoint = endpoint
        self._names = names
        self.related = bool(charm.model.relations[endpoint])
        """Whether there is somebody to sign; while there is and nothing is assigned, the last one is kept."""
        hook = os.environ.get("JUJU_HOOK_NAME", "")
        # Of a relation that goes away, which the model no longer lists, the library has to remove the key.
        observed = hook in _OBSERVED or hook.startswith(f"{endpoint}-relation-")
        needed = observed and (self.related or hook.endswith("-broken"))
        self._library = _library(charm, endpoint, names) if needed else None

    def basis(self) -> str:
        """Digest all that decides which certificate is assigned; empty while nobody signs."""
        relation = min(self._charm.model.relations[self._endpoint], key=lambda one: one.id, default=None)
        if relation is None:
            return ""
        own, theirs = dict(relation.data[self._charm.unit]), read_app(relation)
        facts = (relation.id, self._names, own.get(_REQUESTS, ""), theirs)
        return hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()

    def assigned(self) -> Assigned | None:
        """Return what was signed for the names as they are now; where there is nothing yet, ask for it."""
        if not self.related:
            return None
        if self._library is None:
            self._library = _library(self._charm, self._endpoint, self._names)
        found = _assigned(self._library)
        if found is None:
            self._library.sync()
            found = _assigned(self._library)
        return found


_OBSERVED = frozenset({"leader-elected", "secret-expired", "secret-remove"})
"""The hooks that the library has work in, beside those of its relation."""
_REQUESTS = "certificate_signing_requests"
"""Where this unit's side says what is to be signed."""


def _library(charm: ops.CharmBase, endpoint: str, names: Names) -> TLSCertificatesRequiresV4:
    from charmlibs.interfaces.tls_certificates import CertificateRequestAttributes, TLSCertificatesRequiresV4

    request = CertificateRequestAttributes(
        common_name=names.common or None, sans_dns=names.dns, sans_ip=names.ips
    )
    return TLSCertificatesRequiresV4(charm, endpoint, [request])


def _assigned(library: TLSCertificatesRequiresV4) -> Assigned | None:
    certificate, key = library.get_assigned_certificate(library.certificate_requests[0])
    if certificate is None or key is None or not certificate.certificate.matches_private_key(key):
        return None
    leaf, chain = str(certificate.certificate).strip(), [str(one).strip() for one in certificate.chain]
    texts = dict.fromkeys((leaf, *chain))
    return Assigned(
        chain="".join(f"{text}\n" for text in texts),
        authority=f"{str(certificate.ca).strip()}\n",
        key=Secret(str(key)),
    )
