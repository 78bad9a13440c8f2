"""Stand-ins for the world outside."""

from __future__ import annotations

from typing import Generic, TypeVar

from rolecall.core.changes import Action

Observed_co = TypeVar("Observed_co", covariant=True)


class FakeHost(Generic[Observed_co]):
    """A host that shows what it was given and remembers what it was told to do."""

    def __init__(self, observed: Observed_co, *, broken_at: type[Action] | None = None) -> None:
        """Show `observed`; fail at the first action of type `broken_at`, as a machine may."""
        self._observed = observed
        self._broken_at = broken_at
        self.applied: list[Action] = []

    def apply(self, action: Action) -> None:
        """Remember an action."""
        if self._broken_at is not None and isinstance(action, self._broken_at):
            raise OSError(f"cannot apply {type(action).__name__}: this host was told to fail")
        self.applied.append(action)

    def observe(self) -> Observed_co:
        """Show the world."""
        return self._observed
