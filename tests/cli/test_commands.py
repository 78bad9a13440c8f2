"""The commands, on a machine where nothing runs: what they print, write and end with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rolecall.cli.group import COMMANDS, rolecall
from rolecall.core.products import PRODUCTS
from rolecall.local import operations
from rolecall.local.file.topology import preset

Run = Callable[..., Result]

GOOD = "clusters: {logs: {product: loki}}\n"
INCOHERENT = "clusters: {logs: {product: loki, workers: {write: {roles: [write]}}}}\n"
BAD = "clusters: {logs: {product: loki, workers: {all: {roles: [all], units: many}}}}\n"
TWO = """\
clusters:
  logs: {product: loki}
  more: {product: loki, gateway: {port: 3101}, workers: {one: {roles: [all], units: 2}}}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder, with executables that do nothing."""
    monkeypatch.chdir(tmp_path)
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho nginx version: nginx/1.22.1 >&2\n")
    tool.chmod(0o755)
    variables = (
        *(product.binary.variable for product in PRODUCTS.values()),
        "ROLECALL_PEBBLE",
        "ROLECALL_NGINX",
    )
    for variable in variables:
        monkeypatch.setenv(variable, str(tool))

    def runs(*arguments: str, file: str | None = None, stdin: str | None = None) -> Result:
        if file is not None:
            Path("rolecall.yaml").write_text(file)
        return CliRunner().invoke(rolecall, arguments, input=stdin)

    return runs


def data(result: Result) -> dict[str, Any]:
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_help(run: Run, name: str):
    """Every command has a help with examples."""
    result = run(name, "--help")

    assert result.exit_code == 0
    assert f"Examples:\n    rolecall {name}" in result.stdout


def test_group_help_lists_exit_codes(run: Run):
    """The help of all commands lists each of them and the exit codes."""
    result = run("--help")

    assert result.exit_code == 0
    assert "130  interrupted" in result.stdout
    assert all(f"\n  {name} " in result.stdout for name in COMMANDS)


def test_unknown_command(run: Run):
    """A misspelt command ends with 2 and says what was probably meant."""
    result = run("stat")

    assert result.exit_code == 2
    assert 'did you mean "status"?' in result.stderr


@pytest.mark.parametrize(("file", "code"), [(GOOD, 0), (INCOHERENT, 1), (BAD, 2)])
def test_judge(run: Run, file: str, code: int):
    """A coherent file ends with 0, an incoherent one with 1, one that can't be understood with 2."""
    as_text, as_json = run("judge", file=file), run("judge", "--json")

    assert (as_text.exit_code, as_json.exit_code) == (code, code)
    assert data(as_json)["coherent"] is (code == 0)


def test_judge_says_what_is_missing(run: Run):
    """The verdict names each missing role, as text and as facts."""
    assert 'error: cannot serve: no worker runs the role "read"' in run("judge", file=INCOHERENT).stdout

    (cluster,) = data(run("judge", "--json"))["clusters"]

    assert [problem["facts"]["role"] for problem in cluster["problems"]] == [["backend"], ["read"]]
    assert {problem["severity"] for problem in cluster["problems"]} == {"blocked"}


def test_judge_reads_standard_input(run: Run):
    """`-` is the standard input."""
    result = run("judge", "-", stdin=GOOD)

    assert (result.exit_code, result.stdout) == (0, "logs: coherent, loki 3.7, 1 unit\n")


@pytest.mark.parametrize("name", ["judge", "status", "plan", "up", "down", "check", "logs", "restart"])
def test_no_file(run: Run, name: str):
    """Without a file, every command says how to write one."""
    result = run(name)

    assert result.exit_code == 2
    assert "cannot read rolecall.yaml: there is no such file; write one with: rolecall up" in result.stderr


def test_file_that_is_no_text(run: Run):
    """A file that isn't text is refused, not a traceback."""
    Path("rolecall.yaml").write_bytes(b"\xff\xfe\x00")

    result = run("judge", "--json")

    assert result.exit_code == 2
    assert data(result)["problems"][0]["text"] == "cannot read rolecall.yaml: it is not UTF-8 text"


def contents(folder: str) -> Mapping[str, str]:
    root = Path(folder)
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_render_gives_the_same_bytes(run: Run):
    """Rendering twice gives the same files, whatever the order of keys in the file (G2)."""
    file = preset(PRODUCTS["loki"], "recommended")
    lines = file.splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if line.startswith("      write:"))
    turned = "".join([*lines[:first], *reversed(lines[first : first + 3]), *lines[first + 3 :]])

    assert run("render", "--to", "one", file=file).exit_code == 0
    assert run("render", "--to", "two", file=turned).exit_code == 0

    assert turned != file
    assert contents("one") == contents("two")


def test_render_writes_what_up_would(run: Run):
    """Each unit has its config, its limits and how its process starts; the gateway sends to all of them."""
    result = run("render", "--to", "out", "--json", file=preset(PRODUCTS["loki"], "minimal"))

    files = contents("out")
    process = json.loads(files["loki/units/read-0/process.json"])

    assert sorted(data(result)["files"]) == sorted(f"out/{name}" for name in files)
    assert {name for name in files if "read-0" in name} == {
        f"loki/units/read-0/{name}" for name in ("config.yaml", "data/runtime.yaml", "process.json")
    }
    assert process["command"][-1] == "-target=read"
    assert (
        files["loki/gateway/nginx.conf"].count(f"server {process['environment']['ROLECALL_ADDRESS']}:3100")
        >= 1
    )
    assert not Path(".rolecall").exists()


def test_render_needs_no_secret(run: Run):
    """A file whose keys aren't there is rendered, and no key is written."""
    file = (
        "clusters: {logs: {product: loki, object-store: {s3: {endpoint: 'http://s3', bucket: b, "
        "access-key: {env: NOT_SET_A}, secret-key: {env: NOT_SET_B}}}}}"
    )

    assert run("render", "--to", "out", file=file).exit_code == 0

    assert not [name for name in contents("out") if "credentials" in name]
    assert "AWS_SHARED_CREDENTIALS_FILE" in contents("out")["logs/units/solo-0/process.json"]


@pytest.mark.parametrize(("file", "code"), [(INCOHERENT, 1), (BAD, 2)])
def test_render_refuses(run: Run, file: str, code: int):
    """A file that can't be brought up isn't rendered."""
    assert run("render", "--to", "out", file=file).exit_code == code
    assert not Path("out").exists()


def test_render_where_it_can_not_write(run: Run):
    """A folder that can't be written to ends with 3."""
    Path("out").write_text("a file")

    result = run("render", "--to", "out", file=GOOD)

    assert result.exit_code == 3
    assert "cannot write to out: " in result.stderr


def test_render_for_an_unreadable_nginx_version(run: Run):
    """A version that is none is refused with an example."""
    result = run("render", "--to", "out", "--nginx", "newest", file=GOOD)

    assert result.exit_code == 2
    assert "it should look like 1.22.1" in result.stderr


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=lambda product: product.name)
def test_roles(run: Run, product: Any):
    """Every role and meta-role of every line is listed, as text and as data."""
    text = run("roles", product.name).stdout
    (listed,) = data(run("roles", product.name, "--json"))["products"]

    for line, given in zip(product.lines, listed["lines"], strict=True):
        assert all(role.summary in text for role in line.roles)
        assert [role["name"] for role in given["roles"]] == [role.name for role in line.roles]
        assert [meta["name"] for meta in given["meta-roles"]] == [meta.name for meta in line.meta_roles]


@pytest.mark.parametrize("name", ["roles", "binaries"])
def test_unknown_product(run: Run, name: str):
    """A misspelt product ends with 2 and says what was probably meant."""
    result = run(name, "lokki")

    assert result.exit_code == 2
    assert 'did you mean "loki"?' in result.stderr


def test_binaries(run: Run, tmp_path: Path):
    """Each executable is shown with where it comes from, and nothing is fetched for that."""
    result = run("binaries", "--json")

    assert result.exit_code == 0
    assert {one["file"] for one in data(result)["binaries"]} == {str(tmp_path / "tool")}
    assert {one["from"] for one in data(result)["binaries"]} == {"variable"}


def test_binary_that_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch):
    """A variable that names nothing ends with 3, and the others are shown all the same."""
    monkeypatch.setenv("ROLECALL_PEBBLE", "/nowhere/pebble")

    result = run("binaries")

    assert result.exit_code == 3
    assert "error: cannot use ROLECALL_PEBBLE=/nowhere/pebble: there is no such file" in result.stderr
    assert "\nnginx " in result.stdout


def test_unknown_source(run: Run):
    """A source that nobody knows is refused with those that are."""
    result = run("binaries", "--from", "path,cloud")

    assert result.exit_code == 2
    assert "cloud is not among variable, path, cache" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str):
    """The script of each shell asks rolecall what comes next."""
    result = run("completion", shell)

    assert result.exit_code == 0
    assert f"_ROLECALL_COMPLETE={shell}_complete" in result.stdout


def test_completion_of_a_command():
    """The beginning of a command is completed without importing any command."""
    result = CliRunner().invoke(
        rolecall,
        prog_name="rolecall",
        env={"_ROLECALL_COMPLETE": "bash_complete", "COMP_WORDS": "rolecall st", "COMP_CWORD": "1"},
        complete_var="_ROLECALL_COMPLETE",
    )

    assert result.stdout == "plain,status\n"


def test_up_writes_a_file(run: Run, monkeypatch: pytest.MonkeyPatch):
    """`up PRODUCT` writes the preset when there is no file, and says so."""
    monkeypatch.setenv("ROLECALL_NGINX", "/nowhere/nginx")

    result = run("up", "loki", "--roles", "solo")

    assert result.exit_code == 3
    assert "wrote rolecall.yaml with the solo set of Loki" in result.stderr
    assert "cannot use ROLECALL_NGINX=/nowhere/nginx" in result.stderr
    assert Path("rolecall.yaml").read_text() == preset(PRODUCTS["loki"], "solo")


def test_up_keeps_a_file(run: Run):
    """`up PRODUCT --roles` never overwrites a file."""
    result = run("up", "loki", "--roles", "solo", file=GOOD)

    assert result.exit_code == 2
    assert Path("rolecall.yaml").read_text() == GOOD


def test_up_refuses_before_it_fetches(run: Run, monkeypatch: pytest.MonkeyPatch):
    """A file that isn't coherent ends with 1, before any executable is looked for."""
    monkeypatch.setenv("ROLECALL_NGINX", "/nowhere/nginx")

    result = run("up", file=INCOHERENT)

    assert result.exit_code == 1
    assert 'no worker runs the role "backend"' in result.stderr


def test_failure_as_data(run: Run, monkeypatch: pytest.MonkeyPatch):
    """With `--json` a failure is JSON on the standard output, too."""
    monkeypatch.setenv("ROLECALL_NGINX", "/nowhere/nginx")

    result = run("up", "--json", file=GOOD)

    assert result.exit_code == 3
    assert data(result)["problems"][0]["code"] == "binary"


def test_roles_preset_without_product(run: Run):
    """`--roles` without a product is a mistake of usage."""
    assert run("up", "--roles", "solo", file=GOOD).exit_code == 2


def test_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C ends with 130 and one word, not a traceback."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(operations, "up_all", interrupt)

    result = run("up", file=GOOD)

    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_status_of_what_is_not_up(run: Run):
    """A cluster that was never brought up is shown as such, and nothing is written for that."""
    result = run("status", file=TWO)

    assert result.exit_code == 0
    assert result.stdout.startswith("logs: not up; bring it up with: rolecall up\n")
    assert data(run("status", "more", "--json"))["clusters"] == [
        {"cluster": "more", "product": "loki", "running": False, "units": []}
    ]
    assert not Path(".rolecall").exists()


@pytest.mark.parametrize("name", ["status", "down", "check"])
def test_unknown_cluster(run: Run, name: str):
    """A cluster that isn't in the file is refused with those that are."""
    result = run(name, "lost", file=TWO)

    assert result.exit_code == 2
    assert "the clusters are logs, more" in result.stderr


def test_status_despite_a_problem(run: Run):
    """A mistake in the file doesn't keep a person from looking at the clusters."""
    result = run("status", file="clusters: {logs: {product: loki, settings: {retenton: 1d}}}")

    assert "there is no setting" in result.stderr
    assert "logs: not up" in result.stdout


def test_down_of_what_is_not_up(run: Run):
    """Stopping what doesn't run is done at once."""
    result = run("down", "--json", file=GOOD)

    assert result.exit_code == 0
    assert data(result)["clusters"] == [{"name": "logs", "stopped": 0, "purged": False}]


def test_purge_asks(run: Run):
    """`--purge` asks first, and without a yes nothing is removed."""
    Path(".rolecall/logs").mkdir(parents=True)

    result = run("down", "--purge", file=GOOD, stdin="n\n")

    assert result.exit_code == 130
    assert Path(".rolecall/logs").exists()


def test_check_fails_when_nobody_answers(run: Run):
    """A check that can't write ends with 1."""
    result = run(
        "check", "--timeout", "1s", "--json", file="clusters: {logs: {product: loki, gateway: {port: 9}}}"
    )

    assert result.exit_code == 1
    assert data(result)["checks"][0]["ok"] is False


def test_plan_of_a_new_cluster(run: Run):
    """The first thing for a new cluster is to ask the binary about its config; nothing is done."""
    result = run("plan", "--json", file=GOOD)

    (cluster,) = data(result)["clusters"]

    assert result.exit_code == 0
    assert "verify-config" in [action["action"] for action in cluster["actions"]]
    assert not Path(".rolecall/logs/gateway").exists()


def test_scale_of_what_is_not_up(run: Run):
    """Scaling a cluster that doesn't run changes the file, keeps its mode, and says so."""
    Path("rolecall.yaml").touch(mode=0o600)

    result = run("scale", "one=5", file=TWO)

    assert result.exit_code == 0
    assert Path("rolecall.yaml").read_text() == TWO.replace("units: 2", "units: 5")
    assert Path("rolecall.yaml").stat().st_mode & 0o777 == 0o600
    assert "more isn't running" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("one=0",), 1, "give worker"),
        (("none=1",), 2, "name it with --cluster"),
        (("none=1", "--cluster", "more"), 2, "the workers are one"),
        (("one=many",), 2, "is not WORKER=N"),
        (("one=999",), 2, "is not a whole number from 0 to 254"),
    ],
)
def test_scale_refused(run: Run, arguments: tuple[str, ...], code: int, said: str):
    """A scale that can't be is refused, and the file stays as it was."""
    result = run("scale", *arguments, file=TWO)

    assert result.exit_code == code
    assert said in result.stderr
    assert Path("rolecall.yaml").read_text() == TWO


def test_restart_of_what_is_not_up(run: Run):
    """Restarting what doesn't run ends with 3 and says how to start it."""
    result = run("restart", file=GOOD)

    assert result.exit_code == 3
    assert "bring it up with: rolecall up" in result.stderr


def test_restart_of_an_unknown_unit(run: Run):
    """A unit that isn't there is refused with those that are."""
    result = run("restart", "solo-1", file=GOOD)

    assert result.exit_code == 2
    assert "they are solo, solo-0" in result.stderr


def test_logs(run: Run):
    """The last lines of one unit are shown, and those of the others aren't."""
    folder = Path(".rolecall/logs")
    folder.mkdir(parents=True)
    (folder / "processes.log").write_text(
        "".join(f"2026-01-01T00:00:00Z [solo-{number % 2}] line {number}\n" for number in range(10))
    )

    result = run("logs", "solo-0", "-n", "2", file=GOOD)

    assert [line[-6:] for line in result.stdout.splitlines()] == ["line 6", "line 8"]


def test_logs_of_an_unknown_unit(run: Run):
    """A unit that isn't there is refused with those that are."""
    result = run("logs", "wrote-0", file=GOOD)

    assert result.exit_code == 2
    assert "the units are solo-0, and gateway" in result.stderr


def test_bad_duration(run: Run):
    """A timeout that is none is refused with an example."""
    result = run("up", "--timeout", "soon", file=GOOD)

    assert result.exit_code == 2
    assert "such as 5m" in result.stderr


def test_every_command_is_a_module():
    """Each command of the table has its module."""
    for name in COMMANDS:
        assert find_spec(f"rolecall.cli.{name}")
