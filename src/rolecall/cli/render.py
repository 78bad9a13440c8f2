"""`rolecall render`: every file that `up` would write, with nothing started."""

from __future__ import annotations

from pathlib import Path

import click

from rolecall.cli import errors, files, options
from rolecall.core.model import File
from rolecall.local import home, processes, rehearsal


@click.command(
    epilog="""\b
Examples:
  rolecall render --to rendered
  rolecall render clusters/logs.yaml --to /tmp/logs --nginx 1.27.4
"""
)
@click.argument("file", type=click.Path(allow_dash=True), default=files.DEFAULT)
@click.option("--to", "folder", required=True, metavar="DIR", help="Folder that gets the files.")
@click.option(
    "--nginx", default="1.22.1", show_default=True, metavar="VERSION", help="The nginx to write for."
)
@options.as_json
def command(file: str, folder: str, nginx: str, as_json: bool) -> None:
    """Write to DIR every file that up would write for FILE: configs, gateway and process specs.

    The same FILE at the same place gives the same bytes. No secret is needed or written. The cluster's id
    and the addresses are stand-ins: the first up chooses an id, and the addresses follow from it.
    """
    rendered = _rendered(files.read(file), nginx)
    files.write(Path(folder), rendered)
    paths = [str(Path(folder) / one.path) for one in rendered]
    if as_json:
        errors.show_json({"files": paths})
    else:
        click.echo("\n".join(paths))


def _rendered(source: files.Source, nginx: str) -> list[File]:
    """Rehearse every cluster of a file; refuse them all when one isn't coherent."""
    rehearsed: list[tuple[str, rehearsal.Rehearsed]] = []
    for spec in files.specs(source, need_secrets=False):
        place = home.Home(source.folder / ".rolecall" / spec.name)
        stage = rehearsal.Stage(home=place, nginx=nginx, user=processes.gateway_user())
        try:
            rehearsed.append((spec.name, rehearsal.render(spec, stage)))
        except ValueError as error:
            text, _, remedy = str(error).partition("; ")
            raise errors.refuse(errors.BAD_INPUT, "bad-option", text, remedy) from error
    problems = [problem for _, one in rehearsed for problem in one.verdict.problems]
    if not all(one.verdict.coherent for _, one in rehearsed):
        raise errors.Refused(problems, errors.INCOHERENT)
    return [
        File(path=f"{name}/{file.path}", content=file.content, mode=file.mode)
        for name, one in rehearsed
        for file in one.files
    ]
