"""Run the benchmarks that are named, or all of them, and print each as a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from bench import decide, gateway, helptext, hooks, start
from bench.table import Row, show

BENCHMARKS: Mapping[str, Callable[[], list[Row]]] = {
    "decide": decide.run,
    "help": helptext.run,
    "gateway": gateway.run,
    "up": start.run,
    "hooks": hooks.run,
}


def main(names: list[str]) -> int:
    """Run benchmarks; the exit code is 1 when a budget is exceeded."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"cannot run {', '.join(unknown)}: the benchmarks are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    within = True
    for name in names or BENCHMARKS:
        rows = BENCHMARKS[name]()
        show(name, rows)
        within = within and all(row.within for row in rows)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
