"""Another executable at the place of the one that runs, on real Loki.

There is one Loki here. What makes it two is a script around it, which says that it is whatever version the
test wants and otherwise becomes that same Loki; so it is shown how units go from one executable to
another, and nothing of what differs between two versions.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from real_clusters import Clusters, births, bring_up, written

from rolecall.core.products.loki import LOKI
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

SCRIPT = """#!/bin/sh
if [ "$*" = "-version" ]; then echo "loki, version {version}"; exit 0; fi
{refusal}
exec {loki} "$@"
"""
REFUSES = 'case "$*" in *-verify-config*) echo "field auth_enabled not found"; exit 1;; esac'


def put(cluster: LocalCluster, loki: Path, version: str, refusal: str = "") -> None:
    """Put another executable in place, as an installation does: the old file lives on while it runs."""
    place = cluster.tools.product
    new = place.with_suffix(".new")
    new.write_text(SCRIPT.format(version=version, refusal=refusal, loki=loki))
    new.chmod(0o755)
    new.replace(place)


@pytest.fixture
def upgradable(clusters: Clusters, tmp_path: Path) -> tuple[LocalCluster, Path]:
    """Return a cluster that runs a script around Loki, and the Loki in it."""
    made = clusters(written(LOKI, {"write": 1, "read,backend": 1}))
    loki = made.tools.product
    cluster = replace(made, tools=replace(made.tools, product=tmp_path / "loki"))
    put(cluster, loki, "3.7.6")
    return cluster, loki


def test_units_go_to_a_newer_executable_one_by_one_and_not_back(upgradable: tuple[LocalCluster, Path]):
    """`up` brings every unit to the new executable; one that is older, or refuses the config, to none."""
    cluster, loki = upgradable
    bring_up(cluster)
    before = births(cluster)

    put(cluster, loki, "3.8.0", REFUSES)
    refused = operations.up(cluster, say=print, timeout_s=60)
    assert [problem.code for problem in refused.verdict.problems] == ["binary-refused"]
    assert births(cluster) == before

    put(cluster, loki, "3.8.0")
    told: list[str] = []
    bring_up(cluster, say=told.append)
    after = births(cluster)
    assert {unit for unit in before if before[unit] != after[unit]} == {"write-0", "read-backend-0"}
    restarts = [line for line in told if line.startswith("restart ")]
    assert len(restarts) == 2
    between = told[told.index(restarts[0]) : told.index(restarts[1])]
    assert any(f"{restarts[0].removeprefix('restart ')} is ready" in line for line in between)

    put(cluster, loki, "3.7.6")
    older = operations.up(cluster, say=print, timeout_s=60)
    assert "3.8.0 has run here" in str(older.verdict.problems[0])
    assert births(cluster) == after
    assert operations.check(cluster).ok
