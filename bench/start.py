"""How long a cached `up` takes, against a few lines that start the same processes; and our memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from bench.table import Row
from rolecall.core.model import ProcessSpec
from rolecall.local import home as disk
from rolecall.local import processes
from rolecall.local.home import Home
from rolecall.local.readiness import Asker
from rolecall.local.supervisor import wait_for

_ROUNDS = 3
_BUDGET = 1.2
_BUDGET_MIB = 40
_FILE = """\
clusters:
  bench:
    product: loki
    workers:
      write: {roles: [write], units: 3}
      read: {roles: [read], units: 2}
      backend: {roles: [backend], units: 2}
    gateway: {port: 13103}
"""


def run() -> list[Row]:
    """Start the same cluster by `up` and by hand, in turn, always from empty data."""
    with tempfile.TemporaryDirectory(prefix="rolecall-bench-") as folder:
        root = Path(folder)
        (root / "rolecall.yaml").write_text(_FILE)
        home = Home(root / ".rolecall" / "bench")
        ours: list[float] = []
        bare: list[float] = []
        memory = 0.0
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            _rolecall(root, "up")
            ours.append(time.perf_counter() - began)
            memory = max(memory, _own_memory_mib(home))
            specs = _specs(home)
            _rolecall(root, "down")
            bare.append(_by_hand(specs, root))
            _rolecall(root, "down", "--purge", "--yes")
    ratio = median(ours) / median(bare)
    return [
        Row(
            what=f"up of 7 units until all are ready, median of {_ROUNDS}",
            ours=f"{median(ours):.1f} s",
            other=f"the same processes by a loop: {median(bare):.1f} s",
            ratio=f"{ratio:.2f}",
            budget=f"≤ {_BUDGET}",
            within=ratio <= _BUDGET,
        ),
        Row(
            what="memory of our own processes (supervisor and gateway, proportional share)",
            ours=f"{memory:.0f} MiB",
            budget=f"≤ {_BUDGET_MIB} MiB",
            within=memory <= _BUDGET_MIB,
        ),
    ]


def _rolecall(root: Path, *arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("rolecall")), *arguments]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"cannot measure: rolecall {' '.join(arguments)}: {result.stdout}{result.stderr}")


def _specs(home: Home) -> list[ProcessSpec]:
    specs: list[ProcessSpec] = []
    for unit in home.known_units():
        stored = json.loads(disk.read_text(home.unit(unit) / "process.json") or "{}")
        stored["command"] = tuple(stored["command"])
        specs.append(ProcessSpec(**stored))
    return specs


def _by_hand(specs: list[ProcessSpec], root: Path) -> float:
    """Start what `up` starts, from empty folders, and wait until all are ready: no more than must be."""
    began = time.perf_counter()
    started: list[subprocess.Popen[bytes]] = []
    with (root / "bare.log").open("ab") as log, Asker() as asker:
        for number, spec in enumerate(specs):
            data = root / f"bare-{time.time_ns()}-{number}"
            data.mkdir()
            (data / "runtime.yaml").write_text("{}\n")
            variables = {**os.environ, **spec.environment, "ROLECALL_DATA": str(data)}
            started.append(subprocess.Popen(spec.command, env=variables, stdout=log, stderr=log))
        urls = [f"http://{spec.environment['ROLECALL_ADDRESS']}:3100/ready" for spec in specs]
        wait_for(lambda: all(a.status == 200 for a in asker.ready(urls).values()), 120, "all to be ready")
    seconds = time.perf_counter() - began
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        process.wait(timeout=120)
    return seconds


def _own_memory_mib(home: Home) -> float:
    """Add up the proportional share of the supervisor, nginx and its workers."""
    running = processes.running(home.root)
    own = [psutil.Process(running[name].pid) for name in ("supervisor", "gateway")]
    everyone = [*own, *own[1].children(recursive=True)]
    return sum(process.memory_full_info().pss for process in everyone) / 2**20
