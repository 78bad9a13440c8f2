"""A charm with a container, for the stage's own tests."""

from __future__ import annotations

import socket

import ops

LAYER: ops.pebble.LayerDict = {
    "checks": {
        "ok": {
            "override": "replace",
            "level": "ready",
            "period": "200ms",
            "timeout": "150ms",
            "threshold": 1,
            "exec": {"command": "test -f /data/ok"},
        }
    }
}


class BoxedCharm(ops.CharmBase):
    """Says in its status which of Pebble's events came last, and where it is."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        framework.observe(self.on.box_pebble_ready, self._on_ready)
        framework.observe(self.on.box_pebble_check_failed, self._on_check_failed)
        framework.observe(self.on.box_pebble_check_recovered, self._on_check_recovered)
        framework.observe(self.on.box_pebble_custom_notice, self._on_notice)
        framework.observe(self.on.notify_action, self._on_notify)

    def _on_ready(self, event: ops.PebbleReadyEvent) -> None:
        event.workload.add_layer("checks", {**LAYER}, combine=True)
        event.workload.replan()
        self._say("ready")

    def _on_check_failed(self, event: ops.PebbleCheckFailedEvent) -> None:
        self._say(f"{event.info.name} failed")

    def _on_check_recovered(self, event: ops.PebbleCheckRecoveredEvent) -> None:
        self._say(f"{event.info.name} recovered")

    def _on_notice(self, event: ops.PebbleCustomNoticeEvent) -> None:
        self._say(f"heard {event.notice.key}")

    def _on_notify(self, _: ops.ActionEvent) -> None:
        self.unit.get_container("box").pebble.notify(ops.pebble.NoticeType.CUSTOM, "example.com/hello")

    def _say(self, text: str) -> None:
        self.unit.status = ops.ActiveStatus(f"{text} on {socket.getfqdn()}")


if __name__ == "__main__":
    ops.main(BoxedCharm)
