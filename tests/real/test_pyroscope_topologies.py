"""Pyroscope in every shape that its roles allow: all in, by every protocol, and all out, by every API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from patience import until
from pyroscope_client import CPU, Pyroscope, line, pushed, pyroscope_of, selector, span
from real_clusters import Clusters, bring_up, recommended, take_down, written
from s3_server import S3Server

from rolecall.core.products.pyroscope import PYROSCOPE
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

SHAPES = {
    "one-all": {"all": 1},
    "two-all": {"all": 2},
    "minimal": {",".join(roles): units for _, roles, units in PYROSCOPE.minimal},
    "recommended": recommended(PYROSCOPE),
    "spelled-out": {",".join(role.name for role in PYROSCOPE.lines[0].roles): 1},
    "all-and-readers": {"all": 1, "querier,query-frontend,store-gateway": 1},
    "crosswise": {
        "ingester,query-frontend,compactor": 2,
        "querier,tenant-settings,distributor": 1,
        "store-gateway,query-scheduler,ad-hoc-profiles": 1,
    },
}
BACKEND = "query-scheduler,store-gateway,compactor,tenant-settings,ad-hoc-profiles"
ON_S3 = {"two-all", "recommended", "minimal"}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_serves(clusters: Clusters, s3: S3Server, shape: str):
    """It comes up whole, and gives back by every API what it was given by every protocol."""
    bucket = s3.bucket() if shape in ON_S3 else ""
    clusters.environment = s3.environment
    store = s3.store(bucket) if bucket else None
    cluster = clusters(written(PYROSCOPE, SHAPES[shape], settings={"line": line()}, store=store))

    bring_up(cluster)

    checked = operations.check(cluster, timeout_s=60)
    assert checked.ok, checked.text
    with pyroscope_of(cluster) as pyroscope:
        for service, frame in written_every_way(pyroscope):
            pyroscope.await_frames(service, {frame})
            read_every_way(pyroscope, service, frame)
    seen = operations.status(cluster)
    assert (seen.verdict.wrong, {unit.ready for unit in seen.units}) == ((), {True})
    assert seen.replication_factor == (3 if shape == "recommended" else 1)
    for page, role in (("/ring", "ingester"), ("/distributor/ring", "distributor")):
        members = dict.fromkeys(units_with(cluster, role), "ACTIVE")
        until(
            lambda page=page, members=members: operations.status(cluster).rings[page] == members,
            10,
            f"the members of {page} to be {sorted(members)}",
            seen=lambda: operations.status(cluster).rings,
        )


def test_what_was_written_outlives_the_processes(clusters: Clusters, s3: S3Server):
    """After a whole cluster was taken down and up, every profile is read from the object store."""
    bucket = s3.bucket()
    clusters.environment = s3.environment
    text = written(PYROSCOPE, SHAPES["crosswise"], settings={"line": line()}, store=s3.store(bucket))
    cluster = clusters(text)
    bring_up(cluster)
    with pyroscope_of(cluster) as pyroscope:
        given = dict(written_every_way(pyroscope))

    take_down(cluster)

    stored = s3.keys(bucket)
    assert [key for key in stored if key.startswith("anonymous/") and key.endswith("meta.json")], stored
    bring_up(cluster)
    with pyroscope_of(cluster) as pyroscope:
        for service, frame in given.items():
            pyroscope.await_frames(service, {frame})


def test_a_drained_ingester_leaves_every_profile_readable(clusters: Clusters):
    """With one copy of each profile and one of two ingesters stopped, all is read again within a minute."""
    workers = {"ingester": 2, "distributor,querier,query-frontend": 1, BACKEND: 1}
    cluster = clusters(written(PYROSCOPE, workers, settings={"line": line()}))
    bring_up(cluster)
    services = [f"service-{number}" for number in range(20)]
    with pyroscope_of(cluster) as pyroscope:
        for service in services:
            pyroscope.push(service, f"work of {service}")
        assert missing(pyroscope, services) == []

        bring_up(
            clusters.again(cluster, written(PYROSCOPE, {**workers, "ingester": 1}, settings={"line": line()}))
        )

        until(
            lambda: not missing(pyroscope, services),
            60,
            "every service's profile",
            seen=lambda: missing(pyroscope, services),
        )
        listed = pyroscope.ask("LabelValues", {"name": "service_name"})
        assert listed["names"], "the ingester that is left lists what it has"


def test_tenants_see_their_own(clusters: Clusters):
    """With multi-tenant each tenant reads what it wrote, its own limits hold, and no name is no tenant."""
    settings = {
        "line": line(),
        "multi-tenant": True,
        "tenant-limits": {"small": {"max_profile_size_bytes": 10}},
    }
    cluster = clusters(written(PYROSCOPE, {"all": 1}, settings=settings))
    bring_up(cluster)

    assert operations.check(cluster).ok
    with pyroscope_of(cluster) as pyroscope:
        pyroscope.push("one", "of one", tenant="one")
        pyroscope.ingest("two", "of two", tenant="two")
        refused = pyroscope.http.post(
            "/push.v1.PusherService/Push", json=pushed("x", "y"), headers={"X-Scope-OrgID": "small"}
        )

        assert "of one" in pyroscope.frames("one", tenant="one")
        assert "of one" not in pyroscope.frames("one", tenant="two")
        assert "of two" in pyroscope.frames("two", tenant="two")
        assert (refused.status_code, "exceeds" in refused.text) == (400, True)
        assert pyroscope.http.post("/push.v1.PusherService/Push", json=pushed("x", "y")).status_code == 401


def test_limits_change_without_a_restart(clusters: Clusters):
    """A limit takes effect within seconds, and a limit that Pyroscope does not know is refused by name."""
    cluster = clusters(written(PYROSCOPE, {"all": 1}, settings={"line": line()}))
    bring_up(cluster)
    pid = operations.status(cluster).units[0].pid
    with pyroscope_of(cluster) as pyroscope:
        pyroscope.push("limited", "before")
        limits = {"max_profile_size_bytes": 10}
        changed = clusters.again(
            cluster, written(PYROSCOPE, {"all": 1}, settings={"line": line(), "limits": limits})
        )

        bring_up(changed)

        until(
            lambda: (
                pyroscope.http.post("/push.v1.PusherService/Push", json=pushed("limited", "x")).status_code
                == 400
            ),
            30,
            "the new limit to hold",
        )
        assert operations.status(changed).units[0].pid == pid
        wrong = clusters.again(
            cluster, written(PYROSCOPE, {"all": 1}, settings={"line": line(), "limits": {"max_profile": 10}})
        )
        outcome = operations.up(wrong, say=lambda _: None)
        assert [problem.code for problem in outcome.verdict.wrong] == ["config-refused"]
        assert "limits.max_profile" in outcome.verdict.problems[0].text
        assert operations.status(wrong).units[0].pid == pid


def missing(pyroscope: Pyroscope, services: list[str]) -> list[str]:
    """List the services whose profile isn't read."""
    return [service for service in services if f"work of {service}" not in pyroscope.frames(service)]


def written_every_way(pyroscope: Pyroscope) -> Iterator[tuple[str, str]]:
    """Write one profile by each protocol; yield each one's service and function."""
    ways = {
        "push": pyroscope.push,
        "ingest": pyroscope.ingest,
        "otlp-grpc": pyroscope.export,
        "push-grpc": pyroscope.push_by_grpc,
        "otlp-json": pyroscope.export_json,
        "otlp-protobuf": pyroscope.export_protobuf,
    }
    for name, write in ways.items():
        service, frame = f"by-{name}", f"work_{uuid4().hex}"
        write(service, frame)
        yield service, frame


def read_every_way(pyroscope: Pyroscope, service: str, frame: str) -> None:
    """Read a service's profile by every read API."""
    chosen = {"profileTypeID": CPU, "labelSelector": selector(service)}
    matchers = {"matchers": [selector(service)]}
    flat = {"profile_typeID": CPU, "label_selector": selector(service)}
    query = f"{CPU}{selector(service)}"
    half = {**chosen, **span()}
    # Up to now and beyond: what is listed of the newest must not depend on the reader's clock.
    for end in (int(time.time() * 1000), span()["end"]):
        until_end = {**matchers, "end": end}
        assert CPU in str(pyroscope.ask("ProfileTypes", {"end": end}))
        assert "service_name" in pyroscope.ask("LabelNames", until_end)["names"]
        assert pyroscope.ask("LabelValues", {"name": "service_name", **until_end})["names"] == [service]
        assert service in str(pyroscope.ask("Series", {**until_end, "labelNames": ["service_name"]}))
    assert frame in pyroscope.ask("SelectMergeStacktraces", chosen)["flamegraph"]["names"]
    assert frame in pyroscope.ask("SelectMergeProfile", flat)["stringTable"]
    assert pyroscope.ask("SelectSeries", {**chosen, "step": 15})["series"][0]["points"]
    assert "flamegraph" in pyroscope.ask("SelectMergeSpanProfile", {**chosen, "spanSelector": ["0" * 16]})
    assert frame in pyroscope.ask("Diff", {"left": half, "right": half})["flamegraph"]["names"]
    assert pyroscope.ask("GetProfileStats", {})["dataIngested"] is True
    assert "queryScopes" in pyroscope.ask("AnalyzeQuery", {"query": query})
    assert frame in pyroscope.rendered("render", {"query": query, "from": "now-1h", "until": "now+1m"})
    sides = {
        f"{side}{key}": value
        for side in ("left", "right")
        for key, value in {"Query": query, "From": "now-1h", "Until": "now+1m"}.items()
    }
    assert frame in pyroscope.rendered("render-diff", sides)
    assert frame.encode() in pyroscope.merged_by_grpc(service)


def units_with(cluster: LocalCluster, role: str) -> set[str]:
    """Return the units that run a role."""
    line_of = PYROSCOPE.line(cluster.spec.settings.text("line"))
    return {unit.unit for unit in operations.status(cluster).units if role in line_of.expand(unit.roles)}
