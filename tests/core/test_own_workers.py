"""When a coordinator's own workers are to run, and by which ports."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rolecall.core import coordinator, solo, workload
from rolecall.core.model import Document, Group
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.core.products.loki import LOKI
from rolecall.core.products.tempo import TEMPO
from rolecall.testing import a_group, a_report, a_worker, observed

LINE = LOKI.lines[0]
OWN = Group(name="front", roles=solo.ROLES, units=1)
WRITE, REST = a_group("write", ("write",)), a_group("rest", ("read", "backend"))
per_product = pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)


@pytest.mark.parametrize(
    ("groups", "needed"),
    [
        pytest.param((), True, id="there are no others"),
        pytest.param((WRITE,), True, id="others run a part"),
        pytest.param((WRITE, replace(REST, units=0)), True, id="a group has no units"),
        pytest.param((WRITE, REST), False, id="others run everything"),
        pytest.param((a_group("all", ("all",)),), False, id="one runs everything"),
    ],
)
def test_they_are_needed_while_a_role_has_nobody(groups: tuple[Group, ...], needed: bool):
    assert (OWN in solo.with_own(LINE, groups, OWN)) is needed
    assert solo.with_own(LINE, groups, None) == groups
    assert [problem.code for problem in solo.judge(LINE, solo.with_own(LINE, groups, OWN), OWN)] == (
        ["own-workers"] if needed else []
    )


@per_product
def test_every_product_runs_in_one_process(product: Product):
    """What an own worker runs is all that is required, of each line."""
    for line in product.lines:
        assert line.missing(line.expand(solo.ROLES)) == ()


def seen(*groups: Group, ready: bool) -> coordinator.Observed:
    """Return what a coordinator sees whose own worker is ready, beside others."""
    made = observed(LOKI, groups, ready=ready)
    own = coordinator.Member(group=OWN.name, report=a_report("front-0", solo.ROLES), beside=True)
    return replace(made, own=OWN, members={**made.members, "front-0": own})


def test_they_serve_until_others_are_ready():
    """Workers for everything are there: the gateway sends to them once they can serve."""
    before = coordinator.decide(LOKI, seen(WRITE, REST, ready=False)).desired
    after = coordinator.decide(LOKI, seen(WRITE, REST, ready=True)).desired
    alone = coordinator.decide(LOKI, seen(ready=True)).desired

    assert (before.serving, after.serving) == ({"front-0"}, {"write/0", "rest/0"})
    assert alone.serving == {"front-0"}


def test_the_gateway_sends_to_the_ports_that_it_leaves_free():
    text = coordinator.decide(LOKI, seen(WRITE, ready=True)).desired.gateway

    own = a_report("front-0", solo.ROLES).address
    assert f"server {own}:13100 " in text
    assert f"server {own}:3100 " not in text
    assert f"server {a_report('write/0', ()).address}:3100 " in text


@per_product
def test_no_port_is_the_gateways(product: Product):
    """A process beside a gateway listens where neither the gateway nor itself does already."""
    beside = [product.port(port.name, beside=True) for port in product.ports]

    assert len(set(beside)) == len(beside)
    assert not {one.number for one in product.listeners} & set(beside)
    assert max(beside) < 2**16


def test_a_process_beside_a_gateway_is_told_its_ports():
    """By an argument, and what has none by a variable; any other process as ever."""
    told = Document(product="tempo", line=TEMPO.lines[0].name, revision=1, config="a: 1", runtime="")
    usual, beside = (
        workload.spec(TEMPO, TEMPO.lines[0], a_worker("front-0", solo.ROLES, beside=one), told)
        for one in (False, True)
    )

    assert beside.command == (*usual.command, "-server.http-listen-port=13200")
    more = beside.environment.items() - usual.environment.items()
    assert {("ROLECALL_OTLP_GRPC_PORT", "14317"), ("ROLECALL_JAEGER_THRIFT_HTTP_PORT", "24268")} <= more
    assert usual.identity == beside.identity
