"""Write through a gateway and read it back, as a client does."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from rolecall.core.product import Product
from rolecall.core.routes import Answer, Call

_PAUSE_S = 0.2
"""How long to wait between two reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check through the gateway found."""

    ok: bool
    text: str
    marker: str = ""
    """What was written."""
    write_ms: float = 0.0
    read_ms: float = 0.0


def check(
    product: Product, ask: Callable[[Call], Answer], pause: Callable[[float], None], timeout_s: float
) -> Checked:
    """Write what the product's check writes, and read until it comes back or `timeout_s` is over.

    `ask` sends one request to the gateway, `pause` lets seconds pass.
    """
    marker = secrets.token_hex(8)
    plan = product.check(marker, time.time_ns())
    began = time.monotonic()
    answer = ask(plan.write)
    if not 200 <= answer.status < 300:
        return Checked(ok=False, text=f"cannot write: {_said(answer)}")
    written = time.monotonic()
    while time.monotonic() < written + timeout_s:
        answer = ask(plan.read)
        if answer.status == 200 and plan.expect in answer.text:
            return Checked(
                ok=True,
                text=f"wrote and read back {marker}",
                marker=marker,
                write_ms=(written - began) * 1000,
                read_ms=(time.monotonic() - written) * 1000,
            )
        pause(_PAUSE_S)
    return Checked(ok=False, text=f"cannot read back what was written {timeout_s:g} s ago: {_said(answer)}")


def _said(answer: Answer) -> str:
    if not answer.status:
        return f"nobody answered ({answer.text})"
    return f"the gateway answered {answer.status}: {answer.text.strip()[:200]}"
