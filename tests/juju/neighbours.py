"""Small charms that a coordinator is integrated with: what they say is an option of theirs."""

from __future__ import annotations

import datetime
import json

import ops
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    CertificateRequestAttributes,
    PrivateKey,
    ProviderCertificate,
    RequirerCertificateRequest,
    TLSCertificatesProvidesV4,
)
from driver import CharmData

_DAYS = datetime.timedelta(days=30)
AUTHORITY_KEY = PrivateKey.generate(key_size=2048)
AUTHORITY = Certificate.generate_self_signed_ca(
    attributes=CertificateRequestAttributes(common_name="Tests", is_ca=True),
    private_key=AUTHORITY_KEY,
    validity=_DAYS,
)


class Teller(ops.CharmBase):
    """Its application says on its relation what the option `says` holds: a JSON object of texts."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        for event in (self.on.config_changed, self.on["it"].relation_created):
            framework.observe(event, self._tell)

    def _tell(self, _: ops.EventBase) -> None:
        said: dict[str, str] = json.loads(str(self.config["says"]))
        for relation in self.model.relations["it"]:
            bag = relation.data[self.app]
            for key in bag.keys() - said.keys():
                del bag[key]
            bag.update(said)


def teller(interface: str, side: str) -> CharmData:
    """Return a charm that speaks an interface, as its `provides` or its `requires` side."""
    return CharmData(
        charm=Teller,
        meta={"name": "teller", side: {"it": {"interface": interface}}},
        config={"options": {"says": {"type": "string", "default": "{}"}}},
    )


class Signer(ops.CharmBase):
    """Signs whatever it is asked to while it may; a new `issue` has everything signed once more."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._provider = TLSCertificatesProvidesV4(self, "certificates")
        for event in (self.on.config_changed, self.on["certificates"].relation_changed):
            framework.observe(event, self._sign)

    def _sign(self, event: ops.EventBase) -> None:
        asked = (
            self._provider.get_certificate_requests()
            if isinstance(event, ops.ConfigChangedEvent)
            else self._provider.get_outstanding_certificate_requests()
        )
        for request in asked if self.config["signs"] else ():
            sign(self._provider, request)


def sign(provider: TLSCertificatesProvidesV4, request: RequirerCertificateRequest) -> None:
    """Sign a request and hand the certificate over."""
    csr = request.certificate_signing_request
    certificate = Certificate.generate(csr=csr, ca=AUTHORITY, ca_private_key=AUTHORITY_KEY, validity=_DAYS)
    signed = ProviderCertificate(
        relation_id=request.relation_id,
        certificate=certificate,
        certificate_signing_request=csr,
        ca=AUTHORITY,
        chain=[certificate, AUTHORITY],
    )
    provider.set_relation_certificate(signed)


SIGNER = CharmData(
    charm=Signer,
    meta={"name": "signer", "provides": {"certificates": {"interface": "tls-certificates"}}},
    config={
        "options": {
            "signs": {"type": "boolean", "default": True},
            "issue": {"type": "int", "default": 1},
        }
    },
)
