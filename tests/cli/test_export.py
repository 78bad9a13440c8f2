"""`rolecall export`: a file's clusters as a bundle and as a Terraform module."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import hcl2
import pytest
import yaml
from click.testing import CliRunner, Result
from msgspec.structs import replace

from rolecall.cli.group import rolecall
from rolecall.core import options, settings
from rolecall.core.charm import Purpose
from rolecall.core.model import Group
from rolecall.core.products import PRODUCTS
from rolecall.juju import export, metadata

ROOT = Path(__file__).parent.parent.parent
CHARMS = {
    metadata.name(product, kind): metadata.charmcraft(product, kind)
    for product in PRODUCTS.values()
    for kind in metadata.KINDS
}
INTEGRATOR: Mapping[str, Any] = {
    "provides": {"s3-credentials": {"interface": "s3"}},
    "config": {
        "options": {
            name: {"type": "string"}
            for name in ("endpoint", "bucket", "region", "s3-uri-style", "credentials")
        }
    },
}
"""What of the integrator's own metadata we count on."""
TYPES = {"boolean": bool, "int": int, "float": float, "string": str}

SMALL = """
clusters:
  logs:
    product: loki
    workers:
      all: {roles: [all], units: 3}
    settings: {retention: 30d, replication-factor: 3}
    object-store:
      s3:
        endpoint: https://s3.example.com
        bucket: lake
        access-key: {env: S3_ACCESS_KEY}
        secret-key: {env: S3_SECRET_KEY}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(rolecall, ["export", "juju", *arguments])


def charm(name: str) -> Mapping[str, Any]:
    return INTEGRATOR if name == export.INTEGRATOR else CHARMS[name]


def interface(charm_name: str, endpoint: str) -> str:
    """Return the interface of a charm's endpoint; raises KeyError when it has no such endpoint."""
    sides = charm(charm_name)
    return {**sides.get("provides", {}), **sides.get("requires", {})}[endpoint]["interface"]


def test_a_small_cluster_is_these_applications():
    Path("rolecall.yaml").write_text(SMALL)

    result = run()

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "# juju deploy ./bundle.yaml\n"
        "# juju add-secret logs-s3-keys access-key=… secret-key=…    # prints secret:ID\n"
        "# juju grant-secret logs-s3-keys logs-s3\n"
        "# juju config logs-s3 credentials=secret:ID\n"
        "bundle: kubernetes\n"
        "applications:\n"
        "  logs:\n"
        "    charm: rolecall-loki-coordinator-k8s\n"
        "    channel: latest/edge\n"
        "    num_units: 1\n"
        "    options:\n"
        "      retention-period: 30\n"
        "      replication-factor: '3'\n"
        "  logs-s3:\n"
        "    charm: s3-integrator\n"
        "    channel: 2/stable\n"
        "    num_units: 1\n"
        "    options:\n"
        "      endpoint: https://s3.example.com\n"
        "      bucket: lake\n"
        "      region: us-east-1\n"
        "      s3-uri-style: path\n"
        "  logs-all:\n"
        "    charm: rolecall-loki-worker-k8s\n"
        "    channel: latest/edge\n"
        "    num_units: 3\n"
        "    options:\n"
        "      role-all: true\n"
        "relations:\n"
        "- - logs:s3\n"
        "  - logs-s3:s3-credentials\n"
        "- - logs:loki-cluster\n"
        "  - logs-all:loki-cluster\n"
    )


def bundles() -> dict[str, str]:
    """Return the bundle of a stack, and those that are committed."""
    made = CliRunner().invoke(rolecall, ["init", "stack", "--roles", "recommended"])
    assert made.exit_code == 0, made.output
    committed = {path.parent.name: path.read_text() for path in (ROOT / "deploy").glob("*/bundle.yaml")}
    assert set(committed) == set(PRODUCTS)
    return {"stack": run().stdout, **committed}


def test_a_bundle_agrees_with_the_charms():
    """Each application's options exist and have the right type, and what is integrated fits together."""
    for text in bundles().values():
        bundle = yaml.safe_load(text)
        applications = bundle["applications"]
        for application in applications.values():
            known = charm(application["charm"])["config"]["options"]
            for name, value in application.get("options", {}).items():
                assert type(value) is TYPES[known[name]["type"]], name
        for relation in bundle["relations"]:
            (one, one_end), (other, other_end) = (end.split(":") for end in relation)
            one_interface = interface(applications[one]["charm"], one_end)
            assert one_interface == interface(applications[other]["charm"], other_end)


def test_each_required_endpoint_of_a_bundle_is_integrated():
    """Nothing that a charm can't do without is left to the administrator."""
    for text in bundles().values():
        bundle = yaml.safe_load(text)
        joined = {end for relation in bundle["relations"] for end in relation}
        for name, application in bundle["applications"].items():
            sides = charm(application["charm"])
            needed = {**sides.get("provides", {}), **sides.get("requires", {})}
            missing = {
                end
                for end, endpoint in needed.items()
                if endpoint.get("optional") is False and f"{name}:{end}" not in joined
            }
            assert missing == set(), name


def modules() -> dict[str, dict[str, str]]:
    """Return the module of a stack, and those that are committed: file to text."""
    assert CliRunner().invoke(rolecall, ["init", "stack"]).exit_code == 0
    stack = json.loads(run("--format", "terraform", "--json").stdout)["files"]
    committed = {
        folder.parent.name: {path.name: path.read_text() for path in folder.glob("*.tf")}
        for folder in (ROOT / "deploy").glob("*/terraform")
    }
    assert set(committed) == set(PRODUCTS)
    return {"stack": stack, **committed}


def blocks(files: Mapping[str, str], kind: str) -> dict[str, dict[str, Any]]:
    """Return the blocks of a kind by their labels, joined by dots."""
    tree = cast("dict[str, Any]", hcl2.loads("\n".join(files.values())))  # pyright: ignore[reportUnknownMemberType]
    found: dict[str, dict[str, Any]] = {}
    for block in tree.get(kind, []):
        labels: list[str] = []
        inner = block
        while "__is_block__" not in inner:
            ((label, inner),) = inner.items()
            labels.append(label.strip('"'))
        place = ".".join(labels)
        assert place not in found, place
        found[place] = inner
    return found


def test_a_module_says_only_what_it_declares():
    """Each variable and resource that is named is there, and each variable is used."""
    for files in modules().values():
        text = "\n".join(files.values())
        declared, resources = blocks(files, "variable"), blocks(files, "resource")

        assert set(re.findall(r"\bvar\.(\w+)", text)) == set(declared)
        assert set(re.findall(r"\b(juju_\w+\.\w+)\.", text)) <= set(resources)
        keys = {name for name in declared if name.endswith("_key")}
        assert keys
        assert all(declared[name].get("sensitive") is True for name in keys)


def test_a_module_deploys_what_the_bundle_does():
    made = CliRunner().invoke(rolecall, ["init", "stack"])
    assert made.exit_code == 0
    bundle = yaml.safe_load(run().stdout)
    resources = blocks(json.loads(run("--format", "terraform", "--json").stdout)["files"], "resource")
    applications = {
        one["name"].strip('"'): one["charm"][0]["name"].strip('"')
        for place, one in resources.items()
        if place.startswith("juju_application.")
    }
    integrations = [
        sorted(_end(end) for end in one["application"])
        for place, one in resources.items()
        if place.startswith("juju_integration.")
    ]

    assert applications == {name: one["charm"] for name, one in bundle["applications"].items()}
    assert sorted(integrations) == sorted(sorted(relation) for relation in bundle["relations"])


def _end(block: Mapping[str, str]) -> str:
    """Return an end of an integration as a bundle writes it."""
    name = block["name"].removeprefix("${juju_application.").removesuffix(".name}")
    return f"{name.replace('_', '-')}:{block['endpoint'].strip(chr(34))}"


def test_settings_mean_the_same_there():
    """What the charm reads from its options is what the file said."""
    chosen = """
      retention: 36h
      replication-factor: 1
      log-level: warn
      multi-tenant: true
      receivers: [zipkin, jaeger-grpc]
      metrics-processors: []
      limits: {ingestion: {burst_size_bytes: 1000}}
      tenant-limits: {a: {read: {max_bytes_per_tag_values_query: 5}}}
      config-overrides: {query_frontend: {max_outstanding_per_tenant: 9}}
"""
    Path("rolecall.yaml").write_text(f"clusters:\n  traces:\n    product: tempo\n    settings:{chosen}")

    bundle = yaml.safe_load(run().stdout)

    given = bundle["applications"]["traces"]["options"]
    expected = settings.parse(PRODUCTS["tempo"], yaml.safe_load(chosen))
    read = options.read(PRODUCTS["tempo"], given)
    assert (read.problems, expected.problems) == ((), ())
    assert read.settings == expected.settings


def test_clusters_find_each_other_by_their_services():
    assert CliRunner().invoke(rolecall, ["init", "stack"]).exit_code == 0

    applications = yaml.safe_load(run().stdout)["applications"]

    assert applications["logs"]["options"]["alertmanager-url"] == "http://metrics:8080/alertmanager"
    assert applications["traces"]["options"]["remote-write-url"] == "http://metrics:8080/api/v1/push"


def test_clusters_are_integrated_where_their_charms_have_endpoints_for_it():
    """The sender gets no address then: the other side tells it."""
    tempo, mimir = PRODUCTS["tempo"], PRODUCTS["mimir"]
    charm = metadata.charm_of(tempo)
    joined = {**charm.endpoints, Purpose.CATALOGUE: ("send-remote-write", "prometheus_remote_write")}
    url = {"remote-write-url": "http://127.0.0.1:8080/api/v1/push"}
    traces = export.Source(
        name="traces",
        product=replace(tempo, charm=replace(charm, endpoints=joined)),
        groups=(Group(name="all", roles=("all",), units=1),),
        settings=settings.parse(tempo, url).settings,
    )
    metrics = export.Source(
        name="metrics",
        product=mimir,
        groups=(Group(name="all", roles=("all",), units=1),),
        settings=settings.parse(mimir, {}).settings,
        urls={"http": "http://127.0.0.1:8080"},
    )

    exported = export.export([traces, metrics])

    integration = export.Integration(("traces", "send-remote-write"), ("metrics", "receive-remote-write"))
    assert integration in exported.integrations
    assert "remote-write-url" not in exported.applications[0].options


def test_what_stays_on_this_machine_is_said_all_at_once():
    Path("rolecall.yaml").write_text("""
telemetry: stack
clusters:
  logs:
    product: loki
    gateway: {port: 3101}
    settings:
      alertmanager-url: http://127.0.0.1:9093
    object-store:
      s3:
        endpoint: http://127.0.0.1:9000
        bucket: lake
        create-bucket: true
        ca: ca.pem
        access-key: {env: S3_ACCESS_KEY}
        secret-key: {env: S3_SECRET_KEY}
  metrics:
    product: mimir
    settings: {line: "2.17"}
""")

    result = run()

    assert result.exit_code == 0
    assert "127.0.0.1" not in result.stdout
    assert [line.partition(";")[0] for line in result.stderr.splitlines()] == [
        "warning: cannot carry over clusters.logs.settings.alertmanager-url: "
        "http://127.0.0.1:9093 is on this machine",
        "warning: cannot carry over clusters.logs.object-store.s3.endpoint: "
        "http://127.0.0.1:9000 is on this machine",
        f"warning: cannot carry over clusters.logs.object-store.s3.ca: {Path('ca.pem').absolute()} "
        "is a file of this machine",
        "warning: cannot carry over clusters.metrics.object-store: units share no folder there",
        "warning: cannot carry over clusters.metrics.settings.line: the charms' image is Mimir 3.1.0",
        "warning: cannot carry over clusters.logs.gateway: "
        "there it listens on the product's own ports, on the address of its pod",
        "warning: cannot carry over clusters.logs.telemetry: "
        "there a cluster is watched by what it is integrated with",
        "warning: cannot carry over clusters.logs.object-store.s3.create-bucket: "
        "nothing makes a bucket there",
        "warning: cannot carry over clusters.metrics.telemetry: "
        "there a cluster is watched by what it is integrated with",
    ]


def test_what_would_change_the_cluster_is_an_error_and_writes_nothing():
    """Juju would delete data at another time, or take no such name."""
    Path("rolecall.yaml").write_text("""
clusters:
  logs-2:
    product: loki
    settings: {retention: 36h}
    workers: {s3: {roles: [all]}}
""")

    result = run("--to", "out")

    assert result.exit_code == 2
    assert not Path("out").exists()
    assert [line for line in result.stderr.splitlines() if line.startswith("error")] == [
        'error: cannot call an application "logs-2": each part of a name needs a letter on Juju; '
        "give the cluster or the worker another name",
        'error: cannot call an application "logs-2-s3": each part of a name needs a letter on Juju; '
        "give the cluster or the worker another name",
        'error: cannot call two applications "logs-2-s3"; give the cluster or the worker another name',
        "error: cannot carry over clusters.logs-2.settings.retention: the charm's option counts whole days; "
        "write one that the option retention-period can say",
    ]


def test_an_incoherent_cluster_is_not_exported():
    Path("rolecall.yaml").write_text("clusters: {logs: {product: loki, workers: {r: {roles: [read]}}}}\n")

    result = run()

    assert result.exit_code == 1
    assert result.stdout == ""
    assert 'no worker runs the role "write"' in result.stderr


def test_no_key_is_read_or_written(monkeypatch: pytest.MonkeyPatch):
    Path("rolecall.yaml").write_text(SMALL)
    monkeypatch.setenv("S3_ACCESS_KEY", "AKIDEXAMPLE")
    monkeypatch.setenv("S3_SECRET_KEY", "wJalrXUtnFEMI")

    for wanted in ("bundle", "terraform"):
        result = run("--format", wanted)

        assert result.exit_code == 0
        assert not re.search("AKIDEXAMPLE|wJalrXUtnFEMI", result.output)


def test_files_are_written_where_they_are_wanted():
    Path("rolecall.yaml").write_text(SMALL)

    result = run("--to", "out", "--format", "terraform", "--channel", "1/stable")

    assert result.exit_code == 0
    assert result.stdout.split() == [
        f"out/{name}.tf" for name in ("versions", "variables", "main", "outputs")
    ]
    assert 'default     = "1/stable"' in Path("out/variables.tf").read_text()
    assert 'default     = "https://s3.example.com"' in Path("out/variables.tf").read_text()


def test_the_module_is_printed_in_one_piece():
    Path("rolecall.yaml").write_text(SMALL)

    printed = {"all.tf": run("--format", "terraform").stdout}

    assert "juju_application.logs" in blocks(printed, "resource")
    assert "model_uuid" in blocks(printed, "variable")


def test_a_folder_that_cannot_be_written_is_named():
    Path("rolecall.yaml").write_text(SMALL)
    Path("out").write_text("a file\n")

    result = run("--to", "out")

    assert result.exit_code == 3
    assert "cannot write to out" in result.stderr


def test_it_imports_no_host():
    """It starts nothing, so it needs nothing that could."""
    program = "import sys, rolecall.cli.export; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert not set(done.stdout.split()) & {"ops", "httpx2", "psutil", "botocore", "rich"}
