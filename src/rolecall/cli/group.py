"""The group of all commands, with a table of what each is for.

Nothing heavy may be imported here: the table is explicit so that the commands needn't be.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import click

from rolecall.cli import errors

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "init": "Write a rolecall.yaml: one product, or the whole stack, wired.",
        "up": "Bring a cluster up, or to what its file says by now.",
        "status": "Show the verdict, the units and the gateway.",
        "check": "Write through the gateway and read it back.",
        "scale": "Change the number of a worker's units.",
        "rollout": "Show, pause, resume or undo a rolling change.",
        "restart": "Restart units one after the other.",
        "upgrade": "Go to another version, or another line, one unit after the other.",
        "logs": "Show what the processes print.",
        "down": "Stop a cluster; its data stays unless you purge it.",
        "judge": "Say whether a file describes a coherent cluster.",
        "plan": "Show the actions that up would take now.",
        "render": "Write every file that up would write.",
        "export": "Write the clusters for another host: a bundle or a Terraform module for Juju.",
        "roles": "List the roles of each product.",
        "datasources": "Print the clusters as Grafana's data sources.",
        "grafana": "Run the Grafana that is here with the clusters as its data sources.",
        "binaries": "Show or get the executables, and where each comes from.",
        "completion": "Print the completion script of your shell.",
    }
)

_EPILOG = """\b
Exit codes:
  0    done; the cluster is coherent
  1    the verdict isn't coherent, or a check failed
  2    the command or the file is wrong; nothing was done
  3    something in the world failed: a port, the disk, the store, an executable
  130  interrupted; up goes on from there

\b
Examples:
  rolecall up loki
  rolecall status
  rolecall judge rolecall.yaml
"""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used, and whose failures have exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """List the commands in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        return cast("click.Command", import_module(f"rolecall.cli.{cmd_name}").command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant, and suggest one when there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f'did you mean "{close[0]}"? ' if close else ""
            ctx.fail(f'cannot run "{args[0]}": there is no such command; {hint}see rolecall --help')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, importing no command."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; say what failed and end with its exit code."""
        try:
            return super().invoke(ctx)
        except errors.Refused as refused:
            errors.show(refused.problems, as_json=errors.JSON in ctx.meta)
            ctx.exit(refused.code)
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted", err=True)
            ctx.exit(errors.INTERRUPTED)


@click.group(cls=LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rolecall", message="%(version)s")
def rolecall() -> None:
    """Run clusters of processes that share out the roles of one product, on this machine."""
