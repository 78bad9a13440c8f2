"""Terraform's language as we write it: laid out as its own formatter does, and read back by another."""

from __future__ import annotations

from typing import Any, cast

import hcl2
import pytest

from rolecall.juju.hcl import Block, Call, Raw, document


def attributes(**found: object) -> list[str]:
    text = document([Block(kind="block", attributes=found)])
    return text.splitlines()[1:-1]


def test_signs_stand_below_one_another_until_a_value_takes_several_lines():
    assert attributes(a="x", longer=Raw("var.y"), m={"k": True}, b=1, of=[Raw("a.b"), "c"]) == [
        '  a      = "x"',
        "  longer = var.y",
        "  m = {",
        "    k = true",
        "  }",
        "  b  = 1",
        '  of = [a.b, "c"]',
    ]


def test_a_call_goes_on_where_its_argument_ends():
    assert attributes(config=Call("merge", ({"k": "v"}, Call("lookup", (Raw("var.c"), "app", {}))))) == [
        "  config = merge({",
        '    k = "v"',
        '  }, lookup(var.c, "app", {}))',
    ]


def test_blocks_stand_apart():
    inner = Block(kind="charm", attributes={"name": "x"})

    assert document(
        [Block(kind="resource", labels=("a", "b"), attributes={"n": 1}, blocks=(inner, inner))]
    ) == (
        'resource "a" "b" {\n  n = 1\n\n  charm {\n    name = "x"\n  }\n\n  charm {\n    name = "x"\n  }\n}\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        'a "quoted" one',
        "two\nlines: {a: 1}\n",
        "back\\slash",
        "${not.a.template}",
        "%{nor} this",
        "é",
    ],
)
def test_a_text_stays_what_it_is(text: str):
    """No character of a text ends it, or begins a template."""
    written = document([Block(kind="output", labels=("o",), attributes={"value": text})])
    tree = cast("dict[str, Any]", hcl2.loads(written))  # pyright: ignore[reportUnknownMemberType]
    (output,) = tree["output"]
    (body,) = output.values()

    assert text_of(str(body["value"])) == text


def text_of(read: str) -> str:
    """Undo the quotes and escapes, which that reader leaves as they are."""
    inner = read.removeprefix('"').removesuffix('"')
    for written, meant in (("$${", "${"), ("%%{", "%{"), ("\\n", "\n"), ('\\"', '"'), ("\\\\", "\\")):
        inner = inner.replace(written, meant)
    return inner
