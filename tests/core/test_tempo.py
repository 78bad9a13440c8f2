"""What Tempo's product file gives for a blueprint, and who dials whom: nothing runs here."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rolecall.core import choices, coherence, coordinator, gateway, identity, settings, worker
from rolecall.core.handover import Disk
from rolecall.core.model import S3, Choices, Cluster, Deployment, Directory, Document, Severity
from rolecall.core.product import Blueprint
from rolecall.core.products.tempo import TEMPO
from rolecall.testing import builders

LINE = TEMPO.lines[0]
DIRECTORY = Directory(path="/store")
BUCKET = S3(endpoint="https://s3.example.com", bucket="traces", ca="/ca.pem")
URL = "http://prometheus:9090/api/v1/write"
QUERYING = {"querier": 2, "query-frontend": 2}


def a_blueprint(raw: dict[str, object] | None = None, **changes: Any) -> Blueprint:
    parsed = settings.parse(TEMPO, raw or {})
    assert not parsed.problems
    whole = Blueprint(
        line=LINE.name,
        deployment=Deployment(name="traces", uuid="u1"),
        settings=parsed.settings,
        store=DIRECTORY,
        choices=Choices(seeds=("i-0",), replication_factor=3),
    )
    return replace(whole, **changes)


def config(blueprint: Blueprint) -> Any:
    return identity.load(identity.render_config(TEMPO, blueprint))


def runtime(blueprint: Blueprint) -> Any:
    tree: Any = identity.load(identity.render_runtime(TEMPO, blueprint))
    return tree["overrides"]


def a_cluster(units: dict[str, int], **changes: Any) -> Cluster:
    groups = [builders.a_group(role, [role], number) for role, number in units.items()]
    return builders.a_cluster(LINE, groups, **changes)


def chosen(cluster: Cluster, old: Choices | None = None) -> Choices:
    published = None
    if old is not None:
        published = Document(product="tempo", line="", revision=1, config="", runtime="", choices=old)
    return choices.choose(TEMPO, cluster, builders.settings_of(TEMPO), published)


def without(cluster: Cluster, unit: str) -> Cluster:
    return replace(cluster, units=tuple(one for one in cluster.units if one.id != unit))


def reported(cluster: Cluster, unit: str, **changes: Any) -> Cluster:
    units = (
        replace(one, report=replace(one.report, **changes)) if one.id == unit else one
        for one in cluster.units
    )
    return replace(cluster, units=tuple(units))


def name_of(cluster: Cluster, unit: str) -> str:
    return next(one.name for one in cluster.units if one.id == unit)


def test_every_line_has_the_same_roles():
    """A line can be changed without touching a worker."""
    assert {(line.roles, line.meta_roles, line.combine) for line in TEMPO.lines} == {
        (LINE.roles, LINE.meta_roles, LINE.combine)
    }


def test_all_is_the_binary_that_clusters():
    """`all` becomes the one target whose rings are as configured, and doesn't wait for what never ends."""
    assert LINE.targets(["all"]) == ("scalable-single-binary",)
    assert LINE.kill_delay_s(["all"]) < LINE.kill_delay_s(["ingester"])


def test_two_roles_are_refused_by_name():
    """Tempo runs one role in a process: both are named, and so is the way out."""
    (problem,) = coherence.judge_topology(TEMPO, LINE, (builders.a_group("both", ["ingester", "querier"]),))[
        :1
    ]

    assert problem.code == "too-many-roles"
    assert '"ingester", "querier"' in problem.text
    assert "all" in problem.remedy


def test_the_bucket_is_reached_without_keys_in_the_config():
    """The config names bucket and certificate authority, and no key."""
    assert config(a_blueprint(store=BUCKET))["storage"]["trace"]["s3"] == {
        "bucket": "traces",
        "endpoint": "s3.example.com",
        "forcepathstyle": True,
        "insecure": False,
        "region": "us-east-1",
        "tls_ca_path": "/ca.pem",
    }


def test_receivers_and_limits_are_not_in_the_config():
    """Opening a receiver, a retention or a limit restarts nothing."""
    raw: dict[str, object] = {
        "receivers": ["zipkin"],
        "retention": "3d",
        "limits": {"read": {"max_search_duration": "1h"}},
    }

    assert config(a_blueprint(raw)) == config(a_blueprint())


def test_a_limit_keeps_all_the_others():
    """A tenant's entry replaces upstream's defaults, so it has every one of them."""
    limits = runtime(a_blueprint({"limits": {"ingestion": {"rate_limit_bytes": 7}}}))["single-tenant"]

    assert limits["ingestion"] == {
        "burst_size_bytes": 20_000_000,
        "max_traces_per_user": 10_000,
        "rate_limit_bytes": 7,
    }
    assert limits["global"]["max_bytes_per_trace"] == 5_000_000


def test_a_tenants_limits_lie_over_everybodys():
    """With tenants, everybody's limits are the wildcard's, and a tenant has those it isn't given."""
    raw: dict[str, object] = {
        "multi-tenant": True,
        "limits": {"ingestion": {"rate_limit_bytes": 7}},
        "tenant-limits": {"big": {"ingestion": {"burst_size_bytes": 9}}, "none": None},
    }

    limits = runtime(a_blueprint(raw))

    assert set(limits) == {"*", "big", "none"}
    assert limits["*"]["ingestion"]["rate_limit_bytes"] == 7
    assert (
        limits["big"]["ingestion"]["rate_limit_bytes"],
        limits["big"]["ingestion"]["burst_size_bytes"],
    ) == (
        7,
        9,
    )
    assert limits["none"] == limits["*"]


@pytest.mark.parametrize(("retention", "kept"), [("15d", "1296000s"), (0, "100y")])
def test_retention_is_a_limit(retention: object, kept: str):
    """How long traces are kept is live; zero is for ever, which upstream's zero isn't."""
    limits = runtime(a_blueprint({"retention": retention}))["single-tenant"]

    assert limits["compaction"]["block_retention"] == kept


def test_metrics_are_made_only_where_they_can_go():
    """Without an address only what can be asked for here is made."""
    every = ["span-metrics", "local-blocks"]

    def processors(**raw: object) -> object:
        return runtime(a_blueprint(dict(raw)))["single-tenant"]["metrics_generator"].get("processors")

    assert processors() is None
    assert processors(**{"metrics-processors": every}) == ["local-blocks"]
    assert processors(**{"metrics-processors": every, "remote-write-url": URL}) == sorted(every)


@pytest.mark.parametrize(
    ("targets", "raw", "codes"),
    [
        ({"metrics-generator"}, {}, ["nowhere-to-write"]),
        ({"metrics-generator"}, {"remote-write-url": URL}, []),
        ({"metrics-generator"}, {"metrics-processors": ["local-blocks"]}, []),
        ({"scalable-single-binary"}, {}, []),
    ],
    ids=["alone", "with a URL", "for queries", "within all"],
)
def test_a_generator_needs_somewhere_to_write(targets: set[str], raw: dict[str, object], codes: list[str]):
    """A worker that was asked to make metrics and can't is a warning; one that only could isn't."""
    problems = TEMPO.judge(a_blueprint(raw, targets=frozenset(targets)))

    assert [problem.code for problem in problems] == codes
    assert all(problem.severity is Severity.WARNING for problem in problems)


@pytest.mark.parametrize(
    ("said", "tolerated"),
    [
        ('level=warn msg="-- CONFIGURATION WARNINGS --"\nlevel=warn msg="Span logging is enabled."', True),
        ('msg="-- CONFIGURATION WARNINGS --" explain="Tempo will not start with an invalid …"', False),
        ("failed parsing config: field reciever not found", False),
    ],
    ids=["warning", "fatal warning", "error"],
)
def test_only_warnings_are_tolerated(said: str, tolerated: bool):
    """What the binary says while it judges is a refusal unless it only warns."""
    assert TEMPO.tolerates(said) is tolerated


def test_each_frontend_is_dialed():
    """Two queriers share out two frontends, whatever the order in which they are seen."""
    cluster = a_cluster(QUERYING)
    names = {unit.name for unit in cluster.running("query-frontend")}

    dialed = chosen(cluster).dialed

    assert set(dialed.values()) == names
    assert chosen(replace(cluster, units=cluster.units[::-1])).dialed == dialed


def test_a_frontend_that_joins_changes_nobody():
    """A querier that runs keeps its frontend; the new one is spare until a querier is there for it."""
    old = chosen(a_cluster({"querier": 2, "query-frontend": 1}))
    more = a_cluster(QUERYING)

    now = chosen(more, old)

    assert now.dialed == old.dialed
    assert [unit.id for unit in choices.spare(TEMPO, more, now)] == ["query-frontend/1"]
    third = a_cluster({**QUERYING, "querier": 3})
    assert choices.spare(TEMPO, third, chosen(third, now)) == ()


def test_a_querier_that_starts_takes_the_frontend_that_nobody_dials():
    """A restart is when a querier can be given another frontend; it is if one is without."""
    old = chosen(a_cluster({"querier": 2, "query-frontend": 1}))
    more = reported(a_cluster(QUERYING), "querier/1", ready=False)

    now = chosen(more, old)

    assert now.dialed["querier/0"] == old.dialed["querier/0"]
    assert choices.spare(TEMPO, more, now) == ()


def test_queriers_follow_when_their_frontend_is_gone():
    """Only those of the frontend that went are given another one."""
    cluster = a_cluster(QUERYING)
    old = chosen(cluster)
    gone = name_of(cluster, "query-frontend/1")

    leaving = chosen(reported(cluster, "query-frontend/1", leaving=True), old)
    now = chosen(without(cluster, "query-frontend/1"), old)

    assert leaving.dialed == old.dialed
    assert {unit for unit, name in old.dialed.items() if now.dialed[unit] != name} == {
        unit for unit, name in old.dialed.items() if name == gone
    }


def test_a_unit_of_both_roles_dials_itself():
    """Everything in one process needs nobody else, and a querier beside it takes the frontend beside it."""
    cluster = a_cluster({"all": 2, "querier": 1, "query-frontend": 1})

    dialed = chosen(cluster).dialed

    assert {unit: name for unit, name in dialed.items() if unit.startswith("all")} == {
        unit: name_of(cluster, unit) for unit in ("all/0", "all/1")
    }
    assert dialed["querier/0"] == name_of(cluster, "query-frontend/0")


def test_a_unit_dials_whom_it_was_given():
    """The worker puts the name into the variable that the config has in the frontend's place."""
    document = Document(
        product="tempo",
        line=LINE.name,
        revision=1,
        config="{}",
        runtime="",
        choices=Choices(dialed={"querier/0": "the-frontend"}),
    )
    seen = replace(builders.a_worker("querier/0", ["querier"]), document=document)

    spec = worker.decide(TEMPO, seen).process

    assert spec is not None
    assert spec.environment["ROLECALL_PEER"] == "the-frontend"
    assert config(a_blueprint())["querier"]["frontend_worker"]["frontend_address"] == "${ROLECALL_PEER}:9095"


def test_a_spare_frontend_gets_no_requests_and_is_not_waited_for():
    """It is out of the gateway at once, though ready still, and is a warning; the others go on."""
    groups = [builders.a_group(role, [role]) for role, _, _ in TEMPO.minimal if role != "query-frontend"]
    groups.append(builders.a_group("query-frontend", ["query-frontend"], 2))
    seen = builders.observed(TEMPO, groups)
    candidate = coordinator.decide(TEMPO, seen).desired.candidate
    seen = replace(seen, verified={identity.digest_of(candidate): ""})

    decision = coordinator.decide(TEMPO, seen)

    assert decision.spare == {"query-frontend/1"}
    assert "query-frontend/0" in decision.desired.serving
    assert "query-frontend/1" not in decision.desired.serving
    assert [one.code for one in decision.verdict.problems if one.code == "spare-unit"] == ["spare-unit"]
    assert decision.verdict.coherent


def test_what_needs_a_generator_names_it():
    """Where only metrics-generators could answer, their absence is what the gateway says."""
    servers = {"query-frontend": (gateway.Server(unit="f/0", address="10.0.0.1"),)}

    def target(*deployed: str) -> object:
        value = gateway.build(
            TEMPO, LINE, servers=servers, deployed=frozenset(deployed), options=gateway.Options()
        )
        (found,) = (one for one in value.endpoints[0].locations if one.path == "/api/metrics/summary")
        return found.target

    refused = target("query-frontend")
    assert isinstance(refused, gateway.Refusal)
    assert (refused.status, dict(refused.facts)) == (503, {"role": "metrics-generator"})
    assert target("query-frontend", "metrics-generator") == "query-frontend-http"


def test_a_frontend_rests_while_its_querier_does():
    """Requests that would wait for a querier go to another frontend; where there is none they wait."""
    units = a_cluster(QUERYING).units
    made = chosen(a_cluster(QUERYING))
    ready = tuple(unit for unit in units if unit.id != "querier/0")
    lone = tuple(unit for unit in ready if unit.name == made.dialed["querier/0"])

    ids = {unit.id for unit in choices.answering(TEMPO, ready, made)}

    assert ids == {unit.id for unit in ready if unit.name != made.dialed["querier/0"]}
    assert choices.answering(TEMPO, units, made) == units
    assert choices.answering(TEMPO, lone, made) == lone


def test_what_an_ingester_has_yet_to_upload_is_seen_at_every_stage():
    """A head or what is being made of it, a block, and a block beside which it says that it is uploaded."""
    (drain,) = TEMPO.drains
    head, block = "wal/0ee0+t+vParquet4/meta.json", "wal/blocks/t/0ee0/"
    unsent = f"{block}meta.json"
    stages = [set[str](), {head}, {head, f"{block}data.parquet"}, {unsent}, {unsent, f"{block}flushed"}]
    disks = [Disk(sizes=dict.fromkeys(sorted(stage), 1)) for stage in stages]

    assert [drain.unready(disk) for disk in disks] == [(), (head,), (head,), (), ()]
    assert [drain.unsent(disk) for disk in disks] == [(), (), (), (unsent,), ()]
    assert [drain.leftovers(disk) for disk in disks] == [(), (head,), (head,), (unsent,), ()]
