"""Open the clusters of a file on this machine, and tell how an operation ended."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from rolecall.cli import errors, files
from rolecall.core.model import Problem
from rolecall.local import processes, tools
from rolecall.local.cluster import LocalCluster
from rolecall.local.fetch import binaries, nginx_binary
from rolecall.local.fetch.found import ALL, UNKNOWN, BinaryError, Source
from rolecall.local.fetch.helpers import ALLOY, PEBBLE, PROMETHEUS
from rolecall.local.file.topology import ClusterSpec
from rolecall.local.front import GatewayError
from rolecall.local.home import BusyError, Home
from rolecall.local.operations import Outcome
from rolecall.local.readiness import Asker
from rolecall.local.supervisor import SupervisorError
from rolecall.local.tools import Tools

_USUAL_NGINX = "1.22.1"
_WORLD = frozenset(
    {"port-taken", "disk-full", "object-store", "not-ready-in-time", "gateway-refused", "binary"}
)
"""Problems that neither the command nor the file can be blamed for."""


def home_of(source: files.Source, name: str) -> Home:
    """Return where a cluster of a file keeps everything."""
    return Home(source.folder / ".rolecall" / name)


def units_of(spec: ClusterSpec) -> dict[str, tuple[str, ...]]:
    """Return the units of each worker, as the file has them."""
    return {
        group.name: tuple(f"{group.name}-{number}" for number in range(group.units)) for group in spec.groups
    }


def exists(home: Home) -> bool:
    """Whether the cluster was ever brought up."""
    return home.root.is_dir()


def runs(home: Home) -> bool:
    """Whether any process of the cluster runs."""
    return bool(processes.running(home.root))


def gathered(spec: ClusterSpec, sources: Collection[Source] | None) -> Tools:
    """Return the executables, got if need be."""
    return tools.gather(
        spec.product,
        choice=spec.executable,
        telemetry=spec.telemetry,
        sources=sources or ALL,
        progress=_progress,
    )


def at_hand(spec: ClusterSpec) -> Tools:
    """Return the executables that are here; for looking only, so one that isn't is named and not fetched."""
    pebble = binaries.present(PEBBLE)
    nginx = nginx_binary.present_nginx()
    return Tools(
        product=tools.at_hand(spec.product, spec.executable),
        pebble=pebble.path if pebble else Path(PEBBLE.name),
        nginx=nginx.path if nginx else Path("nginx"),
        nginx_version=nginx.version if nginx and nginx.version != UNKNOWN else _USUAL_NGINX,
        prometheus=binaries.present(PROMETHEUS) if spec.telemetry.metrics else None,
        alloy=binaries.present(ALLOY) if spec.telemetry.profiles else None,
    )


@contextmanager
def opened(spec: ClusterSpec, home: Home, given: Tools) -> Generator[LocalCluster]:
    """Open a cluster for one command."""
    with Asker() as asker:
        yield LocalCluster(spec=spec, home=home, tools=given, asker=asker)


@contextmanager
def told() -> Generator[None]:
    """Turn what fails in the world into problems.

    Raises:
        errors.Refused: something failed.
    """
    try:
        yield
    except (BinaryError, BusyError, GatewayError, SupervisorError, TimeoutError) as error:
        text, _, remedy = str(error).rpartition("; ")
        code = type(error).__name__.removesuffix("Error").lower()
        raise errors.Refused(
            (Problem(code=code, text=text or remedy, remedy=remedy if text else ""),), errors.WORLD
        ) from error
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        text = f"cannot use{where or ' this machine'}: {error.strerror or error}"
        raise errors.refuse(errors.WORLD, "machine", text, "correct that and try again") from error


def say(text: str) -> None:
    """Show progress; never among the output."""
    click.echo(text, err=True)


def _progress(name: str, text: str) -> None:
    say(f"{name}: {text}")


def code_of(outcome: Outcome) -> int:
    """Return the exit code that an outcome ends with."""
    if outcome.done:
        return 0
    world = any(problem.code in _WORLD for problem in outcome.verdict.problems)
    return errors.WORLD if world or outcome.verdict.coherent else errors.INCOHERENT


def data_of(name: str, outcome: Outcome) -> dict[str, object]:
    """Return an outcome as plain data."""
    return {
        "name": name,
        "done": outcome.done,
        "seconds": round(outcome.seconds, 3),
        "problems": errors.data_of(outcome.verdict.problems),
    }


def one(
    specs: Sequence[ClusterSpec],
    name: str | None,
    what: str,
    having: Collection[str] = (),
    *,
    remedy: str = "name it with --cluster",
) -> ClusterSpec:
    """Return the one cluster that is meant: the only one, or the only one that has all of `having`.

    Raises:
        errors.Refused: none is, or several are.
    """
    if name is not None or len(specs) == 1:
        return specs[0]
    able = [spec for spec in specs if set(having) <= names_of(spec)]
    if having and len(able) == 1:
        return able[0]
    raise errors.refuse(
        errors.BAD_INPUT,
        "which-cluster",
        f"cannot tell which cluster's {what} you mean: the file has {', '.join(spec.name for spec in specs)}",
        remedy,
    )


def refuse_unless_running(home: Home, what: str) -> None:
    """Refuse to do `what`, such as "restart logs", where nothing runs.

    Raises:
        errors.Refused: nothing does.
    """
    if not runs(home):
        text = f"cannot {what}: it isn't running"
        raise errors.refuse(errors.WORLD, "not-running", text, "bring it up with: rolecall up")


def names_of(spec: ClusterSpec) -> set[str]:
    """Return the names of a cluster's workers and units."""
    units = units_of(spec)
    return {*units, *(unit for some in units.values() for unit in some)}
