"""A small charm that gives a bucket, as an object store's integrator does."""

from __future__ import annotations

import json

import ops
from driver import CharmData

_LABEL = "keys"


class StoreCharm(ops.CharmBase):
    """Says where the bucket is, and grants its keys."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        for event in (
            self.on.config_changed,
            self.on["s3-credentials"].relation_changed,
            self.on["s3-credentials"].relation_created,
            self.on.leader_elected,
        ):
            framework.observe(event, self._tell)

    def _tell(self, _: ops.EventBase) -> None:
        if not self.unit.is_leader():
            return
        keys = {"access-key": str(self.config["access-key"]), "secret-key": str(self.config["secret-key"])}
        try:
            secret = self.model.get_secret(label=_LABEL)
            if secret.peek_content() != keys:
                secret.set_content(keys)
        except ops.SecretNotFoundError:
            secret = self.app.add_secret(keys, label=_LABEL)
        for relation in self.model.relations["s3-credentials"]:
            secret.grant(relation)
            said = {
                "endpoint": "http://10.255.0.1:7070",
                "bucket": "data",
                "region": "us-east-1",
                "version": "1",
                "lib-version": "1",
                "secret-extra": secret.id or "",
            }
            for key in str(self.config["leaves-out"]).split():
                del said[key]
            said.update(json.loads(str(self.config["says-otherwise"])))
            bag = relation.data[self.app]
            for key in bag.keys() - said.keys():
                del bag[key]
            bag.update(said)


STORE = CharmData(
    charm=StoreCharm,
    meta={"name": "store", "provides": {"s3-credentials": {"interface": "s3"}}},
    config={
        "options": {
            "access-key": {"type": "string", "default": "AKIAPLANTED"},
            "secret-key": {"type": "string", "default": "planted-secret-key"},
            "leaves-out": {"type": "string", "default": ""},
            "says-otherwise": {"type": "string", "default": "{}"},
        }
    },
)
