"""The commands of `stage/juju`: those of Juju's that jubilant calls for tests, and the stage's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stage.commands import applications, models, relations, secrets, show, stage, tasks, units
from stage.commands.line import Command, Line, Result, Takes, parse
from stage.errors import StageError

if TYPE_CHECKING:
    from stage.host import Host

_ALWAYS: dict[str, Takes] = {"model": "value", "m": "value"}

COMMANDS: dict[str, Command] = {
    **applications.COMMANDS,
    **units.COMMANDS,
    **relations.COMMANDS,
    **tasks.COMMANDS,
    **secrets.COMMANDS,
    **show.COMMANDS,
    **models.COMMANDS,
}


def run(host: Host, folder: Path, argv: Sequence[str]) -> Result:
    """Run a command that was called in `folder`."""
    words = list(argv)
    table, prefix = COMMANDS, "juju"
    if words[:1] == ["stage"]:
        # jubilant puts `--model` right behind the first word.
        chosen = words[1:3] if words[1:2] == ["--model"] else []
        words = [*words[1 + len(chosen) :], *chosen]
        table, prefix = stage.COMMANDS, "juju stage"
    if not words or words[0] not in table:
        what = " ".join([prefix, *words[:1]])
        return Result(
            err=f"ERROR {what} is no command of the stage; there are: {', '.join(sorted(table))}\n", code=2
        )
    command = table[words[0]]
    try:
        flags, args = parse({**_ALWAYS, **command.flags}, words[1:])
        result = command.run(Line(host, folder, flags, args))
    except (StageError, OSError) as error:
        return Result(err=f"ERROR {error}\n", code=1)
    return Result(result) if isinstance(result, str) else result
