"""`rolecall init`: write a rolecall.yaml to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from rolecall.cli import clusters, errors, files, products
from rolecall.core.products import PRODUCTS
from rolecall.local import home
from rolecall.local.file import topology
from rolecall.local.file.topology_stack import stack
from rolecall.local.file.topology_text import Preset

STACK = "stack"
_PRESETS: tuple[Preset, ...] = ("solo", "minimal", "recommended")


@click.command(
    epilog="""\b
Examples:
  rolecall init stack
  rolecall init stack --roles recommended
  rolecall init loki
"""
)
@click.argument("what", metavar="[stack|PRODUCT]", default=STACK)
@click.option(
    "--roles", "preset", type=click.Choice(_PRESETS), default="minimal", show_default=True, help="Which set."
)
def command(what: str, preset: str) -> None:
    """Write a rolecall.yaml with a cluster of PRODUCT, or with one of each, wired together.

    Nothing is started, and a file that is there stays as it is.
    """
    chosen = cast("Preset", preset)
    text = (
        stack(PRODUCTS.values(), chosen)
        if what == STACK
        else topology.preset(products.named(what)[0], chosen)
    )
    path = Path(files.DEFAULT)
    if path.exists():
        raise errors.refuse(
            errors.BAD_INPUT,
            "file-exists",
            f"cannot write {path}: there is one already",
            "edit it, or take it away",
        )
    with clusters.told():
        home.write(path, text)
    clusters.say(f"wrote {path}; rolecall up brings up what it says")
