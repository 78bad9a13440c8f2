"""A worker's decisions that a property would hit too rarely."""

from __future__ import annotations

from msgspec.structs import replace
from properties.test_guarantees import published
from rich.pretty import pretty_repr

from rolecall.core import changes, worker, workload
from rolecall.core.gossip import Entry
from rolecall.core.handover import Handover, Sight
from rolecall.core.model import LEAVE, Credentials, Document, Grant, Secret
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.testing import a_group, a_worker, observed, process_of

PRODUCT: Product = next(iter(PRODUCTS.values()))
GROUPS = [a_group(*rest) for rest in PRODUCT.minimal]
UNIT, ROLES = f"{GROUPS[0].name}/0", GROUPS[0].roles
OLD = published(PRODUCT, observed(PRODUCT, GROUPS))
NEW = published(PRODUCT, observed(PRODUCT, GROUPS, raw={"log-level": "debug"}))


def running(document: Document = OLD, *, ready: bool = True) -> worker.Observed:
    """Return a worker whose process runs what `document` says."""
    seen = a_worker(UNIT, ROLES, document=document)
    return replace(seen, process=process_of(worker.decide(PRODUCT, seen).process, ready=ready))


def identity_of(document: Document) -> str:
    """Return what a worker should run under a document."""
    spec = worker.decide(PRODUCT, a_worker(UNIT, ROLES, document=document)).process
    assert spec is not None
    return spec.identity


def granted(document: Document, digest: str, since: str) -> Document:
    """Return a document that gives the unit leave."""
    return replace(document, grants={UNIT: Grant(digest=digest, revision=1, since=since)})


def written(seen: worker.Observed) -> set[str]:
    """List the paths that a worker wants to write."""
    return {file.path for file in worker.decide(PRODUCT, seen).files}


def test_config_on_disk_is_what_a_crash_would_start_with():
    """A config that the unit has no leave for isn't written yet: a crash must not bring it in."""
    seen = replace(running(), document=NEW)

    assert seen.paths.config not in written(seen)
    assert seen.paths.runtime in written(seen)


def test_config_is_written_with_the_leave():
    """With its leave the unit writes the config and restarts."""
    document = granted(NEW, identity_of(NEW), identity_of(OLD))
    seen = replace(running(), document=document)

    desired = worker.decide(PRODUCT, seen)

    assert seen.paths.config in {file.path for file in desired.files}
    assert desired.process is not None
    assert desired.process.identity == identity_of(NEW)


def test_a_leave_is_worth_nothing_twice():
    """A leave that was given for something else than what runs now is not used."""
    document = granted(NEW, identity_of(NEW), "something before")
    seen = replace(running(), document=document)

    assert worker.decide(PRODUCT, seen).process == seen.process.spec


def test_another_binary_waits_for_leave():
    """A ready unit whose command has changed says so and goes on until it has leave."""
    seen = running()
    moved = replace(seen, paths=replace(seen.paths, binary="/usr/bin/newer"))

    before = worker.decide(PRODUCT, moved)
    document = granted(OLD, identity_of(OLD), before.report.running)
    after = worker.decide(PRODUCT, replace(moved, document=document))

    assert before.report.running != identity_of(OLD)
    assert before.process == seen.process.spec
    assert after.process is not None
    assert after.process.command[0] == "/usr/bin/newer"


def test_a_unit_that_became_ready_needs_a_new_leave_to_go():
    """A leave to go that was given while the unit wasn't ready isn't used once it is."""
    document = granted(OLD, LEAVE, "")

    leaving = replace(running(), document=document, leaving=True, sight=Sight(now_s=1.0, forced=True))

    ready = worker.decide(PRODUCT, leaving)
    unready = worker.decide(PRODUCT, replace(leaving, process=process_of(leaving.process.spec, ready=False)))

    assert ready.process is not None
    assert unready.process is None


def test_a_unit_that_stays_after_all_takes_writes_again():
    """It waits for no leave: it isn't ready as long as its process only answers readers."""
    (way,) = (drain for drain in PRODUCT.drains if drain.reads_only)
    spec = running().process.spec
    assert spec is not None
    quiet = workload.for_reads(spec, way)

    desired = worker.decide(PRODUCT, replace(running(), process=process_of(quiet)))

    assert desired.process == spec
    assert not desired.report.ready


def test_a_unit_that_stays_after_all_starts_again_when_it_has_left_its_rings():
    """There is no way back for the process: it ends, and is started as what the unit is to be."""
    tempo = PRODUCTS["tempo"]
    groups = [a_group(*rest) for rest in tempo.minimal]
    document = published(tempo, observed(tempo, groups))
    seen = a_worker("ingester/0", ("ingester",), document=document)
    spec = worker.decide(tempo, seen).process
    entry = Entry(member="ingester/0", address="a", tokens=(7,))
    parted = replace(
        seen,
        process=process_of(spec, ready=False),
        sight=Sight(now_s=200, metrics="process_start_time_seconds 50"),
        handover=Handover(told_s=100, tried_s=100, asked_s=103, empty_s=104, parted_s=150, entry=entry),
    )

    assert worker.decide(tempo, parted).process is None
    ended = worker.decide(tempo, replace(parted, process=worker.Process(), sight=Sight(now_s=201)))
    assert (ended.process, ended.handover) == (spec, replace(parted.handover, parted_s=0))
    again = replace(parted, process=process_of(spec, ready=False), handover=ended.handover)
    assert worker.decide(tempo, again).process == spec


def test_a_document_for_another_product_is_named():
    """A document that isn't for this product changes nothing, and the report says why."""
    seen = replace(running(), document=replace(NEW, product="another"))

    desired = worker.decide(PRODUCT, seen)

    assert desired.process == seen.process.spec
    assert desired.files == ()
    assert desired.report.ready
    assert "product another" in desired.report.problem


def test_keys_stand_in_their_file_only():
    """The object store's keys are in a file that only its owner reads, and nowhere else."""
    keys = Credentials(access_key=Secret("AKIA-first"), secret_key=Secret("second-secret"))
    seen = a_worker(UNIT, ROLES, document=OLD, credentials=keys)

    desired = worker.decide(PRODUCT, seen)
    state = changes.WorkerState(unit=UNIT, address=seen.address, files={}, process=seen.process, report=None)
    told = (
        repr(desired)
        + pretty_repr(desired)
        + "".join(map(changes.describe, changes.diff_worker(state, desired)))
    )

    holders = [file for file in desired.files if "second-secret" in file.content]
    assert [(file.path, file.mode, file.secret) for file in holders] == [
        (seen.paths.credentials, 0o600, True)
    ]
    assert "AKIA-first" not in told
    assert "second-secret" not in told
