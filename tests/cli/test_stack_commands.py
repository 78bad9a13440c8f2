"""The commands for a whole stack: the file that is written, and what Grafana is told of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from rolecall.cli import up
from rolecall.cli.group import rolecall
from rolecall.core.model import Verdict
from rolecall.core.products import PRODUCTS
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster
from rolecall.local.file.topology import ClusterSpec


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Begin in an empty folder, with nothing on PATH."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("ROLECALL_CACHE", str(tmp_path / "cache"))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(rolecall, arguments)


@pytest.mark.parametrize("preset", ["solo", "minimal", "recommended"])
def test_a_stack_is_written_whole(preset: str):
    """The file has a coherent cluster of every product, and they watch each other."""
    assert run("init", "stack", "--roles", preset).exit_code == 0

    tree = yaml.safe_load(Path("rolecall.yaml").read_text())
    assert tree["telemetry"] == "stack"
    assert {one["product"] for one in tree["clusters"].values()} == set(PRODUCTS)
    assert set(tree["clusters"]) == {"logs", "metrics", "traces", "profiles"}
    assert run("judge").exit_code == 0


def test_a_stack_is_wired():
    """Generated metrics and recording rules go to where metrics are taken in, alerts to its Alertmanager."""
    run("init", "stack")

    clusters = yaml.safe_load(Path("rolecall.yaml").read_text())["clusters"]
    push = "http://127.0.0.1:8080/api/v1/push"
    assert clusters["logs"]["settings"]["remote-write-url"] == push
    assert clusters["logs"]["settings"]["alertmanager-url"] == "http://127.0.0.1:8080/alertmanager"
    assert clusters["traces"]["settings"]["remote-write-url"] == push
    assert "metrics-generator" in clusters["traces"]["workers"]


def test_a_product_is_written():
    """A product alone gives the file that `up` would write."""
    assert run("init", "loki").exit_code == 0
    assert run("judge").exit_code == 0


def test_nothing_is_overwritten():
    """A file that is there stays as it is."""
    Path("rolecall.yaml").write_text("mine\n")

    result = run("init", "stack")

    assert (result.exit_code, result.stderr) == (
        2,
        "error: cannot write rolecall.yaml: there is one already; edit it, or take it away\n",
    )
    assert Path("rolecall.yaml").read_text() == "mine\n"


def test_an_unknown_product_is_refused():
    """A slip is answered with what was probably meant."""
    result = run("init", "lokl")

    assert result.exit_code == 2
    assert 'did you mean "loki"?' in result.stderr
    assert not Path("rolecall.yaml").exists()


def test_rendering_shows_what_watches():
    """The agent's files are among those that `up` would write, and every process sends its traces."""
    run("init", "stack")

    assert run("render", "--to", "out").exit_code == 0

    assert "api/v1/push" in Path("out/logs/telemetry/agent.yaml").read_text()
    assert "127." in Path("out/traces/telemetry/targets.json").read_text()
    assert "unit=read-0" in Path("out/metrics/units/read-0/process.json").read_text()


def test_datasources_of_a_stack():
    """There is a data source for each cluster, at its own address."""
    run("init", "stack")

    sources = yaml.safe_load(run("datasources", "--format", "grafana").stdout)["datasources"]

    assert {one["type"]: one["url"] for one in sources} == {
        "loki": "http://127.0.0.1:3100",
        "prometheus": "http://127.0.0.1:8080/prometheus",
        "tempo": "http://127.0.0.1:3200",
        "grafana-pyroscope-datasource": "http://127.0.0.1:4040",
    }


def test_grafana_where_there_is_none():
    """Without Grafana the command says so, and what to do instead."""
    run("init", "stack")

    result = run("grafana")

    assert result.exit_code == 3
    assert "there is none on PATH" in result.stderr
    assert "rolecall datasources" in result.stderr


def test_grafana_is_started_with_the_clusters(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Grafana becomes this very process, with the data sources among its files and on loopback alone."""
    run("init", "stack")
    grafana = folder / "opt" / "grafana" / "bin" / "grafana"
    defaults = folder / "opt" / "grafana" / "conf" / "defaults.ini"
    for file, text in ((grafana, "#!/bin/sh\necho grafana version 12.1.0\n"), (defaults, "")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    grafana.chmod(0o755)
    monkeypatch.setenv("ROLECALL_GRAFANA", str(grafana))
    started: list[tuple[str, tuple[str, ...], dict[str, str]]] = []

    def become(path: str, command: tuple[str, ...], environment: dict[str, str]) -> None:
        started.append((path, command, environment))

    monkeypatch.setattr(os, "execve", become)

    assert run("grafana", "--port", "3001").exit_code == 0

    ((path, command, environment),) = started
    provisioning = Path(environment["GF_PATHS_PROVISIONING"])
    assert path == command[0] == str(grafana)
    assert command[1:] == ("server", "--homepath", str(folder / "opt" / "grafana"))
    assert (environment["GF_SERVER_HTTP_ADDR"], environment["GF_SERVER_HTTP_PORT"]) == ("127.0.0.1", "3001")
    assert provisioning == folder / ".rolecall" / "grafana" / "provisioning"
    assert "rolecall-logs" in (provisioning / "datasources" / "rolecall.yaml").read_text()


def test_one_that_can_not_come_up_keeps_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """A cluster whose executable isn't to be had is said; the others are brought up."""
    run("init", "stack")
    tool = folder / "tool"
    tool.write_text("#!/bin/sh\necho nginx version: nginx/1.22.1 >&2\n")
    tool.chmod(0o755)
    for name in ("PEBBLE", "NGINX", "PROMETHEUS", *(product.name.upper() for product in PRODUCTS.values())):
        monkeypatch.setenv(f"ROLECALL_{name}", str(tool))
    monkeypatch.setenv("ROLECALL_PYROSCOPE", str(folder / "nowhere"))
    tried: list[str] = []

    def up_all(
        clusters: Sequence[tuple[LocalCluster, operations.Say]], **_: object
    ) -> tuple[operations.Outcome, ...]:
        tried.extend(cluster.spec.name for cluster, _ in clusters)
        return tuple(operations.Outcome(verdict=Verdict(), done=True) for _ in clusters)

    monkeypatch.setattr(operations, "up_all", up_all)

    result = run("up")

    assert result.exit_code == 3
    assert sorted(tried) == ["logs", "metrics", "traces"]
    assert "there is no such file" in result.stderr
    assert "logs is up" in result.stdout
    assert "profiles is up" not in result.stdout


def test_a_cluster_is_brought_up_by_name(monkeypatch: pytest.MonkeyPatch):
    """A name means that cluster of rolecall.yaml, and no other."""
    run("init", "stack")
    tried: list[str] = []

    def bring_all_up(
        specs: Sequence[ClusterSpec], *_: object, **__: object
    ) -> tuple[operations.Outcome, ...]:
        tried.extend(spec.name for spec in specs)
        return tuple(operations.Outcome(verdict=Verdict(), done=True) for _ in specs)

    monkeypatch.setattr(up, "bring_all_up", bring_all_up)

    assert run("up", "metrics").exit_code == 0
    assert tried == ["metrics"]
    assert "there is no such cluster" in run("up", "metrisc").stderr
