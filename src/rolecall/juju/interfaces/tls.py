"""The `tls-certificates` relation: one key and one certificate for each coordinator unit.

The library is imported only where the endpoint is related, because it costs a hook 80 ms. It makes the key,
keeps it as a secret of the unit, and asks for a new certificate in time. What is asked for depends on the
names of this unit alone (`core.payloads.certificate`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import ops
from msgspec import Struct

from rolecall.core.model import Secret
from rolecall.core.payloads.certificate import Names

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
        """Make the library observe the relation's events; must be done in the charm's constructor."""
        self.related = bool(charm.model.relations[endpoint])
        """Whether there is somebody to sign; while there is and nothing is assigned, the last one is kept."""
        # Of a relation that goes away, which the model no longer lists, the library has to remove the key.
        broken = os.environ.get("JUJU_HOOK_NAME") == f"{endpoint}-relation-broken"
        self._library = _library(charm, endpoint, names) if self.related or broken else None

    def assigned(self) -> Assigned | None:
        """Return what was signed for the names as they are now; where there is nothing yet, ask for it."""
        if self._library is None or not self.related:
            return None
        found = _assigned(self._library)
        if found is None:
            self._library.sync()
            found = _assigned(self._library)
        return found


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
