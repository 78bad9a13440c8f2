"""Bring up the demo cluster, write lines through its gateway and read them back.

Everything goes through what a user has: the `rolecall` command and plain HTTP.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

_FILE = Path(__file__).with_name("rolecall.yaml")
_LINES = 10


def main() -> int:
    """Run the demo and return an exit code."""
    code = _rolecall("up", str(_FILE))
    if code:
        return code
    url = json.loads(_output("status", "--file", str(_FILE), "--json"))["clusters"][0]["url"]
    marker = f"demo-{time.time_ns()}"
    _push(url, marker)
    lines = _read(url, marker)
    print(f"\nwrote {_LINES} lines through {url} and read {len(lines)} back, such as: {lines[0]}")
    if len(lines) != _LINES:
        print("cannot call the demo a success: not every line came back", file=sys.stderr)
        return 1
    print()
    _rolecall("status", "--file", str(_FILE))
    query = urllib.parse.quote('{job="demo"}')
    print(
        f"\nURL    {url}\nquery  curl -s '{url}/loki/api/v1/query_range?query={query}'\nstop   make demo-down"
    )
    return 0


def _rolecall(*arguments: str) -> int:
    return subprocess.run([_command(), *arguments], check=False).returncode


def _output(*arguments: str) -> str:
    return subprocess.run([_command(), *arguments], check=True, capture_output=True, text=True).stdout


def _command() -> str:
    return str(Path(sys.executable).with_name("rolecall"))


def _push(url: str, marker: str) -> None:
    now = time.time_ns()
    values = [[str(now + number), f"{marker} line {number}"] for number in range(_LINES)]
    body = json.dumps({"streams": [{"stream": {"job": "demo"}, "values": values}]}).encode()
    request = urllib.request.Request(  # noqa: S310 - our own gateway, over HTTP
        f"{url}/loki/api/v1/push", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        pass


def _read(url: str, marker: str) -> list[str]:
    query = urllib.parse.urlencode({"query": f'{{job="demo"}} |= "{marker}"', "limit": 100})
    with urllib.request.urlopen(f"{url}/loki/api/v1/query_range?{query}", timeout=30) as answer:  # noqa: S310
        result = json.load(answer)["data"]["result"]
    return [line for stream in result for _, line in stream["values"]]


if __name__ == "__main__":
    sys.exit(main())
