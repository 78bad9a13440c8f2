"""Let a product's own binary judge a config: what it is run with, and what its answer means.

The host runs it, in a folder of its own that holds the config and an empty `runtime.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping

from rolecall.core.product import Product

TIMEOUT_S = 60.0
"""How long a binary may take for its judgement."""
_LONGEST = 600


def command(product: Product, binary: str, config: str) -> tuple[str, ...]:
    """Return the command that judges the config at a path."""
    return (binary, *(argument.format(config=config) for argument in product.verify))


def variables(product: Product, folder: str) -> Mapping[str, str]:
    """Return values for the variables in a config that is only looked at."""
    return {
        "ROLECALL_ADDRESS": "127.0.0.1",
        "ROLECALL_UNIT": "trial",
        "ROLECALL_DATA": folder,
        "ROLECALL_ZONE": "",
        "ROLECALL_DOLLAR": "$",
        "ROLECALL_PEER": "127.0.0.1",
        **product.environment,
    }


def judged(product: Product, code: int, said: str, folder: str) -> str:
    """Return what a binary that ended with `code` has against a config; empty when it is good."""
    if code == 0 or product.tolerates(said):
        return ""
    return _refusal(said, folder) or f"it ended with code {code}"


def remembering(verdicts: Mapping[str, str], digest: str, said: str, most: int) -> dict[str, str]:
    """Return the verdicts with one more, the oldest of more than `most` left out."""
    known = {key: text for key, text in verdicts.items() if key != digest}
    return dict([*known.items(), (digest, said)][-most:])


def _refusal(output: str, folder: str) -> str:
    """Return the sentence that says what is wrong, without our temporary path or a stack."""
    lines = [line.strip() for line in output.replace(folder, "").splitlines() if line.strip()]
    telling = [line for line in lines if "level=info" not in line and "goroutine" not in line]
    return " ".join(telling)[:_LONGEST]
