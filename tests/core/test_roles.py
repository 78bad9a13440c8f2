"""Roles and meta-roles: what they stand for, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from rolecall.core import roles
from rolecall.core.products import PRODUCTS
from rolecall.core.roles import Line

Handler = Callable[[str, str], str]


def per_line(answer: Callable[[str, Line, tuple[str, ...]], str]) -> Handler:
    """Make a handler that answers each line of roles on its own."""

    def handler(product: str, text: str) -> str:
        line = PRODUCTS[product].lines[0]
        return "\n".join(
            f"{names or 'nothing'} -> {answer(product, line, tuple(names.split()))}"
            for names in text.splitlines()
        )

    return handler


def test_roles(golden: Callable[[Path, Mapping[str, Handler]], None]):
    """Roles expand, become targets, are refused and are missing as the cases say."""
    golden(
        Path(__file__).parent / "cases" / "roles.case",
        {
            "expand": per_line(lambda _, line, names: ", ".join(line.expand(names))),
            "targets": per_line(lambda _, line, names: ",".join(line.targets(names))),
            "missing": per_line(lambda _, line, names: ", ".join(line.missing(names)) or "nothing"),
            "problems": per_line(
                lambda product, line, names: (
                    " | ".join(map(str, roles.problems_of(line, product, "demo", names))) or "none"
                )
            ),
        },
    )
