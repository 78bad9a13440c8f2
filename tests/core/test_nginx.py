"""A gateway as nginx reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import crossplane  # pyright: ignore[reportMissingTypeStubs]
import pytest
from gateway_samples import READY, a_gateway, units
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rolecall.core.gateway import Gateway, Options, Server, build
from rolecall.core.nginx import Dialect, Paths, render
from rolecall.core.nginx_text import Comment, block, quote, simple, write
from rolecall.core.products.loki import LOKI

HERE = Path(__file__).parent
GOLDEN = HERE / "cases" / "nginx"
PATHS = Paths(prefix="/srv/gateway")
OLD = Dialect.of("1.22.1")
NEW = Dialect.of("1.27.5")
LOKI_READY = {
    "write": units("write", 3),
    "read": units("read", block=1),
    "backend": units("backend", block=2),
}
ALL = Options(
    listeners=("otlp", "zipkin"), admin=True, admin_file="/srv/gateway/admin", peers={"deep": "deep/1"}
)


def loki(servers: dict[str, tuple[Server, ...]], options: Options, *deployed: str) -> Gateway:
    return build(LOKI, LOKI.lines[0], servers=servers, deployed=frozenset(deployed), options=options)


CASES = {
    "loki-minimal": (loki({role: units[:1] for role, units in LOKI_READY.items()}, Options()), OLD, PATHS),
    "loki-recommended": (
        loki(
            LOKI_READY,
            Options(
                admin=True,
                admin_file="/srv/gateway/admin",
                multi_tenant=True,
                peers={"backend": "backend/1"},
                address="0.0.0.0",  # noqa: S104  (what a container listens on)
            ),
        ),
        OLD,
        replace(PATHS, user="root"),
    ),
    "loki-unready": (loki({"write": LOKI_READY["write"]}, Options(), "read"), OLD, PATHS),
    "everything": (a_gateway(options=ALL), OLD, replace(PATHS, access_log="/srv/gateway/access.log")),
    "everything-tls": (
        a_gateway(
            {**READY, "deep": (Server(unit="deep/0", address="fd00::1"),)},
            options=replace(
                ALL, address="::", certificate="/srv/gateway/cert.pem", key="/srv/gateway/key.pem"
            ),
        ),
        OLD,
        PATHS,
    ),
    "everything-tls-newer": (
        a_gateway(
            options=replace(
                ALL, address="::", certificate="/srv/gateway/cert.pem", key="/srv/gateway/key.pem"
            )
        ),
        NEW,
        PATHS,
    ),
    "everything-newer": (a_gateway(options=ALL), NEW, PATHS),
}


@pytest.mark.parametrize("name", CASES)
def test_text_is_the_golden_one(name: str, rewrite: bool):
    """The whole text is what the golden file holds."""
    gateway, dialect, paths = CASES[name]
    file = GOLDEN / f"{name}.conf"

    text = render(gateway, dialect=dialect, paths=paths)
    if rewrite:
        file.write_text(text)

    assert text == file.read_text()


def test_every_golden_file_has_a_case():
    """No golden file is left of a case that is gone."""
    assert {file.stem for file in GOLDEN.glob("*.conf")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_text_parses(name: str, tmp_path: Path):
    """Another reader of nginx's language finds the same directives, with the right number of arguments."""
    gateway, dialect, paths = CASES[name]
    file = tmp_path / "nginx.conf"
    file.write_text(render(gateway, dialect=dialect, paths=paths))

    parsed = crossplane.parse(str(file))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    assert parsed["errors"] == []


@pytest.mark.parametrize(
    ("version", "directive"),
    [("1.22.1", False), ("1.25.0", False), ("1.25.1", True), ("1.27.5 (Ubuntu)", True), ("2.0", True)],
)
def test_dialect_follows_the_version(version: str, directive: bool):
    """HTTP/2 is a directive of its own from 1.25.1 on."""
    assert Dialect.of(version).http2_directive is directive


def test_unreadable_version_is_named():
    """A version that can't be read is told with what it should look like."""
    with pytest.raises(ValueError, match="should look like"):
        Dialect.of("unknown")


def test_everything_written_lies_beneath_the_prefix():
    """The process id and all temporary files lie in the folder that was given."""
    lines = render(a_gateway(), dialect=OLD, paths=PATHS).splitlines()

    written = [line.split()[1] for line in lines if line.strip().startswith(("pid ", *_temporary()))]

    assert len(written) == 6
    assert all(path.startswith("/srv/gateway/") for path in written)


def _temporary() -> tuple[str, ...]:
    return tuple(f"{kind}_temp_path" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


def test_hash_seed_does_not_matter():
    """G2: the same input gives the same bytes, whatever the hash seed."""
    program = (
        "from test_nginx import CASES\n"
        "from rolecall.core.nginx import render\n"
        "for gateway, dialect, paths in CASES.values():\n"
        "    print(render(gateway, dialect=dialect, paths=paths))\n"
    )

    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(HERE)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "2", "42")
    }

    assert len(outputs) == 1


@given(order=st.permutations(sorted(READY)), seed=st.permutations(range(3)))
def test_order_of_units_does_not_matter(order: list[str], seed: list[int]):
    """G2: the same units in any order give the same bytes."""
    shuffled = {role: tuple(READY[role][n] for n in seed if n < len(READY[role])) for role in order}

    text = render(a_gateway(shuffled, options=ALL), dialect=OLD, paths=PATHS)

    assert text == render(a_gateway(options=ALL), dialect=OLD, paths=PATHS)


def unquoted(word: str) -> str:
    """Read an argument back the way nginx's `ngx_conf_read_token` does."""
    if not word.startswith("'"):
        return word
    assert word.endswith("'")
    inner, out, at = word[1:-1], "", 0
    special = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
    while at < len(inner):
        assert inner[at] != "'"
        escape = special.get(inner[at + 1]) if inner[at] == "\\" and at + 1 < len(inner) else None
        out += escape or inner[at]
        at += 2 if escape else 1
    return out


@given(st.text())
def test_any_argument_is_read_back(arg: str):
    """Whatever an argument holds, it stays one argument and comes back as it was."""
    assert unquoted(quote(arg)) == arg


@pytest.mark.parametrize("arg", ["a", "$http_host", "~*^websocket$", "127.0.0.1:80", "($crooked)"])
def test_plain_arguments_stay_bare(arg: str):
    """An argument that needs no quotes gets none."""
    assert quote(arg) == arg


def test_tree_is_written_with_indent():
    """Blocks are indented, comments keep their place, and the text ends with one newline."""
    text = write((Comment("top"), Comment(), block("events", body=(simple("a", "b c"), Comment("in")))))

    assert text == "# top\n\nevents {\n    a 'b c';\n    # in\n}\n"
