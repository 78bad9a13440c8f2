"""G11: an event that changes nothing writes nothing, runs nothing, and reads no bag twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from clusters import COORDINATOR, Deployed, deploy
from driver import Event, hooks

from rolecall.core import wire
from rolecall.core.products import PRODUCTS

_LOOKS = frozenset(
    {
        # Of the hook tools.
        "config_get",
        "is_leader",
        "network_get",
        "relation_get",
        "relation_ids",
        "relation_list",
        "relation_remote_app_name",
        "secret_get",
        "secret_info_get",
        "status_get",
        "opened_ports",
        "get_pebble",
        # Of Pebble.
        "get_checks",
        "get_plan",
        "get_services",
        "get_system_info",
        "list_files",
        "pull",
    }
)
"""What a hook that changes nothing may call."""
_SPEECH = frozenset({"juju_log"})


@dataclass
class Recorder:
    """Sees what a charm asks of Juju and of Pebble."""

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list[tuple[str, tuple[Any, ...]]])

    def names(self) -> set[str]:
        """Return what was called."""
        return {name for name, _ in self.calls}

    def bags(self) -> Counter[tuple[Any, ...]]:
        """Return how often each bag was read."""
        return Counter(arguments for name, arguments in self.calls if name == "relation_get")


class Watched:
    """Stands before a backend or a Pebble, and tells the recorder of every call from outside."""

    def __init__(self, watched: object, recorder: Recorder) -> None:
        self._watched = watched
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._watched, name)
        if name.startswith("_") or not callable(value):
            return value

        def called(*arguments: Any, **named: Any) -> Any:
            self._recorder.calls.append((name, arguments))
            result = value(*arguments, **named)
            return Watched(result, self._recorder) if name == "get_pebble" else result

        return called


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Watch every hook from now on."""
    made, backend = Recorder(), getattr(hooks, "_Backend")  # noqa: B009 - the driver's own

    def watched(*parts: Any) -> Watched:
        return Watched(backend(*parts), made)

    monkeypatch.setattr(hooks, "_Backend", watched)
    return made


def settled(product: str, workers: int) -> Deployed:
    """Return a cluster at rest with that many workers, of which all but a dozen are only bags."""
    made = deploy(PRODUCTS[product], PRODUCTS[product].recommended, coordinators=2)
    made.settle()
    while len(made.units()) < min(workers, 12):
        made.juju.add_unit(made.workers[0])
        made.settle()
    link, number = made.link(made.workers[0]), len(made.units())
    pattern = link.unit_bags[f"{made.workers[0]}/0"]
    while number < workers:
        number += 1
        name, address = f"{made.workers[0]}/{number + 100}", f"10.9.{number // 250}.{number % 250 + 1}"
        report = wire.decode_report(pattern).value
        host = report.name.replace(f"{made.workers[0]}-0.", f"{name.replace('/', '-')}.")
        said = {"address": f'"{address}"', "name": f'"{host}"'}
        link.unit_bags[name] = {**pattern, **said}
        for unit in made.coordinators():
            link.members[unit.name].append(name)
    made.juju.update_status()
    made.settle()
    return made


def quiet(made: Deployed, recorder: Recorder) -> None:
    """Let everybody look, twice, with nothing new; judge each hook by itself."""
    for event in ("update-status", "config-changed"):
        for unit in list(made.juju.model.units):
            recorder.calls.clear()
            made.juju.emit(unit, Event(kind=event))
            before = made.juju.state(unit)
            made.juju.step()
            if unit.app.name == "store":
                continue
            assert recorder.names() <= _LOOKS | _SPEECH, f"{unit.name} in {event}"
            twice = {bag for bag, times in recorder.bags().items() if times > 1}
            assert not twice, f"{unit.name} reads a bag twice in {event}"
            assert made.juju.state(unit) == before
    assert made.juju.step() is None


@pytest.mark.parametrize("product", PRODUCTS)
def test_nothing_happens_in_a_cluster_at_rest(product: str, recorder: Recorder):
    made = settled(product, 12)

    quiet(made, recorder)

    assert recorder.calls, "the recorder saw nothing"


def test_nothing_happens_in_a_large_cluster_at_rest(recorder: Recorder):
    """Two hundred workers cost a coordinator one look at each."""
    made = settled("loki", 200)

    quiet(made, recorder)

    (leader,) = [unit for unit in made.coordinators() if unit.is_leader]
    recorder.calls.clear()
    made.juju.emit(leader, Event(kind="update-status"))
    made.juju.step()
    remote = [bag for bag in recorder.bags() if not bag[2] and not bag[1].startswith(COORDINATOR)]
    assert len(remote) == 200
