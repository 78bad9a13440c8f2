"""A unit that goes waits, before it ends, until the gateways and the units that stay are through (G3, G5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from clusters import COORDINATOR, Deployed, deploy

from rolecall.core.products.loki import LOKI
from rolecall.core.routes import Answer
from rolecall.juju import departure
from rolecall.juju.net import Request

GATEWAYS = ("10.0.0.1", "10.0.0.2")
LIMIT_S = 30.0


@dataclass
class Gateways:
    """The network, where each gateway says at a time what it is to say from then on."""

    said: dict[str, list[tuple[float, dict[str, object]]]]
    now_s: float = 0.0
    asked: set[str] = field(default_factory=set[str])

    def own_name(self) -> str:
        """Refuse: nobody asks for it here."""
        raise AssertionError("asked for a name")

    def now(self) -> float:
        """Return the time."""
        return self.now_s

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    def tell(self, address: str, port: int, packet: bytes) -> None:
        """Refuse: nobody gossips here."""
        raise AssertionError(f"told {address}:{port} {packet!r}")

    def ask(
        self, url: str, *, method: str = "GET", timeout_s: float = 2.0, request: Request | None = None
    ) -> Answer:
        """Answer as the gateway at an address, which speaks plain text."""
        assert (method, timeout_s, request) == ("GET", 2.0, None)
        self.asked.add(url)
        scheme, _, rest = url.partition("://")
        host = rest.partition(":")[0]
        now = [text for since_s, text in self.said.get(host, ()) if since_s <= self.now_s]
        return Answer(200, json.dumps(now[-1])) if now and scheme == "http" else Answer(0, "refused")


def forgotten(net: Gateways) -> bool:
    """Wait as `write-1` until no gateway sends to it."""
    return departure.await_forgotten(LOKI, net, "write-1", GATEWAYS, LIMIT_S)


def rolled(net: Gateways) -> bool:
    """Wait until nobody has yet to restart."""
    return departure.await_rolled(LOKI, net, GATEWAYS, LIMIT_S)


BUSY: dict[str, object] = {"config": "1", "units": ["write-0", "write-1"], "rolling": True}
DONE: dict[str, object] = {"config": "2", "units": ["write-0"], "rolling": False}


@pytest.mark.parametrize("wait", [forgotten, rolled])
def test_the_slowest_gateway_is_waited_for(wait: Callable[[Gateways], bool]):
    net = Gateways({GATEWAYS[0]: [(0, BUSY), (3, DONE)], GATEWAYS[1]: [(0, BUSY), (7, DONE)]})

    assert wait(net)
    assert 7 <= net.now_s < 8


@pytest.mark.parametrize("wait", [forgotten, rolled])
def test_no_gateway_is_waited_for_longer_than_the_limit(wait: Callable[[Gateways], bool]):
    net = Gateways({GATEWAYS[0]: [(0, BUSY)], GATEWAYS[1]: [(0, DONE)]})

    assert not wait(net)
    assert LIMIT_S <= net.now_s < LIMIT_S + 1


@pytest.mark.parametrize("wait", [forgotten, rolled])
def test_one_that_does_not_answer_is_not_waited_for(wait: Callable[[Gateways], bool]):
    net = Gateways({GATEWAYS[0]: [(0, DONE)]})

    assert wait(net)
    assert net.now_s == 0
    assert any(url.startswith("https://10.0.0.2") for url in net.asked)


def test_one_that_says_nothing_of_a_rollout_has_none():
    """A coordinator of an older charm doesn't tell."""
    net = Gateways({address: [(0, {"config": "2", "units": ["write-0"]})] for address in GATEWAYS})

    assert rolled(net)
    assert net.now_s == 0


@dataclass
class Model:
    """The model's list of those that are going, as it is from a time on."""

    net: Gateways
    said: list[tuple[float, set[str]]]

    def units(self) -> frozenset[str]:
        """Refuse: nobody asks for all here."""
        raise AssertionError("asked for all units")

    def going(self) -> frozenset[str]:
        """Return who is being removed now."""
        return frozenset([names for since_s, names in self.said if since_s <= self.net.now_s][-1])


@pytest.mark.parametrize(
    ("last", "came", "until_s"), [({"write/2"}, True, 20), ({"write/2", "write/11"}, False, LIMIT_S)]
)
def test_units_that_go_together_go_one_after_the_other(last: set[str], came: bool, until_s: float):
    """Who has the highest number is first, and the others wait for as long as they may."""
    net, told = Gateways({}), list[str]()
    model = Model(net, [(0, {"write/2", "write/10", "write/9"}), (9, {"write/2", "write/9"}), (20, last)])

    assert departure.await_turn(model, net, "write/2", LIMIT_S, told.append) is came
    assert until_s <= net.now_s < until_s + 3
    assert list(dict.fromkeys(told))[:2] == ["write/10 goes first", "write/9 goes first"]


def departs(gone: str, *, before: tuple[str, ...] = (), beside: str = "", writers: int = 3) -> Deployed:
    """Remove units, and let the last one hear that it goes once the leader has; nothing else happens then."""
    groups = (("write", ("write",), writers), ("rest", ("read", "backend"), 2))
    made = deploy(LOKI, groups)
    made.settle()
    for unit in before:
        made.juju.remove_unit(unit)
        made.settle()
    made.juju.remove_unit(gone)
    if beside:
        made.juju.remove_unit(beside)
    leader, leaver = made.juju.unit(f"{COORDINATOR}/0"), made.juju.unit(gone)
    while len(leader.queue):
        made.juju.model.dispatch(leader)
    made.world.waited.clear()
    made.juju.model.dispatch(leaver)
    return made


def test_the_last_writer_but_one_waits_for_those_that_restart_for_it():
    """They follow another replication factor, and were away else while it ends."""
    made = departs("write/1", before=("write/2",))

    assert made.world.told(f"{COORDINATOR}/0")["rolling"]
    assert made.world.waited == {"write/1"}
    made.settle()
    assert not made.world.told(f"{COORDINATOR}/0")["rolling"]
    assert made.world.violations == []


def test_nobody_waits_where_nobody_restarts():
    made = departs("write/2")

    assert made.world.waited == set()


def test_of_two_that_go_together_the_first_waits_for_the_second():
    made = departs("write/3", beside="write/4", writers=5)

    assert not made.world.told(f"{COORDINATOR}/0")["rolling"]
    assert made.world.waited == {"write/3"}
    made.settle()
    assert made.world.violations == []


def test_who_holds_nothing_does_not_wait():
    """No process of a reader's has to be there while others restart."""
    made = departs("rest/1", before=("write/2", "write/1"))

    assert made.world.waited == set()
