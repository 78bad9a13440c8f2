"""What a hook that changes nothing costs, as a whole process, against one of a charm that does nothing.

The charms run on the stage, in pods with the real Pebble, nginx and Loki. When all has settled, each unit
is sent `update-status` again and again, in turn. The hook tools give the answers that the stage gave the
first time, so that they cost the same for all charms, and next to nothing; on a real Juju, a call takes
some 20 ms, so the calls are counted.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import jubilant

from bench.table import Row
from rolecall.local.fetch import binaries
from rolecall.local.fetch.helpers import VERSITYGW
from rolecall.local.supervisor import wait_for
from stage import rocks
from stage.namespaces import unsupported
from stage.tools import WRITERS

_ROUNDS = 15
_LIMIT_S = 180
_HERE = Path(__file__).parent
_REPOSITORY = _HERE.parent
_CHARMS = {
    "bare": _HERE / "bare",
    "worker": _REPOSITORY / "charms" / "loki" / "worker",
    "coordinator": _REPOSITORY / "charms" / "loki" / "coordinator",
    "s3": _REPOSITORY / "stage" / "charms" / "s3-integrator",
    "signer": _REPOSITORY / "stage" / "charms" / "self-signed-certificates",
}
_TIMED = ("bare", "worker", "coordinator")
_RESOURCES = ("loki-image", "nginx-image", "nginx-prometheus-exporter-image")
_KEYS = {"access-key": "bench", "secret-key": "bench-bench"}


@dataclass(frozen=True, slots=True)
class _Cost:
    """What the hooks of one charm cost."""

    wall_ms: float
    """Least time of a whole process: what else the machine does can only add to it."""
    processor_ms: float
    """Least processor time, that of the tools it calls among it."""
    calls: Counter[str]
    """Hook tools that one hook calls."""


def run() -> list[Row]:
    """Measure without TLS, then with it; raises RuntimeError where pods can't run or a hook writes."""
    if lacks := [reason for reason in (unsupported(), *rocks.lacking(_RESOURCES)) if reason]:
        raise RuntimeError(f"cannot measure hooks: {'; '.join(lacks)}")
    with tempfile.TemporaryDirectory(prefix="rcb-") as folder, ExitStack() as stack:
        root = Path(folder)
        store = stack.enter_context(_object_store(root))
        stage = stack.enter_context(_stage(root))
        stage.deploy(store)
        plain = stage.costs()
        stage.encrypt()
        encrypted = stage.costs()
    return [
        _row("worker", plain, 1.3),
        _row("coordinator", plain, 1.6),
        _row("worker", encrypted, 1.3, ", TLS related"),
        _row("coordinator", encrypted, 2.2, ", TLS related"),
    ]


def _row(name: str, costs: Mapping[str, _Cost], budget: float, note: str = "") -> Row:
    ours, bare = costs[name], costs["bare"]
    ratio = ours.wall_ms / bare.wall_ms
    most = ", ".join(f"{count} {tool}" for tool, count in ours.calls.most_common(4))
    return Row(
        what=f"update-status of the {name}{note}: {ours.calls.total()} tool calls ({most})",
        ours=f"{ours.wall_ms:.0f} ms",
        other=f"bare charm: {bare.wall_ms:.0f} ms, {bare.calls.total()} calls",
        ratio=f"{ratio:.2f} (processor {ours.processor_ms / bare.processor_ms:.2f})",
        budget=f"≤ {budget}",
        within=ratio <= budget,
    )


class _Stage:
    """A stage with the charms that are compared."""

    def __init__(self, root: Path, hook: Path) -> None:
        self._home = root / "stage"
        self._hook = hook
        self._juju = jubilant.Juju(cli_binary=_REPOSITORY / "stage" / "juju", wait_timeout=_LIMIT_S)

    def deploy(self, store: str) -> None:
        """Deploy all that takes part, and let it settle."""
        folders = {name: self._with_dispatch(name) for name in _TIMED}
        self._juju.deploy(folders["bare"], "bare")
        self._juju.deploy(folders["coordinator"], "coordinator")
        self._juju.deploy(folders["worker"], "worker", config={"role-all": True})
        options = {"endpoint": store, "bucket": "loki", "region": "us-east-1", **_KEYS}
        self._juju.deploy(_CHARMS["s3"], "s3", config=options)
        self._juju.integrate("coordinator:loki-cluster", "worker")
        self._juju.integrate("coordinator:s3", "s3")
        self._settle()

    def encrypt(self) -> None:
        """Have somebody sign the gateway's certificate, and let that settle."""
        self._juju.deploy(_CHARMS["signer"], "signer")
        self._juju.integrate("coordinator:certificates", "signer")
        self._settle()

    def costs(self) -> dict[str, _Cost]:
        """Time every charm's hook, one of each a round; the first round only fetches the answers."""
        for name in _TIMED:
            (self._charm(name) / "answers").mkdir()
        tools = self._home / "tools"
        script = (tools / "juju-log").resolve()
        stages = script.rename(script.with_name("of-the-stage"))
        shutil.copy(self._hook, script)
        try:
            self._round()
            for name in _TIMED:
                for file in ("times", "calls"):
                    (self._charm(name) / file).unlink()
            for _ in range(_ROUNDS):
                self._round()
        finally:
            stages.rename(script)
        return {name: self._cost(name) for name in _TIMED}

    def _with_dispatch(self, name: str) -> Path:
        folder = self._home.parent / name
        shutil.copytree(_CHARMS[name], folder)
        shutil.copy(self._hook, folder / "dispatch")
        return folder

    def _settle(self) -> None:
        apps = [name for name in self._juju.status().apps if name != "bare"]
        self._juju.wait(lambda status: jubilant.all_active(status, *apps))
        # What was put off to a later hook is done in this one.
        self._round()
        self._juju.wait(lambda status: jubilant.all_active(status, *apps))

    def _round(self) -> None:
        for name in _TIMED:
            self._juju.cli("stage", "update-status", f"{name}/0")
            self._juju.cli("stage", "wait-idle", "--limit", str(_LIMIT_S))

    def _charm(self, name: str) -> Path:
        return self._home / "models" / "stage" / "units" / f"{name}-0" / "charm"

    def _cost(self, name: str) -> _Cost:
        folder = self._charm(name)
        times = [line.split() for line in (folder / "times").read_text().splitlines()]
        calls = Counter(line.split()[0] for line in (folder / "calls").read_text().splitlines())
        wrote = sorted(set(calls) & WRITERS)
        # The stage sends every unit an update-status of its own now and then.
        if wrote or len(times) < _ROUNDS:
            raise RuntimeError(
                f"cannot measure the hooks of {name}: they are to change nothing, but {len(times)} of"
                f" {_ROUNDS} ended well, and they called {', '.join(wrote) or 'nothing that writes'}"
            )
        shutil.rmtree(folder / "answers")
        return _Cost(
            wall_ms=min(int(wall) for wall, _ in times) / 1000,
            processor_ms=min(int(processor) for _, processor in times) / 1000,
            calls=Counter({tool: round(count / len(times)) for tool, count in calls.items()}),
        )


@contextmanager
def _stage(root: Path) -> Generator[_Stage]:
    hook = root / "hook"
    subprocess.run(["go", "build", "-o", str(hook), "."], cwd=_HERE / "hook", check=True)
    os.environ["STAGE_HOME"] = str(root / "stage")
    made = _Stage(root, hook)
    try:
        yield made
    finally:
        subprocess.run([_REPOSITORY / "stage" / "juju", "stage", "down"], check=True)
        pid = root / "stage" / "daemon.pid"
        wait_for(lambda: not pid.exists(), 60, "the stage to be down")


@contextmanager
def _object_store(root: Path) -> Generator[str]:
    """Serve an empty bucket; yield the URL."""
    folder = root / "store"
    (folder / "loki").mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    keys = ["--access", _KEYS["access-key"], "--secret", _KEYS["secret-key"]]
    gateway = str(binaries.locate(VERSITYGW).path)
    with (root / "store.log").open("wb") as log:
        process = subprocess.Popen(
            [gateway, *keys, "--port", f"127.0.0.1:{port}", "posix", str(folder)], stdout=log, stderr=log
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=10)
