"""Go back to the settings that all units last ran with, until the administrator changes them again.

What is taken back is what the administrator wrote, and nothing else: it is rendered anew with what is so
now. So units that come and go, the object store and its keys are followed all the while.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from rolecall.core import identity
from rolecall.core.model import Document, Problem, Severity
from rolecall.core.product import Settings


class Memory(Struct, frozen=True, kw_only=True):
    """What the coordinator that plans remembers of rollouts, beside its document."""

    good: Document | None = None
    """The last document that every unit ran and was ready with, without its leaves; None: none yet."""
    settings: str = ""
    """The settings that it was made from, as YAML."""
    undone: str = ""
    """Digest of the settings that were taken back; empty: none are."""


def in_force(memory: Memory, settings: Settings) -> bool:
    """Whether it is just these settings that were taken back."""
    return bool(memory.undone) and memory.good is not None and memory.undone == digest_of(settings)


def effective(memory: Memory, settings: Settings) -> Settings:
    """Return the settings that hold: the last good ones while these are taken back."""
    return _read(memory.settings) if in_force(memory, settings) else settings


def refusal(memory: Memory, settings: Settings) -> str:
    """Say why these settings can't be taken back, as "fact; what to do"; empty when they can."""
    if in_force(memory, settings):
        return ""
    if memory.good is None:
        return "all units have been ready with none yet; correct the settings"
    if memory.settings == _written(settings):
        return "the settings are those that all units last ran with; what else was changed, change back"
    if settings.text("line") != _read(memory.settings).text("line"):
        return "it would change the product's version line; change the setting line back"
    return ""


def taken_back(memory: Memory, settings: Settings) -> Memory:
    """Return a memory by which these settings are taken back."""
    return replace(memory, undone=digest_of(settings))


def resumed(memory: Memory) -> Memory:
    """Return a memory by which the settings hold as they are written."""
    return replace(memory, undone="")


VERBS = ("pause", "resume", "undo")
"""What an administrator may ask of a rollout."""


def asked(verb: str, memory: Memory, settings: Settings) -> tuple[bool, Memory]:
    """Return whether a rollout is paused, and what is remembered, once one of `VERBS` was asked for.

    To go back ends a pause, and to resume ends both.
    """
    if verb == "pause":
        return True, memory
    return False, taken_back(memory, settings) if verb == "undo" else resumed(memory)


def kept(memory: Memory, settings: Settings, problems: Iterable[Problem]) -> Memory:
    """Forget what was taken back once the settings are others; bad ones say nothing of what is wished."""
    bad = any(problem.severity is Severity.BLOCKED for problem in problems)
    if not memory.undone or bad or memory.undone == digest_of(settings):
        return memory
    return resumed(memory)


def learned(memory: Memory, settings: Settings, document: Document) -> Memory:
    """Take note that every unit runs a document and is ready with it."""
    # The limits are made from the settings again, and may be long; leaves have been used up.
    good = replace(document, revision=0, runtime="", grants={}, held=())
    return replace(memory, good=good, settings=_written(settings))


def judge(memory: Memory, settings: Settings) -> tuple[Problem, ...]:
    """Say that settings are taken back, and which."""
    if not in_force(memory, settings):
        return ()
    good = _read(memory.settings).values
    names = sorted(name for name, value in settings.values.items() if good.get(name) != value)
    return (
        Problem(
            code="rollout-undone",
            text=f"cannot use {', '.join(names)} as it is set: it was undone, and the units run the last "
            "settings that all were ready with",
            remedy="change it, or try it again with: rolecall rollout resume",
            severity=Severity.WARNING,
            facts=tuple(("setting", name) for name in names),
        ),
    )


def digest_of(settings: Settings) -> str:
    """Return a digest of what the administrator wrote."""
    return identity.digest_of(_written(settings))


def _written(settings: Settings) -> str:
    return identity.dump({name: _plain(value) for name, value in settings.values.items()})


def _plain(value: object) -> object:
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


def _read(text: str) -> Settings:
    values = cast("Mapping[str, object]", identity.load(text) or {})
    return Settings(values={name: _listed(value) for name, value in values.items()})


def _listed(value: object) -> object:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value
