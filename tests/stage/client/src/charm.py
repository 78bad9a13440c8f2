"""Ask the stage's stand-ins for an object store and a certificate, for the stage's own tests."""

from __future__ import annotations

from typing import Any, cast

import ops
from charmlibs.interfaces.tls_certificates import (
    CertificateRequestAttributes,
    TLSCertificatesRequiresV4,
)
from object_storage import S3Requirer


class ClientCharm(ops.CharmBase):
    """Hands what it got to whoever runs its actions."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._s3 = S3Requirer(self, "s3", bucket="wanted")
        self._request = CertificateRequestAttributes(
            common_name=self.unit.name.replace("/", "-"), add_unique_id_to_subject_name=False
        )
        self._tls = TLSCertificatesRequiresV4(
            self, "certificates", certificate_requests=[self._request], refresh_events=[self.on.update_status]
        )
        framework.observe(self.on.get_s3_action, self._on_get_s3)
        framework.observe(self.on.get_certificate_action, self._on_get_certificate)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _store(self) -> dict[str, Any]:
        return cast("dict[str, Any]", dict(self._s3.get_storage_connection_info() or {}))

    def _on_get_s3(self, event: ops.ActionEvent) -> None:
        event.set_results({key: str(value) for key, value in self._store().items()})

    def _on_get_certificate(self, event: ops.ActionEvent) -> None:
        certificate, _key = self._tls.get_assigned_certificate(self._request)
        if certificate is None:
            event.fail("there is none")
            return
        lasts = certificate.certificate.expiry_time - certificate.certificate.validity_start_time
        event.set_results(
            {
                "name": certificate.certificate.common_name,
                "authority": certificate.ca.common_name,
                "certificate": str(certificate.certificate),
                "lasts": int(lasts.total_seconds()),
            }
        )

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        if not self._store().get("access-key"):
            event.add_status(ops.WaitingStatus("for s3"))
        if self._tls.get_assigned_certificate(self._request)[0] is None:
            event.add_status(ops.WaitingStatus("for a certificate"))
        event.add_status(ops.ActiveStatus())


if __name__ == "__main__":
    ops.main(ClientCharm)
