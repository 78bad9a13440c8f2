"""What Pyroscope's config and check hold, on both lines, whatever the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest

from rolecall.core import identity
from rolecall.core.choices import choose
from rolecall.core.handover import Disk
from rolecall.core.model import (
    S3,
    Choices,
    Cluster,
    Deployment,
    Directory,
    Document,
    ObjectStore,
    Report,
    Unit,
)
from rolecall.core.product import Blueprint
from rolecall.core.products.pyroscope import PYROSCOPE
from rolecall.core.routes import Access
from rolecall.core.settings import parse
from rolecall.core.tree import Tree

OLDER, NEWER = (line.name for line in PYROSCOPE.lines)
BUCKET = S3(endpoint="https://s3.example.com", bucket="profiles", ca="/etc/ca.pem")


def blueprint_of(
    line: str = "", store: ObjectStore | None = None, copies: int = 1, **settings: object
) -> Blueprint:
    raw = {name.replace("_", "-"): value for name, value in settings.items()}
    parsed = parse(PYROSCOPE, raw)
    assert not parsed.problems
    return Blueprint(
        line=line or OLDER,
        deployment=Deployment(name="pyroscope-test", uuid="0123"),
        settings=parsed.settings,
        store=store or Directory(path="/store"),
        choices=Choices(replication_factor=copies),
    )


def config_of(blueprint: Blueprint) -> Tree:
    return PYROSCOPE.config(blueprint)


def document_of(blueprint: Blueprint) -> Document:
    return Document(
        product="pyroscope",
        line=blueprint.line,
        revision=1,
        config=identity.render_config(PYROSCOPE, blueprint),
        runtime="",
    )


def test_the_newer_line_keeps_the_architecture_with_ingesters():
    """Only 2.2 is told which architecture and write path it has: 1.18 knows neither key."""
    older, newer = config_of(blueprint_of(OLDER)), config_of(blueprint_of(NEWER))

    assert newer.pop("architecture_storage") == "v1"
    assert newer.pop("limits") == {"write_path": "ingester"}
    assert older.pop("limits") == {}
    assert older == newer


@pytest.mark.parametrize("line", [OLDER, NEWER])
def test_limits_are_hot_unless_there_are_tenants(line: str):
    """Without tenancy every limit is in the reloaded file, with it the common ones are in the config."""
    limits = {"max_profile_size_bytes": 1}
    one = blueprint_of(line, limits=limits, retention="2d")
    many = blueprint_of(line, limits=limits, retention="2d", multi_tenant=True, tenant_limits={"a": limits})

    kept = {"compactor_blocks_retention_period": "172800s", **limits}
    assert PYROSCOPE.runtime(one) == {"overrides": {"anonymous": kept}}
    assert PYROSCOPE.runtime(many) == {"overrides": {"a": limits}}
    assert kept.items() <= cast("Mapping[str, object]", config_of(many)["limits"]).items()
    assert "compactor_blocks_retention_period" not in str(config_of(one)["limits"])


def test_the_bucket_is_named_and_its_keys_are_not():
    """The store's client has endpoint and bucket; its authority is a variable, its keys are nowhere."""
    blueprint = blueprint_of(store=BUCKET)

    assert config_of(blueprint)["storage"] == {
        "backend": "s3",
        "s3": {
            "bucket_name": "profiles",
            "bucket_lookup_type": "path-style",
            "endpoint": "s3.example.com",
            "insecure": False,
            "region": "us-east-1",
        },
    }
    assert PYROSCOPE.variables(blueprint) == {"SSL_CERT_FILE": "/etc/ca.pem"}
    assert PYROSCOPE.variables(blueprint_of()) == {}


def test_more_copies_restart_only_who_reads_the_ring():
    """A new replication factor changes the identity of distributors, ingesters and queriers alone."""
    one, three = document_of(blueprint_of(copies=1)), document_of(blueprint_of(copies=3))

    changed = {
        role.name
        for role in PYROSCOPE.lines[0].roles
        if identity.identity(PYROSCOPE, one, (role.name,))
        != identity.identity(PYROSCOPE, three, (role.name,))
    }

    assert changed == {"distributor", "ingester", "querier"}


def test_two_checks_in_one_second_are_two_profiles():
    """The time of a check's profile is its own to the nanosecond: one of two equal times would be dropped."""
    first, second = (
        PYROSCOPE.check("a", 1_700_000_000_000_000_000),
        PYROSCOPE.check("b", 1_700_000_000_000_000_001),
    )

    assert "from=1700000000000000000&" in first.write.path
    assert "from=1700000000000000001&" in second.write.path


@pytest.mark.parametrize("key", sorted(PYROSCOPE.protected))
def test_a_protected_key_is_refused_with_its_reason(key: str):
    """Whatever would break the cluster can't be overridden, and the reason is told."""
    tree: object = "x"
    for part in reversed(key.split(".")):
        tree = {part: tree}

    problems = parse(PYROSCOPE, {"config-overrides": tree}).problems

    assert [PYROSCOPE.protected[key] in problem.text for problem in problems] == [True]


def test_every_role_is_required_and_any_may_be_combined():
    """All nine are needed, `all` is the only set, and any combination makes one list of targets."""
    for line in PYROSCOPE.lines:
        names = [role.name for role in line.roles]

        assert line.missing(()) == tuple(names)
        assert [meta.name for meta in line.meta_roles] == ["all"]
        assert line.targets(["querier", "ingester"]) == ("ingester", "querier")
        assert line.targets(names) == line.targets(["all"]) == ("all",)


def test_what_forgets_and_tells_is_for_administrators():
    """Ring pages, configs, debugging and the bucket's content are closed."""
    closed = {route.path for route in PYROSCOPE.routes if route.access is Access.ADMIN}

    assert {"/ring", "/metrics", "/memberlist", "/api/v1/status/config", "/debug/pprof/"} <= closed
    assert not [
        route.path
        for route in PYROSCOPE.routes
        if route.access is Access.OPEN and route.path.endswith(("/ring", "/config"))
    ]


def test_who_has_blocks_of_tenants_nobody_asks_for_is_asked_for_them():
    """Only blocks that were never uploaded count; what a killed process left of its memory is lost."""
    (drain,) = PYROSCOPE.drains
    names = ("db/a/local/01A/meta.json", "db/a/local/01B/meta.json", "db/b/local/01C/meta.json")
    rest = "db/c/head/01D/profiles.parquet"
    disk = Disk(
        sizes=dict.fromkeys((*names, rest), 9), notes={"db/a/local/shipper.json": '{"uploaded": ["01A"]}'}
    )
    assert drain.leftovers(disk) == names[1:]

    calls = drain.open(disk)

    assert [dict(call.headers)["X-Scope-OrgID"] for call in calls] == ["a", "b"]
    assert {(call.method, call.path, call.body) for call in calls} == {
        ("POST", "/ingester.v1.IngesterService/LabelNames", b"{}")
    }
    assert drain.open(Disk(sizes={rest: 9})) == ()


def test_who_hears_no_gossip_is_no_seed():
    """Units that only keep settings or uploads are in no gossip, so nobody is told to ask them."""
    units = tuple(
        Unit(id=f"{role}-0", group=role, roles=(role,), report=Report(address="127.0.0.1", name=f"{role}-0"))
        for role in ("ad-hoc-profiles", "ingester", "querier", "tenant-settings")
    )

    chosen = choose(PYROSCOPE, Cluster(groups=(), units=units), parse(PYROSCOPE, {}).settings, None)

    assert chosen.seeds == ("ingester-0", "querier-0")
