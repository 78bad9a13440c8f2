"""What watches a cluster: what each part is told, and that nothing is told twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rolecall.core import changes, fragments, grafana, telemetry
from rolecall.core.model import Telemetry
from rolecall.core.products import PRODUCTS
from rolecall.core.signals import Signal

Handler = Callable[[str, str], str]
Golden = Callable[[Path, Mapping[str, Handler]], None]

CASES = Path(__file__).parent / "cases" / "telemetry"
EVERYTHING = Telemetry(
    cluster="logs",
    logs="http://127.0.0.1:3100/loki/api/v1/push",
    metrics="http://127.0.0.1:8080/api/v1/push",
    traces="http://127.0.0.1:4318",
    jaeger_traces="http://127.0.0.1:14268/api/traces",
    profiles="http://127.0.0.1:4040",
)
UNITS = (
    telemetry.Watched(unit="read-0", address="127.20.1.2", roles=("read",)),
    telemetry.Watched(unit="all-0", address="127.20.1.1", roles=("write", "read")),
)


def view(
    *,
    product: str = "loki",
    wanted: Telemetry = EVERYTHING,
    units: tuple[telemetry.Watched, ...] = UNITS,
    prometheus: str = "2.42.0",
    alloy: bool = True,
) -> telemetry.View:
    return telemetry.View(
        product=PRODUCTS[product],
        telemetry=wanted,
        units=units,
        folder="/home/telemetry",
        address="127.20.1.255",
        prometheus=telemetry.Agent(path="/bin/prometheus", version=prometheus) if prometheus else None,
        alloy=telemetry.Agent(path="/bin/alloy") if alloy else None,
    )


def watched(argument: str, _: str) -> str:
    """Show everything that watches a cluster; the argument is the product and Prometheus' version."""
    product, version = argument.split()
    watch = telemetry.build(view(product=product, prometheus=version))
    parts = [f"logs to {watch.logs.location} as {dict(watch.logs.labels)}" if watch.logs else "no logs"]
    parts += [f"{file.path}:\n{file.content.rstrip()}" for file in watch.files]
    parts += [f"{one.name}: {' '.join(one.command)}" for one in watch.processes]
    return "\n".join(parts).replace("\n\n", "\n")


def variables(product: str, _: str) -> str:
    """Show what makes a product's processes send traces."""
    found = telemetry.variables(PRODUCTS[product], EVERYTHING)
    return "\n".join(f"{name}={value}" for name, value in sorted(found.items()))


def shown(names: str, _: str) -> str:
    """Show Grafana's data sources of a cluster of each named product."""
    return grafana.datasources(
        grafana.Shown(
            name=PRODUCTS[name].intakes[0].signal.value,
            product=PRODUCTS[name],
            url=f"http://127.0.0.1:{PRODUCTS[name].listeners[0].number}",
        )
        for name in names.split()
    )


HANDLERS: Mapping[str, Handler] = {"watch": watched, "variables": variables, "datasources": shown}


@pytest.mark.parametrize("path", sorted(CASES.glob("*.case")), ids=lambda path: path.stem)
def test_cases(path: Path, golden: Golden):
    """Agents, log targets, variables and data sources are these very texts."""
    golden(path, HANDLERS)


@given(st.permutations(UNITS))
def test_order_of_units_does_not_matter(units: list[telemetry.Watched]):
    """G2: the same units give the same bytes, whatever their order."""
    assert telemetry.build(view(units=tuple(units))) == telemetry.build(view())


def test_a_unit_that_joins_restarts_no_agent():
    """G1: units are in a file of their own, which the agents follow."""
    more = (*UNITS, telemetry.Watched(unit="read-1", address="127.20.1.3", roles=("read",)))
    before, after = telemetry.build(view()), telemetry.build(view(units=more))

    state = changes.WatchState(
        logs=before.logs,
        files={file.path: file.content for file in before.files},
        kept={one.name: one.identity for one in before.processes},
    )

    (action,) = changes.diff_watch(state, after)
    assert isinstance(action, changes.WriteFile)
    assert action.file.path.endswith("targets.json")
    assert len(json.loads(action.file.content)) == 3


def test_nothing_is_done_when_nothing_changed():
    """G11: what watches a cluster is compared, not done again."""
    watch = telemetry.build(view())
    state = changes.WatchState(
        logs=watch.logs,
        files={file.path: file.content for file in watch.files},
        kept={one.name: one.identity for one in watch.processes},
    )

    assert changes.diff_watch(state, watch) == ()


def test_switching_it_off_stops_it():
    """A cluster that is no longer watched has no agent and forwards nothing."""
    watch = telemetry.build(view())
    off = telemetry.build(view(wanted=Telemetry()))
    state = changes.WatchState(
        logs=watch.logs, files={}, kept={one.name: one.identity for one in watch.processes}
    )

    assert changes.diff_watch(state, off) == (
        changes.ForwardLogs(None),
        changes.StopProcess("agent"),
        changes.StopProcess("profiler"),
    )


def test_another_destination_restarts_the_agent():
    """An agent reads where to write when it starts."""
    before = telemetry.build(view(alloy=False))
    moved = telemetry.build(
        view(alloy=False, wanted=Telemetry(cluster="logs", metrics="http://127.0.0.2/push"))
    )
    state = changes.WatchState(
        logs=None,
        files={file.path: file.content for file in moved.files},
        kept={one.name: one.identity for one in before.processes},
    )

    assert changes.diff_watch(state, moved) == (changes.RestartProcess(moved.processes[0]),)


def test_without_prometheus_there_is_a_warning():
    """A missing agent is said, and keeps nothing else from being watched."""
    lacking = view(prometheus="")

    (problem,) = telemetry.judge(lacking)
    assert problem.code == "no-metrics-agent"
    assert telemetry.build(lacking).logs is not None
    assert [one.name for one in telemetry.build(lacking).processes] == ["profiler"]
    assert telemetry.judge(view()) == ()
    assert telemetry.judge(view(prometheus="", wanted=Telemetry())) == ()


def test_the_first_that_takes_a_signal_gets_it():
    """Of two clusters that take the same, the first in the file is meant; a closed listener takes nothing."""
    loki, tempo = PRODUCTS["loki"], PRODUCTS["tempo"]
    found = telemetry.destinations(
        (
            telemetry.Taker(product=loki, urls={"http": "http://one"}),
            telemetry.Taker(product=loki, urls={"http": "http://two"}),
            telemetry.Taker(product=tempo, urls={"otlp-http": "http://three:4318"}),
        )
    )

    assert found == {Signal.LOGS: "http://one/loki/api/v1/push", Signal.TRACES: "http://three:4318"}


@pytest.mark.parametrize("name", sorted(PRODUCTS))
def test_traces_are_sent_by_every_product(name: str):
    """Every product's processes say who they are, and send nothing when there is nowhere to send it."""
    found = telemetry.variables(PRODUCTS[name], EVERYTHING)

    assert any(fragments.UNIT in value for value in found.values())
    assert not any(place in value for value in found.values() for place in ("{otlp}", "{jaeger}", "{labels}"))
    assert telemetry.variables(PRODUCTS[name], Telemetry()) == {}


def test_links_lead_to_what_is_there():
    """A data source links only to data sources of the same file."""
    text = shown("loki mimir tempo", "")

    uids = {one["uid"] for one in yaml.safe_load(text)["datasources"]}
    assert set(re.findall(r"datasourceUid: (\S+)", text)) <= uids
    assert "rolecall-profiles" not in text
