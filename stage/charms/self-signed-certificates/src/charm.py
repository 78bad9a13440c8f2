"""Sign certificate requests with an authority of this charm's own."""

from __future__ import annotations

import re
from datetime import timedelta

import ops
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    CertificateRequestAttributes,
    PrivateKey,
    ProviderCertificate,
    RequirerCertificateRequest,
    TLSCertificatesProvidesV4,
)

ENDPOINT = "certificates"
LABEL = "authority"
CA_VALIDITY = timedelta(days=3650)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class CertificatesCharm(ops.CharmBase):
    """Answers every request that has no certificate yet."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._provider = TLSCertificatesProvidesV4(self, ENDPOINT)
        framework.observe(self.on.leader_elected, self._on_leader_elected)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on[ENDPOINT].relation_changed, self._on_relation_changed)
        framework.observe(self.on.rotate_action, self._on_rotate)
        framework.observe(self.on.get_ca_certificate_action, self._on_get_ca)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _on_leader_elected(self, _: ops.EventBase) -> None:
        if self._authority() is None:
            self._make_authority()

    def _on_config_changed(self, _: ops.EventBase) -> None:
        authority = self._authority()
        if not self.unit.is_leader() or authority is None:
            return
        ca, _key, issued_for = authority
        if ca.common_name != self.config["ca-common-name"]:
            self._make_authority()
        if (ca.common_name, issued_for) != (self.config["ca-common-name"], self._validity_text()):
            self._issue_all()

    def _on_relation_changed(self, _: ops.EventBase) -> None:
        if self.unit.is_leader():
            for request in self._provider.get_outstanding_certificate_requests():
                self._issue(request)

    def _on_rotate(self, event: ops.ActionEvent) -> None:
        if not self.unit.is_leader():
            event.fail("only the leader issues certificates")
            return
        if event.params["ca"]:
            self._make_authority()
        event.set_results({"issued": self._issue_all()})

    def _on_get_ca(self, event: ops.ActionEvent) -> None:
        authority = self._authority()
        if authority is None:
            event.fail("there is no authority yet")
            return
        event.set_results({"ca-certificate": str(authority[0])})

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        if not re.fullmatch(r"\d+[smhd]", self._validity_text()):
            event.add_status(ops.BlockedStatus("set certificate-validity to a number and s, m, h or d"))
        event.add_status(ops.ActiveStatus())

    def _validity_text(self) -> str:
        return str(self.config["certificate-validity"])

    def _authority(self) -> tuple[Certificate, PrivateKey, str] | None:
        try:
            content = self.model.get_secret(label=LABEL).get_content(refresh=True)
        except ops.SecretNotFoundError:
            return None
        key = PrivateKey.from_string(content["key"])
        return Certificate.from_string(content["certificate"]), key, content["issued-for"]

    def _make_authority(self) -> None:
        key = PrivateKey.generate()
        name = str(self.config["ca-common-name"])
        attributes = CertificateRequestAttributes(common_name=name, add_unique_id_to_subject_name=False)
        self._store(Certificate.generate_self_signed_ca(attributes, key, CA_VALIDITY), key)

    def _store(self, ca: Certificate, key: PrivateKey) -> None:
        content = {"certificate": str(ca), "key": str(key), "issued-for": self._validity_text()}
        try:
            self.model.get_secret(label=LABEL).set_content(content)
        except ops.SecretNotFoundError:
            self.app.add_secret(content, label=LABEL)

    def _issue_all(self) -> int:
        authority = self._authority()
        if authority:
            self._store(authority[0], authority[1])
        requests = self._provider.get_certificate_requests()
        for request in requests:
            self._issue(request)
        return len(requests)

    def _issue(self, request: RequirerCertificateRequest) -> None:
        authority = self._authority()
        if authority is None or not re.fullmatch(r"\d+[smhd]", self._validity_text()):
            return
        ca, key, _issued_for = authority
        text = self._validity_text()
        validity = timedelta(**{UNITS[text[-1]]: int(text[:-1])})
        csr = request.certificate_signing_request
        certificate = Certificate.generate(csr, ca, key, validity, is_ca=request.is_ca)
        self._provider.set_relation_certificate(
            ProviderCertificate(request.relation_id, certificate, csr, ca, [certificate, ca])
        )


if __name__ == "__main__":
    ops.main(CertificatesCharm)
