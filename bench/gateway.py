"""Requests a second through our nginx, against a minimal one written by hand for the same upstreams."""

from __future__ import annotations

import contextlib
import getpass
import os
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path
from statistics import median

from bench.table import Row
from rolecall.core import gateway, nginx
from rolecall.core.products import PRODUCTS
from rolecall.local.fetch import nginx_binary
from rolecall.local.readiness import Asker
from rolecall.local.supervisor import wait_for

_ROUNDS = 5
_SECONDS = 3
_CONNECTIONS = 32
_BUDGET = 0.9
_BACKENDS = ("127.91.0.1", "127.91.0.2")
_OURS, _THEIRS = 13101, 13102

_MINIMAL = """\
daemon off;
{user}
pid {prefix}/minimal.pid;
error_log stderr warn;
worker_processes auto;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    upstream read {{
        {servers}
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://read;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


def run() -> list[Row]:
    """Send the same requests through both, in turn, and compare each round."""
    with tempfile.TemporaryDirectory(prefix="rolecall-bench-") as folder, contextlib.ExitStack() as stack:
        root = Path(folder)
        load = _load_tool(root)
        found = nginx_binary.locate_nginx()
        binary = str(found.path)
        _write_configs(root, found.version)
        addresses = [f"{address}:3100" for address in _BACKENDS]
        stack.enter_context(_process([load, "serve", *addresses]))
        for name in ("ours", "minimal"):
            prefix = root / name
            command = [binary, "-c", str(prefix / "nginx.conf"), "-p", str(prefix), "-e", "stderr"]
            stack.enter_context(_process(command))
        urls = {port: f"http://127.0.0.1:{port}/loki/api/v1/query_range" for port in (_OURS, _THEIRS)}
        asker = stack.enter_context(Asker())
        for url in urls.values():
            wait_for(lambda url=url: asker.ask(url).status == 200, 10, f"{url} to answer")
        rounds = [(_rate(load, urls[_OURS]), _rate(load, urls[_THEIRS])) for _ in range(_ROUNDS)]
    ratios = [ours / theirs for ours, theirs in rounds]
    return [
        Row(
            what=f"requests/s, {_CONNECTIONS} connections, median of {_ROUNDS} pairs",
            ours=f"{median(ours for ours, _ in rounds):.0f}",
            other=f"minimal nginx: {median(theirs for _, theirs in rounds):.0f}",
            ratio=f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
            budget=f"≥ {_BUDGET}",
            within=median(ratios) >= _BUDGET,
        )
    ]


def _load_tool(root: Path) -> str:
    tool = root / "load"
    source = Path(__file__).with_name("load")
    subprocess.run(["go", "build", "-o", str(tool), "."], cwd=source, check=True)
    return str(tool)


def _write_configs(root: Path, version: str) -> None:
    product = PRODUCTS["loki"]
    user = getpass.getuser() if os.geteuid() == 0 else ""
    ours, minimal = root / "ours", root / "minimal"
    ours.mkdir()
    minimal.mkdir()
    servers = tuple(gateway.Server(unit=f"unit-{n}", address=address) for n, address in enumerate(_BACKENDS))
    line = product.lines[0]
    value = gateway.build(
        product,
        line,
        servers={role.name: servers for role in line.roles},
        deployed=frozenset(role.name for role in line.roles),
        options=gateway.Options(ports={"http": _OURS}),
    )
    text = nginx.render(
        value, dialect=nginx.Dialect.of(version), paths=nginx.Paths(prefix=str(ours), user=user)
    )
    (ours / "nginx.conf").write_text(text)
    (minimal / "nginx.conf").write_text(
        _MINIMAL.format(
            user=f"user {user};" if user else "",
            prefix=minimal,
            servers="\n        ".join(f"server {address}:3100;" for address in _BACKENDS),
            port=_THEIRS,
        )
    )


@contextlib.contextmanager
def _process(command: list[str]) -> Generator[None]:
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


def _rate(load: str, url: str) -> float:
    output = subprocess.run(
        [load, "send", url, str(_CONNECTIONS), str(_SECONDS)], check=True, capture_output=True, text=True
    ).stdout
    good, bad = (int(word) for word in output.split())
    if bad:
        raise RuntimeError(f"cannot compare: {bad} of {good + bad} requests to {url} failed")
    return good / _SECONDS
