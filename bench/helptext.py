"""What `rolecall --help` costs above the bare interpreter."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.table import Row

_RUNS = 15
_BUDGET_MS = 60


def run() -> list[Row]:
    """Time whole processes in turn, one of each a round."""
    rolecall = str(Path(sys.executable).with_name("rolecall"))
    commands = {"help": [rolecall, "--help"], "bare": [sys.executable, "-c", "pass"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(_RUNS):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append((time.perf_counter() - began) * 1000)
    ours, bare = median(times["help"]), median(times["bare"])
    return [
        Row(
            what="rolecall --help",
            ours=f"{ours:.0f} ms",
            other=f"bare interpreter: {bare:.0f} ms",
            ratio=f"{ours / bare:.1f}",
            budget=f"≤ {_BUDGET_MS} ms more",
            within=ours - bare <= _BUDGET_MS,
        )
    ]
