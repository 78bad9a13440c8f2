"""Mimir in every shape: what goes in by each protocol comes out by each read API, and change loses none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest
from mimir_client import WRITERS, Mimir, mimir_of, reads
from patience import until
from real_clusters import Clusters, births, bring_up, recommended, written
from s3_server import S3Server
from traffic import traffic

from rolecall.core.products.mimir import MIMIR
from rolecall.local import operations
from rolecall.local.cluster import LocalCluster

pytestmark = pytest.mark.real

SETS: Mapping[str, Mapping[str, int]] = {
    "all": {"all": 1},
    "two-of-all": {"all": 2},
    "minimal": {",".join(roles): units for _, roles, units in MIMIR.minimal},
    "recommended": recommended(MIMIR),
    "writer-that-queries": {"write,querier": 1, "query-frontend": 1, "backend": 1},
    "all-that-alerts": {"all,alertmanager": 1, "read": 1},
}
IN_S3 = ("minimal", "recommended")
INGESTERS = {"recommended": 3, "two-of-all": 2}


# A drained ingester's blocks: the compactor writes the bucket index every 15 s, the store-gateways read it
# every 10 s, the queriers look for a new one once a minute.
READABLE_S = 120.0
SERIES = 120


@dataclass(frozen=True)
class Site:
    """One running set."""

    name: str
    clusters: Clusters
    cluster: LocalCluster
    mimir: Mimir
    store: Mapping[str, object] | None

    def again(self, workers: Mapping[str, int], **settings: object) -> LocalCluster:
        """Bring the cluster to other workers or settings."""
        changed = self.clusters.again(
            self.cluster, written(MIMIR, workers, settings=settings, store=self.store)
        )
        bring_up(changed)
        return changed


@pytest.fixture(scope="module", params=SETS)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, s3: S3Server
) -> Iterator[Site]:
    """Run one set after the other."""
    name: str = request.param
    clusters = Clusters(folder=tmp_path_factory.mktemp(name), environment=s3.environment)
    store = s3.store(s3.bucket()) if name in IN_S3 else None
    cluster = clusters(written(MIMIR, SETS[name], store=store))
    try:
        bring_up(cluster)
        with mimir_of(cluster) as mimir:
            yield Site(name, clusters, cluster, mimir, store)
    finally:
        clusters.close()


def test_the_check_is_green(site: Site):
    """The product's own write and read through the gateway work."""
    checked = operations.check(site.cluster)

    assert checked.ok, checked.text


@pytest.mark.parametrize("protocol", WRITERS)
def test_written_by_each_protocol(site: Site, protocol: str):
    """A sample that was acknowledged can be queried, whatever it was written by."""
    marker = uuid4().hex

    answer = WRITERS[protocol](site.mimir, "sets_written", {"marker": marker})

    assert answer.status_code == 200, answer.text
    site.mimir.await_series(f'sets_written{{marker="{marker}"}}', 1)


def test_read_by_each_api(site: Site):
    """One sample with its exemplar and metadata comes back by every read API."""
    marker = uuid4().hex
    name = f"sets_read_{marker}"
    assert site.mimir.remote_write(name, {"marker": marker}).status_code == 200
    site.mimir.await_series(name, 1)

    for ask in reads(name, "marker", marker):
        answer = ask.of(site.mimir)

        assert answer.status_code == ask.status, (str(ask), answer.text[:500])
        assert ask.holds in ask.text_of(answer), (str(ask), answer.text[:500])


def test_every_ring_has_its_members(site: Site):
    """Each ring-bearing unit is active in the rings of its roles, and nobody else is."""
    line = MIMIR.lines[0]
    pages = {ring.role: ring.path for ring in MIMIR.rings}
    wanted = {
        page: {place.unit: "ACTIVE" for place in site.cluster.places() if role in line.expand(place.roles)}
        for role, page in pages.items()
    }

    def found() -> dict[str, dict[str, str]]:
        return {page: {} for page in wanted} | operations.status(site.cluster).rings

    until(lambda: found() == wanted, 30, f"the rings {wanted}", seen=found)


def test_the_replication_factor_follows_the_ingesters(site: Site):
    """Three ingesters keep three copies, fewer keep one."""
    status = operations.status(site.cluster)

    assert status.replication_factor == (3 if INGESTERS.get(site.name) == 3 else 1)


@pytest.mark.parametrize("site", ["recommended"], indirect=True)
def test_no_write_fails_in_a_rolling_change(site: Site):
    """With three copies every unit restarts while each write is taken, and stays readable."""
    before, taken = births(site.cluster), list[str]()

    def write(number: int) -> None:
        answer = site.mimir.remote_write("rolling", {"number": str(number)})
        assert answer.status_code == 200, (answer.status_code, answer.text[:200])
        taken.append(str(number))

    with traffic({"write": write}) as tally:
        site.again(SETS[site.name], **{"log-level": "warn"})

    now = births(site.cluster)
    assert {unit for unit, birth in before.items() if now.get(unit) == birth} == {"gateway", "supervisor"}
    assert (tally.failed, len(taken) > 100) == ([], True)
    found = {series["metric"]["number"] for series in site.mimir.query("last_over_time(rolling[10m])")}
    assert set(taken) <= found


@pytest.mark.parametrize("site", ["two-of-all"], indirect=True)
def test_a_unit_that_goes_leaves_its_samples_behind(site: Site):
    """When one of two ingesters without copies is scaled away, every sample can still be read."""
    for number in range(SERIES):
        assert site.mimir.remote_write("kept", {"number": str(number)}).status_code == 200
    site.mimir.await_series("last_over_time(kept[30m])", SERIES)

    site.again({"all": 1})

    site.mimir.await_series("last_over_time(kept[30m])", SERIES, limit_s=READABLE_S)
