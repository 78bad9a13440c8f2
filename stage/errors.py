"""What the stage refuses, in the words that Juju's clients and charms look for."""

from __future__ import annotations


class StageError(Exception):
    """A request cannot be carried out; the message says why, as Juju's client would."""


class ToolError(Exception):
    """A hook tool fails: `code` is its exit code, the message what it prints after `ERROR`."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def denied() -> ToolError:
    """Make the error of what a unit has no right to."""
    return ToolError("permission denied")
