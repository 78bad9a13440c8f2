"""The command line: it reads, asks the rest of Rolecall, and prints. It decides nothing.

Each command is a module of its own and imported only when it is used, so that `--help` and the
completion of a word cost next to nothing.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line; the entry point of `rolecall`."""
    from rolecall.cli.group import rolecall

    rolecall(prog_name="rolecall")
