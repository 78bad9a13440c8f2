#!/usr/bin/env python3
"""A charm that observes one event and does nothing on it."""

import ops


class Bare(ops.CharmBase):
    """A charm with nothing to do."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        framework.observe(self.on.update_status, self._on_update_status)

    def _on_update_status(self, _: ops.UpdateStatusEvent) -> None:
        """Do nothing."""


if __name__ == "__main__":
    ops.main(Bare)
