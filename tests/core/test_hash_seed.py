"""G2 across processes: the hash seed of the interpreter changes nothing that is rendered."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice

_SEEDS = 20
_AT_ONCE = 4
_PROGRAM = """
import hashlib
from msgspec.structs import replace
from rolecall.core import coordinator, identity, wire
from rolecall.core.products import PRODUCTS
from rolecall.testing import a_group, observed

texts = []
for name, product in PRODUCTS.items():
    for line in product.lines:
        groups = [a_group(group, roles, units) for group, roles, units in product.recommended]
        seen = observed(product, groups, raw={"line": line.name, "limits": {"b": 1, "a": 2}})
        candidate = coordinator.decide(product, seen).desired.candidate
        known = {identity.digest_of(candidate): ""} if candidate else {}
        decision = coordinator.decide(product, replace(seen, verified=known))
        assert decision.desired.document is not None
        texts += [candidate, decision.desired.gateway, repr(decision.verdict)]
        texts.append(repr(wire.encode(decision.desired.document)))
print(hashlib.sha256("".join(texts).encode()).hexdigest())
"""


def start(seed: int) -> subprocess.Popen[str]:
    """Start a process of its own with a hash seed."""
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_g2_hash_seed():
    """The same input gives the same bytes in twenty processes with twenty hash seeds."""
    seeds = iter(range(_SEEDS))

    digests: list[str] = []
    while some := [start(seed) for seed in islice(seeds, _AT_ONCE)]:
        digests.extend(process.communicate(timeout=120)[0].strip() for process in some)

    assert len(digests) == _SEEDS
    assert len(set(digests)) == 1
    assert len(digests[0]) == 64
