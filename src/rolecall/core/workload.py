"""The process of a worker, as a document wants it: its command, its variables and what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from rolecall.core import identity
from rolecall.core.fragments import UNIT
from rolecall.core.handover import Drain
from rolecall.core.model import Credentials, Document, File, ProcessSpec
from rolecall.core.product import Product
from rolecall.core.roles import Line

if TYPE_CHECKING:
    from rolecall.core.worker import Observed

BUILD = "ROLECALL_BUILD"
"""Variable by which a process tells which build of the binary it was started from."""


def spec(product: Product, line: Line, observed: Observed, document: Document) -> ProcessSpec:
    """Return how the unit's process should run; what is the unit's own comes by variables."""
    paths = observed.paths
    values = {"config": paths.config, "targets": ",".join(line.targets(observed.roles))}
    environment = {
        **{name: value.replace(UNIT, observed.unit) for name, value in document.environment.items()},
        "ROLECALL_ADDRESS": observed.address,
        "ROLECALL_UNIT": observed.unit,
        "ROLECALL_DATA": paths.data,
        "ROLECALL_ZONE": observed.zone,
        "ROLECALL_DOLLAR": "$",
    }
    if observed.beside:
        environment |= {
            f"ROLECALL_{name.replace('-', '_').upper()}_PORT": str(number)
            for name, number in product.moved.items()
        }
    if product.dials is not None:
        environment["ROLECALL_PEER"] = document.choices.dialed.get(observed.unit, "")
    if paths.build:
        environment[BUILD] = paths.build
    if document.secret:
        environment["AWS_SHARED_CREDENTIALS_FILE"] = paths.credentials
    return ProcessSpec(
        name=observed.unit,
        command=(
            paths.binary,
            *(argument.format(**values) for argument in product.arguments),
            *line.flags(observed.roles),
            *(argument.format(**product.moved) for argument in product.beside if observed.beside),
        ),
        environment=environment,
        identity=identity.identity(
            product, document, observed.roles, document.restarts.get(observed.unit, 0)
        ),
        kill_delay_s=line.kill_delay_s(observed.roles),
    )


def targets(product: Product, spec: ProcessSpec) -> tuple[str, ...]:
    """Return the `-target` values that a process was started with."""
    flags = [one.removesuffix("{targets}") for one in product.arguments if one.endswith("{targets}")]
    given = (one.removeprefix(flag) for flag in flags for one in spec.command if one.startswith(flag))
    return tuple(target for one in given for target in one.split(","))


def for_reads(spec: ProcessSpec, way: Drain) -> ProcessSpec:
    """Return how a process goes on for readers only; it is told from what it was by its identity."""
    if reads_only(spec, way):
        return spec
    command = (*spec.command, *way.reads_only)
    return replace(spec, command=command, identity=identity.digest_of(repr((spec.identity, way.reads_only))))


def reads_only(spec: ProcessSpec | None, way: Drain | None) -> bool:
    """Whether a process was started to go on for readers only."""
    if spec is None or way is None or not way.reads_only:
        return False
    return spec.command[-len(way.reads_only) :] == way.reads_only


def running(spec: ProcessSpec | None, wanted: ProcessSpec) -> str:
    """Return what the process runs, in such a way that it equals what is wanted only if nothing differs.

    The coordinator knows nothing of this unit's paths and addresses. A process whose command or variables
    are no longer the wanted ones says so by a digest of its own, and gets its leave like any other.
    """
    if spec is None:
        return ""
    same = spec.command == wanted.command and spec.environment == wanted.environment
    if same or spec.identity != wanted.identity:
        return spec.identity
    return identity.digest_of(repr((spec.identity, spec.command, sorted(spec.environment.items()))))


def live_files(observed: Observed, document: Document) -> tuple[File, ...]:
    """Build the files that take effect without a restart, or whose newest content is the right one anyway."""
    files = (File(path=observed.paths.runtime, content=document.runtime),)
    if document.authority and observed.paths.authority:
        files = (*files, File(path=observed.paths.authority, content=document.authority))
    if observed.credentials is None:
        return files
    return (*files, credentials_file(observed.paths.credentials, observed.credentials))


def credentials_file(path: str, credentials: Credentials) -> File:
    """Build the file that the AWS clients inside every product read their keys from.

    Source: docs.aws.amazon.com/sdkref/latest/guide/file-format.html. No key is in a config or a variable.
    """
    content = (
        "[default]\n"
        f"aws_access_key_id = {credentials.access_key.reveal()}\n"
        f"aws_secret_access_key = {credentials.secret_key.reveal()}\n"
    )
    return File(path=path, content=content, mode=0o600, secret=True)
