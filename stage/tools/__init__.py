"""The hook tools: what a charm calls while a hook runs. What is not in these tables fails."""

from __future__ import annotations

from collections.abc import Sequence

from stage.context import Context
from stage.errors import ToolError
from stage.tools import actions, machine, relations, secrets, statuses
from stage.tools.call import Call, Tool, parse

TOOLS: dict[str, Tool] = {
    **relations.TOOLS,
    **secrets.TOOLS,
    **statuses.TOOLS,
    **actions.TOOLS,
    **machine.TOOLS,
}
WRITERS = frozenset(
    {"relation-set", "secret-add", "secret-set", "secret-grant", "secret-revoke", "secret-remove"}
    | {"status-set", "state-set", "state-delete", "open-port", "close-port", "action-set", "action-fail"}
)


def run(context: Context, name: str, argv: Sequence[str], stdin: str) -> str:
    """Run a hook tool for a hook, and return what it prints.

    Raises:
        ToolError: The tool refuses, or doesn't know what it was asked.
    """
    tool = TOOLS.get(name)
    if tool is None:
        raise ToolError(f"cannot run {name}: the stage has no such hook tool", 127)
    flags, args = parse(tool.flags, argv)
    with context.model.changed:
        return tool.run(Call(context, flags, args, stdin))
