"""Replace the pods of an application one after the other, as its StatefulSet would after a refresh.

The highest ordinal goes first; the next follows once the last one is ready, which for a charm container
means that `start` has run. Source: "What happens after juju refresh", canonical-charm-refresh.
"""

from __future__ import annotations

from collections.abc import Callable

from stage.world import Application, Model, Unit, unit_key

POD_LIMIT_S = 600.0


def refresh_units(model: Model, app: Application) -> None:
    """Replace each pod in turn; stops where one doesn't get ready, as Kubernetes would."""
    revision = app.revision
    with model.changed:
        model.rollouts += 1
        try:
            for name in sorted(app.units, key=unit_key, reverse=True):
                unit = app.units.get(name)
                if unit is None or unit.life != "alive":
                    continue
                if app.revision != revision or not _replace(model, unit):
                    return
        finally:
            model.rollouts -= 1
            model.changed.notify_all()


def _replace(model: Model, unit: Unit) -> bool:
    def settled() -> bool:
        return unit.life != "alive" or (unit.pod_up and unit.started and not unit.pod_due)

    if not wait_for(model, settled, POD_LIMIT_S):
        return False
    unit.pod_due = "replace"
    model.changed.notify_all()
    if wait_for(model, settled, POD_LIMIT_S):
        return True
    model.log.say(unit.name, "isn't ready with the new charm; the refresh stops here")
    return False


def wait_for(model: Model, seen: Callable[[], bool], limit_s: float) -> bool:
    """Wait, with the model's lock held, until something is so; False after the limit."""
    return model.changed.wait_for(seen, limit_s)
