"""Find and read rolecall.yaml."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rolecall.cli import errors
from rolecall.core.model import File
from rolecall.core.products import PRODUCTS
from rolecall.local import home
from rolecall.local.file import topology

if TYPE_CHECKING:
    from rolecall.local.file.topology import ClusterSpec, Parsed

DEFAULT = "rolecall.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file's text and where it is."""

    name: str
    """As the person named it."""
    folder: Path
    text: str


def read(path: str) -> Source:
    """Read a file; `-` is the standard input.

    Raises:
        errors.Refused: it can't be read.
    """
    try:
        if path == "-":
            return Source(name="<stdin>", folder=Path.cwd(), text=sys.stdin.buffer.read().decode())
        file = Path(path)
        return Source(name=path, folder=file.absolute().parent, text=file.read_bytes().decode())
    except FileNotFoundError as error:
        raise errors.refuse(
            errors.BAD_INPUT,
            "no-file",
            f"cannot read {path}: there is no such file",
            f"write one with: rolecall up {next(iter(PRODUCTS))}",
        ) from error
    except UnicodeDecodeError as error:
        raise errors.refuse(
            errors.BAD_INPUT, "bad-yaml", f"cannot read {path}: it is not UTF-8 text", "save it as UTF-8"
        ) from error
    except OSError as error:
        raise errors.refuse(
            errors.BAD_INPUT,
            "no-file",
            f"cannot read {path}: {error.strerror}",
            "name a file that you may read",
        ) from error


def parse(source: Source, *, need_secrets: bool = True) -> Parsed:
    """Parse a file in the environment of this process."""
    return topology.parse(
        source.text,
        source=source.name,
        products=PRODUCTS,
        environment=os.environ,
        folder=source.folder,
        need_secrets=need_secrets,
    )


def specs(
    source: Source, names: Sequence[str] = (), *, need_secrets: bool = True, strict: bool = True
) -> tuple[ClusterSpec, ...]:
    """Return the clusters of a file, or those that are named.

    Args:
        source: The file.
        names: Clusters; none means all.
        need_secrets: Whether its keys must be there.
        strict: Whether any problem of the file ends it; else they are shown, and what can be read goes on.

    Raises:
        errors.Refused: the file is wrong, or has no cluster of that name.
    """
    parsed = parse(source, need_secrets=need_secrets)
    if parsed.problems and (strict or not parsed.clusters):
        raise errors.Refused(parsed.problems, errors.BAD_INPUT)
    for line in errors.lines_of(parsed.problems):
        click.echo(line, err=True)
    known = {cluster.name: cluster for cluster in parsed.clusters}
    for name in names:
        if name not in known:
            raise errors.refuse(
                errors.BAD_INPUT,
                "unknown-cluster",
                f'cannot find cluster "{name}" in {source.name}: there is no such cluster',
                f"the clusters are {', '.join(known)}",
            )
    return tuple(known[name] for name in dict.fromkeys(names)) or parsed.clusters


def write(folder: Path, written: Iterable[File]) -> None:
    """Write files beneath a folder that the person named.

    Raises:
        errors.Refused: one can't be written.
    """
    try:
        for one in written:
            home.write(folder / one.path, one.content, one.mode)
    except OSError as error:
        raise errors.refuse(
            errors.WORLD,
            "cannot-write",
            f"cannot write to {folder}: {error.strerror}",
            "name a folder that you may write to",
        ) from error
