"""The products whose workers differ: one role in a process, and any combination of roles in one.

The tests of one product follow each other on one cluster; the next product's ends it.
"""

from __future__ import annotations

import pytest
from charmed import ACTION_S, COORDINATOR, Charmed
from charmed_secrets import places, secrets_of
from patience import until
from planted import leaks

from conftest import Deployer
from rolecall.core.products.pyroscope import PYROSCOPE
from rolecall.core.products.tempo import TEMPO

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

WIDE = 120


@pytest.fixture(scope="module")
def tempo(charmed: Deployer) -> Charmed:
    """Deploy one worker application for each role that must be there."""
    deployed = charmed(TEMPO, TEMPO.minimal)
    deployed.await_active()
    return deployed


@pytest.fixture(scope="module")
def pyroscope(charmed: Deployer) -> Charmed:
    """Deploy the smallest set that is whole."""
    deployed = charmed(PYROSCOPE, PYROSCOPE.minimal)
    deployed.await_active()
    return deployed


def test_tempo_takes_a_trace_and_gives_it_back(tempo: Charmed):
    """One role in each worker application, and the gateway in front of all."""
    (gateway,) = tempo.gateways()

    tempo.check("a1b2c3d4e5f60718", write=gateway, read=gateway)


def test_a_second_role_is_refused_and_what_ran_goes_on(tempo: Charmed):
    """Blocked, both roles named; the process and the gateway's way to it stay; and it heals."""
    before, (gateway,) = tempo.births(), tempo.gateways()

    tempo.juju.config("querier", {"role-compactor": True})
    until(
        lambda: tempo.message("querier/0")[0] == "blocked",
        WIDE,
        "the worker to be Blocked",
        seen=lambda: tempo.message("querier/0"),
    )

    text = tempo.message("querier/0")[1]
    assert '"querier"' in text
    assert '"compactor"' in text
    assert tempo.births() == before
    tempo.check("0718a1b2c3d4e5f6", write=gateway, read=gateway)
    tempo.juju.config("querier", {"role-compactor": False})
    tempo.await_active()
    assert tempo.births() == before


def test_the_generator_needs_somewhere_to_write(tempo: Charmed):
    """An optional role that can't do its work is named, while the rest serves."""
    (gateway,) = tempo.gateways()

    tempo.deploy_worker("generator", ("metrics-generator",), 1)
    until(
        lambda: "metrics-generator" in tempo.message(f"{COORDINATOR}/0")[1],
        WIDE,
        "the coordinator to name the role",
        seen=lambda: tempo.message(f"{COORDINATOR}/0"),
    )

    tempo.check("c3d4e5f60718a1b2", write=gateway, read=gateway)


def test_the_receivers_are_listed(tempo: Charmed):
    """`list-receivers` names what is open, and an option opens another one."""
    opened = tempo.juju.run(f"{COORDINATOR}/0", "list-receivers", wait=ACTION_S).results

    assert {"otlp-http", "otlp-grpc"} <= set(opened)
    assert "zipkin" not in opened


def test_no_secret_of_tempos_is_anywhere_it_may_not_be(tempo: Charmed):
    """G10, with workers that have nothing to start with."""
    assert leaks(places(tempo), secrets_of(tempo)) == []


def test_pyroscope_takes_a_profile_and_gives_it_back(pyroscope: Charmed):
    """Several roles in one process, and the gateway in front of all."""
    (gateway,) = pyroscope.gateways()

    pyroscope.check("abcdef01", write=gateway, read=gateway)


def test_no_secret_of_pyroscopes_is_anywhere_it_may_not_be(pyroscope: Charmed):
    """G10, with several roles in one process."""
    assert leaks(places(pyroscope), secrets_of(pyroscope)) == []
