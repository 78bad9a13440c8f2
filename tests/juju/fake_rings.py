"""The rings of a fake cluster: the same members in all of them, until one ring is to forget somebody."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from rolecall.core.routes import Answer
from rolecall.juju.net import Request

ACTIVE, UNHEALTHY = "ACTIVE", "UNHEALTHY"


@dataclass
class FakeRings:
    """Members join when their process is ready, leave when it is stopped, and stay when it is lost."""

    pages: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """Path of each ring's page to its members, and these to their states."""
    looks: int = 0
    """How often a page was asked for."""
    silent: str = ""
    """A path that nobody answers at."""
    refuses: bool = False
    """Whether nobody is forgotten, whoever asks."""
    stirred: bool = False
    """Whether somebody left or fell silent since this was last set back."""

    @classmethod
    def at(cls, paths: Iterable[str]) -> FakeRings:
        """Return empty rings with their pages at these paths."""
        return cls(pages={path: {} for path in paths})

    @property
    def members(self) -> set[str]:
        """Who is a member of any ring."""
        return {member for page in self.pages.values() for member in page}

    def join(self, member: str) -> None:
        """Let a member be active."""
        for page in self.pages.values():
            page[member] = ACTIVE

    def leave(self, member: str) -> None:
        """Let a member take itself out."""
        for page in self.pages.values():
            self.stirred |= page.pop(member, None) is not None

    def pass_time(self, alive: Collection[str]) -> None:
        """Let the heartbeats of all but these become too old."""
        for page in self.pages.values():
            for member in page.keys() - set(alive):
                self.stirred |= page[member] != UNHEALTHY
                page[member] = UNHEALTHY

    def answer(
        self, path: str, method: str, request: Request | None, forgotten: Callable[[str], None]
    ) -> Answer:
        """Answer as a page of a ring; `forgotten` hears of each member that is to be forgotten."""
        if path == self.silent:
            return Answer(0, "refused")
        page = self.pages[path]
        if method == "POST" and request is not None:
            (member,) = parse_qs(request.body.decode(), strict_parsing=True)["forget"]
            forgotten(member)
            if self.refuses or page.pop(member, None) is None:
                return Answer(500, "failed to CAS-update key collectors/ring: no change detected")
            return Answer(200, "")
        self.looks += 1
        return Answer(200, json.dumps({"shards": [{"id": one, "state": page[one]} for one in page]}))
