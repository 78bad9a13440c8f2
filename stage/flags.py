"""Split a command line as Juju's commands and hook tools do (Go's gnuflag)."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class FlagError(Exception):
    """A flag is not known, or its value is missing; the message is Juju's."""


def split(
    argv: Sequence[str], needs_value: Callable[[str], bool | None]
) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Split a command line into flags and arguments; `--` ends the flags.

    `needs_value` says whether a flag needs one; None: there is no such flag. A flag that needs none and is
    given none has None.

    Raises:
        FlagError: a flag is not known, or its value is missing.
    """
    flags: list[tuple[str, str | None]] = []
    args: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            args.extend(rest)
            break
        if not word.startswith("-") or word == "-":
            args.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        needs = needs_value(name)
        if needs is None:
            raise FlagError(f"option provided but not defined: {word.partition('=')[0]}")
        if needs and not equals:
            if not rest:
                raise FlagError(f"option needs an argument: {word}")
            value = rest.pop(0)
        flags.append((name, value if equals or needs else None))
    return flags, args
