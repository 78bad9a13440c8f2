"""Many charms at once: deploy, integrate, settle, break, and look.

Theory of operation. A `Juju` holds applications, units, relations and secrets as Juju's controller does, and
a queue of events for each unit as Juju's uniter does. `settle` takes one event at a time, shows the unit's
charm the state that Juju would show it, runs the charm's code with `ops.testing` in this process, keeps what
it left, and queues what others are told of it, until nothing waits.

    juju = Juju(seed=7)
    juju.deploy(CoordinatorCharm, "coordinator", num_units=2)
    juju.deploy(WorkerCharm, "worker", num_units=3, config={"role-all": True})
    juju.integrate("coordinator:cluster", "worker:cluster")
    juju.settle()
    juju.kill_in_hook("coordinator/0")
    juju.remove_unit("worker/1")
    juju.settle()

| module | holds |
|---|---|
| `juju` | the verbs |
| `model` | one hook after another, and what is kept of it |
| `applications`, `relations`, `vault`, `startup` | Juju's rules |
| `views` | what one unit sees, in the types of `ops.testing` |
| `hooks`, `pebble_client` | the inside of `ops.testing`; nothing else touches it |
| `pod`, `world` | containers, and what is outside Juju |
"""

from .applications import App, Life, Unit
from .juju import Juju
from .relations import Link
from .values import (
    UPDATE_STATUS,
    ActionOutcome,
    CharmData,
    CharmFailedError,
    Dispatch,
    DriverError,
    Event,
    NotConvergingError,
    Outcome,
    check_failed,
    check_recovered,
)
from .world import StillWorld, World

__all__ = [
    "UPDATE_STATUS",
    "ActionOutcome",
    "App",
    "CharmData",
    "CharmFailedError",
    "Dispatch",
    "DriverError",
    "Event",
    "Juju",
    "Life",
    "Link",
    "NotConvergingError",
    "Outcome",
    "StillWorld",
    "Unit",
    "World",
    "check_failed",
    "check_recovered",
]
