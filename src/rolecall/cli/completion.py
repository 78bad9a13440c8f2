"""`rolecall completion`: the completion script of a shell, which is click's own."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from rolecall.cli import errors

_SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="""\b
Examples:
  rolecall completion bash > ~/.local/share/bash-completion/completions/rolecall
  rolecall completion zsh > ~/.zfunc/_rolecall
  rolecall completion fish > ~/.config/fish/completions/rolecall.fish
"""
)
@click.argument("shell", required=False, type=click.Choice(_SHELLS))
def command(shell: str | None) -> None:
    """Print the completion script of SHELL, or of the shell you use."""
    name = shell or Path(os.environ.get("SHELL", "")).name
    known = get_completion_class(name) if name in _SHELLS else None
    if known is None:
        raise errors.refuse(
            errors.BAD_INPUT,
            "unknown-shell",
            "cannot tell your shell: SHELL names none that is known",
            f"name one of {', '.join(_SHELLS)}",
        )
    root = click.get_current_context().find_root().command
    click.echo(known(root, {}, "rolecall", "_ROLECALL_COMPLETE").source())
