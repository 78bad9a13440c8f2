"""nginx directives as a tree, and the one writer that turns it into text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

_BARE = re.compile(r"""[^\s;{}"'\\#][^\s;{}"'\\]*""")
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class Directive(Struct, frozen=True):
    """One directive; with a block when `body` is not None."""

    name: str
    args: tuple[str, ...] = ()
    body: tuple[Node, ...] | None = None


class Comment(Struct, frozen=True):
    """One line for the reader; empty: a blank line."""

    text: str = ""


Node = Directive | Comment


def simple(name: str, *args: str) -> Directive:
    """Build a directive that ends with a semicolon."""
    return Directive(name, args)


def block(name: str, *args: str, body: Iterable[Node]) -> Directive:
    """Build a directive with a block."""
    return Directive(name, args, tuple(body))


def write(nodes: Iterable[Node]) -> str:
    """Return the text of a whole file."""
    return "\n".join(_lines(nodes, "")) + "\n"


def quote(arg: str) -> str:
    """Return an argument as nginx reads it back unchanged.

    Inside quotes the reader undoes a backslash before a quote, a backslash, n, r and t
    (`ngx_conf_read_token`), and nothing ends the argument but the closing quote. Variables stay variables.
    """
    return arg if _BARE.fullmatch(arg) else f"'{arg.translate(_ESCAPES)}'"


def _lines(nodes: Iterable[Node], indent: str) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Comment):
            yield f"{indent}# {node.text}" if node.text else ""
            continue
        words = " ".join(map(quote, (node.name, *node.args)))
        if node.body is None:
            yield f"{indent}{words};"
            continue
        yield f"{indent}{words} {{"
        yield from _lines(node.body, indent + "    ")
        yield f"{indent}}}"
