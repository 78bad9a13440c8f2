"""Hand an object store's address and keys to the charms that ask for them."""

from __future__ import annotations

import json

import ops
from object_storage import S3Provider

ENDPOINT = "s3-credentials"
OPTIONS = ("endpoint", "bucket", "region", "path", "s3-uri-style", "access-key", "secret-key")
NEEDED = ("endpoint", "bucket", "access-key", "secret-key")


class S3IntegratorCharm(ops.CharmBase):
    """Writes the options to every relation, whenever anything happens."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._v1 = S3Provider(self, ENDPOINT) if self.config["protocol"] == "v1" else None
        for event in (
            self.on.config_changed,
            self.on.leader_elected,
            self.on[ENDPOINT].relation_changed,
            self.on.secret_changed,
            self.on.update_status,
        ):
            framework.observe(event, self._on_any)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _on_any(self, _: ops.EventBase) -> None:
        if not self.unit.is_leader() or self._missing():
            return
        for relation in self.model.relations[ENDPOINT]:
            if self._v1 is None:
                self._write_v0(relation)
            elif self._v1.is_protocol_ready(relation):
                self._write_v1(self._v1, relation)

    def _missing(self) -> list[str]:
        return [name for name in NEEDED if name not in self._settings()]

    def _settings(self) -> dict[str, str]:
        return {name: str(self.config[name]) for name in OPTIONS if self.config[name]} | self._credentials()

    def _credentials(self) -> dict[str, str]:
        """Return the keys in the administrator's own secret, once it is granted."""
        secret = self.config.get("credentials")
        try:
            return self.model.get_secret(id=str(secret)).get_content(refresh=True) if secret else {}
        except ops.ModelError:
            return {}

    def _chain(self) -> list[str]:
        end = "-----END CERTIFICATE-----"
        parts = str(self.config["tls-ca-chain"]).split(end)
        return [f"{part.strip()}\n{end}" for part in parts if part.strip()]

    def _write_v1(self, provider: S3Provider, relation: ops.Relation) -> None:
        data: dict[str, object] = {**self._settings()}
        if self._chain():
            data["tls-ca-chain"] = self._chain()
        # The library annotates a text, and looks the number up.
        provider.set_storage_connection_info(relation.id, data)  # pyright: ignore[reportArgumentType]

    def _write_v0(self, relation: ops.Relation) -> None:
        # The first version answers only a requirer that has written its bucket.
        if not relation.app or "bucket" not in relation.data[relation.app]:
            return
        data = self._settings()
        if self._chain():
            data["tls-ca-chain"] = json.dumps(self._chain())
        relation.data[self.app].update({**data, "data": json.dumps({"bucket": self.config["bucket"]})})

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        missing = self._missing()
        if missing:
            event.add_status(ops.BlockedStatus(f"set {', '.join(missing)}"))
        event.add_status(ops.ActiveStatus())


if __name__ == "__main__":
    ops.main(S3IntegratorCharm)
