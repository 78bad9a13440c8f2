"""What Mimir's product file gives for a blueprint: nothing runs here."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rolecall.core import gateway, identity, nginx, settings
from rolecall.core.model import S3, Choices, Deployment, Directory, Document
from rolecall.core.product import Blueprint
from rolecall.core.products.mimir import MIMIR

LINE, OLD_LINE = MIMIR.lines
DIRECTORY = Directory(path="/store")
BUCKET = S3(endpoint="https://s3.example.com", bucket="metrics", ca="/ca.pem")


def a_blueprint(raw: dict[str, object] | None = None, **changes: Any) -> Blueprint:
    parsed = settings.parse(MIMIR, raw or {})
    assert not parsed.problems
    whole = Blueprint(
        line="3.1",
        deployment=Deployment(name="metrics", uuid="u1"),
        settings=parsed.settings,
        store=DIRECTORY,
        choices=Choices(seeds=("w-0",), replication_factor=3, peers={"alertmanager": "b-0"}),
        roles=frozenset(role.name for role in LINE.roles),
    )
    return replace(whole, **changes)


def config(blueprint: Blueprint) -> Any:
    return identity.load(identity.render_config(MIMIR, blueprint))


def runtime(blueprint: Blueprint) -> Any:
    return identity.load(identity.render_runtime(MIMIR, blueprint))


def digest(blueprint: Blueprint, *roles: str) -> str:
    document = Document(
        product="mimir",
        line=blueprint.line,
        revision=1,
        config=identity.render_config(MIMIR, blueprint),
        runtime="",
    )
    return identity.identity(MIMIR, document, roles)


def test_meta_roles_become_components():
    """The binary is given components only: 3.x has no targets for the meta-roles any more."""
    targets = {meta.name: set(LINE.targets([meta.name])) for meta in LINE.meta_roles}

    components = {role.name for role in LINE.roles}
    assert targets["read"] == {"query-frontend", "querier"}
    assert targets["write"] == {"distributor", "ingester"}
    assert targets["all"] == components - {"alertmanager", "overrides-exporter"}
    assert targets["read"] | targets["write"] | targets["backend"] == components


@pytest.mark.parametrize(("line", "missing"), [(LINE, ("query-scheduler",)), (OLD_LINE, ())])
def test_the_scheduler_is_required_from_3_on(line: Any, missing: tuple[str, ...]):
    """Only 2.17 can do without a query-scheduler."""
    others = [role.name for role in line.roles if role.name != "query-scheduler"]

    assert line.missing(others) == missing


@pytest.mark.parametrize("store", [DIRECTORY, BUCKET], ids=["directory", "bucket"])
def test_the_three_stores_do_not_overlap(store: Any):
    """Blocks, rules and alerts lie in folders, or under prefixes, of their own."""
    tree = config(a_blueprint(store=store))
    stores = [tree[f"{name}_storage"] for name in ("blocks", "ruler", "alertmanager")]

    places = [one["filesystem"]["dir"] if store is DIRECTORY else one["storage_prefix"] for one in stores]

    assert len(set(places)) == 3
    assert tree["common"]["storage"]["backend"] == ("filesystem" if store is DIRECTORY else "s3")


def test_the_bucket_is_reached_without_keys_in_the_config():
    """The config names bucket and certificate authority, and no key."""
    s3 = config(a_blueprint(store=BUCKET))["common"]["storage"]["s3"]

    assert s3 == {
        "bucket_lookup_type": "path",
        "bucket_name": "metrics",
        "endpoint": "s3.example.com",
        "http": {"tls_ca_path": "/ca.pem"},
        "insecure": False,
        "region": "us-east-1",
    }


def test_the_old_line_has_no_ring_of_queriers():
    """2.17 would refuse the key."""
    assert "ring" in config(a_blueprint())["querier"]
    assert "ring" not in config(a_blueprint(line="2.17"))["querier"]


def test_the_old_line_does_without_a_scheduler():
    """Where 2.17 has no query-scheduler, the queriers dial a query-frontend by its name."""
    roles = frozenset({"querier", "query-frontend"})
    tree = config(a_blueprint(line="2.17", roles=roles, choices=Choices(peers={"query-frontend": "f-0"})))

    assert tree["frontend_worker"] == {"frontend_address": "f-0:9095"}
    assert "query_scheduler" not in tree


def test_alerts_go_to_our_own_alertmanager_or_to_the_one_named():
    """`alertmanager-url` wins over the role; with neither, alerts go nowhere."""
    named = "http://elsewhere:9093"

    def url(blueprint: Blueprint) -> str:
        return (
            config(blueprint)["limits"]
            .get("ruler_alertmanager_client_config", {})
            .get("alertmanager_url", "")
        )

    assert url(a_blueprint()) == "http://b-0:8080/alertmanager"
    assert url(a_blueprint({"alertmanager-url": named})) == named
    assert url(a_blueprint(choices=Choices())) == ""


def test_only_rulers_restart_for_another_alertmanager():
    """The address that alerts go to is read by rulers alone."""
    with_one, without = a_blueprint(), a_blueprint(choices=Choices(seeds=("w-0",), replication_factor=3))

    assert digest(with_one, "backend") != digest(without, "backend")
    assert digest(with_one, "all") != digest(without, "all")
    assert digest(with_one, "write") == digest(without, "write")
    assert digest(with_one, "alertmanager") == digest(without, "alertmanager")


def test_units_that_come_and_go_change_no_identity():
    """Seeds are for the next start: a config with others is no reason for a restart."""
    other = Choices(seeds=("w-1", "w-2"), replication_factor=3, peers={"alertmanager": "b-0"})

    assert digest(a_blueprint(choices=other), "all") == digest(a_blueprint(), "all")


def test_limits_are_in_the_hot_reloaded_file_only():
    """Without tenancy every limit, and the retention, is the one tenant's."""
    blueprint = a_blueprint({"retention": "30d", "limits": {"ingestion_rate": 5}})

    (tenant, limits), *others = runtime(blueprint)["overrides"].items()

    assert (tenant, others) == (MIMIR.tenant, [])
    assert limits["compactor_blocks_retention_period"] == "2592000s"
    assert limits["ingestion_rate"] == 5
    assert "ingestion_rate" not in config(blueprint)["limits"]


def test_with_tenants_the_common_limits_are_in_the_config():
    """The hot-reloaded file then has those of single tenants."""
    raw: dict[str, object] = {
        "multi-tenant": True,
        "limits": {"ingestion_rate": 5},
        "tenant-limits": {"one": {"ingestion_rate": 6}},
    }
    blueprint = a_blueprint(raw)

    assert config(blueprint)["limits"]["ingestion_rate"] == 5
    assert runtime(blueprint) == {"overrides": {"one": {"ingestion_rate": 6}}}


@pytest.mark.parametrize("key", MIMIR.protected)
def test_protected_keys_are_refused_with_the_reason(key: str):
    """What the coordinator decides can't be overridden."""
    tree: dict[str, object] = {}
    branch = tree
    *path, last = key.split(".")
    for part in path:
        branch[part] = branch = {}
    branch[last] = "mine"

    (problem,) = settings.parse(MIMIR, {"config-overrides": tree}).problems

    assert MIMIR.protected[key] in problem.text


def test_a_block_may_be_larger_than_a_push():
    """Only the upload of blocks has no limit, and isn't kept on the gateway's disk."""
    value = gateway.build(
        MIMIR,
        LINE,
        servers={role.name: (gateway.Server(unit="u-0", address="127.0.0.2"),) for role in LINE.roles},
        deployed=frozenset(),
        options=gateway.Options(),
    )

    text = nginx.render(value, dialect=nginx.Dialect.of("1.22.1"), paths=nginx.Paths(prefix="/srv"))

    assert "client_max_body_size 100m;" in text
    assert text.count("client_max_body_size 0;") == 1
    assert text.count("proxy_request_buffering off;") == 1
