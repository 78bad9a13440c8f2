"""Nothing outside `core/products` knows a product by name."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import rolecall
from rolecall.core.products import PRODUCTS

_SOURCE = Path(rolecall.__file__).parent
_NAMES = re.compile(rf"\b({'|'.join(PRODUCTS)})(?![a-z])", re.IGNORECASE)
_OTHERS_WORDS = {
    "core/endpoints.py": "loki_push_api",  # Juju's name of an interface
    "core/payloads/__init__.py": "loki_push_api",  # the same
    "core/telemetry.py": "pyroscope.",  # Alloy's name of its component that scrapes profiles
    "local/supervisor.py": '"loki"',  # Pebble's name of its kind of log target
}
"""Where another program's own vocabulary holds such a word, and that word."""


def _statements(path: Path) -> Iterator[tokenize.TokenInfo]:
    """Yield the names and texts of a file, without comments and docstrings."""
    fresh = True
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING):
            fresh = True
        elif token.type not in (tokenize.NL, tokenize.COMMENT):
            if token.type == tokenize.NAME or (token.type == tokenize.STRING and not fresh):
                yield token
            fresh = False


def _is_example(token: tokenize.TokenInfo) -> bool:
    """Whether it is the text below a command's help, which shows what a person may type."""
    return token.string.startswith('"""\\b\n')


def test_no_module_names_a_product():
    """No name and no text outside `core/products` holds a product's name, but for help's examples."""
    found: list[str] = []
    for path in sorted(_SOURCE.rglob("*.py")):
        place = path.relative_to(_SOURCE).as_posix()
        if place.startswith("core/products/"):
            continue
        for token in _statements(path):
            text = token.string.replace(_OTHERS_WORDS.get(place, "\0"), "")
            if _NAMES.search(text) and not _is_example(token):
                found.append(f"{place}:{token.start[0]}: {token.string[:60]}")

    assert found == []


def test_every_exception_is_needed():
    """Each word that is let through stands where it is said to."""
    for place, word in _OTHERS_WORDS.items():
        assert word in (_SOURCE / place).read_text()


def test_the_table_and_the_folder_agree():
    """Each product has one file, and each file is in the table."""
    files = {path.stem for path in (_SOURCE / "core" / "products").glob("*.py")} - {"__init__"}

    assert files == set(PRODUCTS)
    assert all(name == product.name for name, product in PRODUCTS.items())
