"""A fifth product, small enough to read in a minute: lines go in at `front` and are kept by `store`.

`docs/how-to/add-a-product.md` walks through it.
"""

from __future__ import annotations

import json

from rolecall.core import fragments
from rolecall.core.binary import Binary
from rolecall.core.product import Blueprint, Product
from rolecall.core.roles import Keeps, Line, MetaRole, Role
from rolecall.core.routes import Access, Call, Check, Listener, Match, Port, Route
from rolecall.core.tree import Tree

_LINE = Line(
    name="1.0",
    roles=(
        Role(name="store", summary="keeps the lines", keeps=Keeps.DATA, ring=True, wave=0),
        Role(name="front", summary="takes lines in"),
        Role(name="extra", summary="counts them", required=False),
    ),
    meta_roles=(MetaRole(name="all", roles=("store", "front", "extra")),),
)


def _config(blueprint: Blueprint) -> Tree:
    return {
        "address": fragments.ADDRESS,
        "data": fragments.DATA,
        "stores": [blueprint.choices.peers.get("store", "")],
        "level": blueprint.settings.text("log-level"),
    }


def _check(marker: str, _: int) -> Check:
    body = json.dumps({"line": marker}).encode()
    return Check(
        write=Call(method="POST", path="/lines", body=body),
        read=Call(method="GET", path="/lines"),
        expect=marker,
    )


FIFTH = Product(
    name="fifth",
    title="Fifth",
    lines=(_LINE,),
    binary=Binary(name="fifth", version="1.0", variable="ROLECALL_FIFTH"),
    ports=(Port(name="http", number=8077),),
    listeners=(Listener(name="http", number=8077),),
    routes=(
        Route(path="/lines", roles=("store",), methods=("GET", "POST"), peer="store"),
        Route(path="/count", roles=("extra",), methods=("GET",)),
        Route(path="/internal/", roles=("store",), match=Match.PREFIX, access=Access.ADMIN),
    ),
    config=_config,
    check=_check,
    arguments=("{config}", "{targets}"),
    verify=("{config}", "verify"),
    live_keys=("stores",),
    replicated="store",
    peers=("store",),
    minimal=(("store", ("store",), 1), ("front", ("front",), 1)),
    recommended=(("store", ("store",), 3), ("front", ("front",), 2)),
)

PROGRAM = '''#!{python}
"""The executable of the fifth product: one small HTTP server."""
import http.server, json, os, pathlib, string, sys

text = string.Template(pathlib.Path(sys.argv[1]).read_text()).safe_substitute(os.environ)
config = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and line[0] not in "#- ")
if set(config) - {{"address", "data", "level", "stores"}}:
    sys.exit("cannot start: " + ", ".join(sorted(set(config))) + " is not all known")
if sys.argv[2] == "verify":
    sys.exit(0)
lines = pathlib.Path(config["data"]) / "lines"

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer("ready" if self.path == "/ready" else lines.read_text() if lines.exists() else "")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lines.open("a") as handle:
            handle.write(json.loads(body)["line"] + "\\n")
        self.answer("")
    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer((config["address"], 8077), Handler).serve_forever()
'''
