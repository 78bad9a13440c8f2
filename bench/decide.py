"""How long the coordinator takes to decide, for more and more workers."""

from __future__ import annotations

import time

from msgspec.structs import replace

from bench.table import Row
from rolecall.core import coordinator, gateway, identity, nginx
from rolecall.core.model import Deployment, Directory, Group, Phase, Report
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.core.settings import parse

_SIZES = (10, 100, 1000)
_RUNS = 5


def run() -> list[Row]:
    """Time `decide` over clusters of each size that are in the middle of a rolling change."""
    product = next(iter(PRODUCTS.values()))
    seconds = {size: _best(product, size) for size in _SIZES}
    rows = [
        Row(
            what=f"decide for {size} workers",
            ours=f"{seconds[size] * 1000:.1f} ms",
            other=f"{_SIZES[0]} workers: {seconds[_SIZES[0]] * 1000:.1f} ms",
            ratio=f"{seconds[size] / seconds[_SIZES[0]]:.1f}",
            budget="≤ 1 s" if size == _SIZES[-1] else "",
            within=size != _SIZES[-1] or seconds[size] <= 1,
        )
        for size in _SIZES
    ]
    growth = seconds[1000] / seconds[100]
    rows.append(
        Row(
            what="growth from 100 to 1000 workers",
            ours=f"{growth:.1f}×",
            other="10× is linear",
            budget="≤ 12×",
            within=growth <= 12,
        )
    )
    return rows


def _best(product: Product, size: int) -> float:
    observed = _rolling(product, size)
    times: list[float] = []
    for _ in range(_RUNS):
        began = time.perf_counter()
        decision = coordinator.decide(product, observed)
        times.append(time.perf_counter() - began)
        assert decision.rollout.remaining, "the benchmark must plan a rollout, not nothing"  # noqa: S101
    return min(times)


def _rolling(product: Product, size: int) -> coordinator.Observed:
    """Build a cluster whose units all run an older config than the one that is wanted."""
    workers = product.recommended
    groups = tuple(
        Group(name=name, roles=roles, units=size // len(workers) + 1) for name, roles, _ in workers
    )
    members: dict[str, coordinator.Member] = {}
    for index in range(size):
        group = groups[index % len(groups)]
        members[f"{group.name}-{index // len(groups)}"] = coordinator.Member(
            group=group.name,
            report=Report(
                address=f"127.9.{index // 250}.{index % 250 + 1}",
                name=f"127.9.{index // 250}.{index % 250 + 1}",
                roles=group.roles,
                running="an-older-one",
                ready=True,
                phase=Phase.RUNNING,
            ),
        )
    observed = coordinator.Observed(
        deployment=Deployment(name="bench", uuid="0"),
        settings=parse(product, {}).settings,
        groups=groups,
        members=members,
        store=Directory(path="/var/lib/store"),
        front=coordinator.Front(
            options=gateway.Options(),
            dialect=nginx.Dialect.of("1.22.1"),
            paths=nginx.Paths(prefix="/var/lib/gateway"),
            serving=frozenset(members),
        ),
    )
    first = coordinator.decide(product, observed).desired
    verified = {identity.digest_of(first.candidate): ""} if first.candidate else {}
    return replace(observed, verified=verified)
