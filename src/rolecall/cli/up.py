"""`rolecall up`: bring clusters up, or to what their file says by now."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import click

from rolecall.cli import clusters, errors, files, options
from rolecall.core.model import verdict_of
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.core.routes import Call
from rolecall.local import home, operations, rehearsal
from rolecall.local.cluster import LocalCluster
from rolecall.local.fetch.found import Source
from rolecall.local.file import topology
from rolecall.local.file.topology import ClusterSpec
from rolecall.local.file.topology_text import Preset

_PRESETS: tuple[Preset, ...] = ("solo", "minimal", "recommended")


@click.command(
    epilog="""\b
Examples:
  rolecall up loki                      writes rolecall.yaml when there is none
  rolecall up loki --roles recommended
  rolecall up
  rolecall up metrics
  rolecall up clusters/logs.yaml --from path,cache --timeout 10m
"""
)
@click.argument("target", required=False, metavar="[FILE|PRODUCT|NAME]", type=click.Path())
@click.option(
    "--roles", "preset", type=click.Choice(_PRESETS), help="With PRODUCT and no file yet: which set to write."
)
@options.sources
@options.force
@options.timeout
@options.as_json
def command(
    target: str | None,
    preset: str | None,
    sources: tuple[Source, ...] | None,
    force: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Bring up the clusters of FILE, or of rolecall.yaml; converge them if they are up already.

    PRODUCT alone means its clusters in ./rolecall.yaml; without that file, one is written with the product's
    minimal set. NAME means the cluster of that name in ./rolecall.yaml.

    A unit that is to go stays until what it holds is seen in the object store and found there by the readers;
    --force doesn't wait for that.

    Interrupt it whenever you like: up goes on from there.
    """
    source, specs = _chosen(target, cast("Preset | None", preset))
    refuse_incoherent(specs)
    results = bring_all_up(specs, source, sources=sources, timeout_s=timeout, force=force)
    outcomes = tuple(zip(specs, results, strict=True))
    if as_json:
        errors.show_json(
            {
                "clusters": [
                    {**clusters.data_of(spec.name, one), "url": url_of(spec)} for spec, one in outcomes
                ]
            }
        )
    else:
        for spec, outcome in outcomes:
            show(spec, outcome)
    click.get_current_context().exit(max(clusters.code_of(outcome) for _, outcome in outcomes))


def _agreed(ready: Iterable[LocalCluster]) -> bool:
    """Ask before anything is lost, if there is anything to lose; say whether it may be."""
    units = [unit for cluster in ready for unit in operations.leavers(cluster)]
    if units and not options.sure():
        click.confirm(
            f"{', '.join(units)} will go without waiting, and what only they hold is lost. Take them away?",
            abort=True,
            err=True,
        )
    return bool(units)


def bring_up(
    spec: ClusterSpec,
    source: files.Source,
    *,
    sources: tuple[Source, ...] | None = None,
    timeout_s: float,
    force: bool = False,
    begin: Callable[[], None] | None = None,
) -> operations.Outcome:
    """Converge one cluster of a file."""
    return bring_all_up((spec,), source, sources=sources, timeout_s=timeout_s, force=force, begin=begin)[0]


def bring_all_up(
    specs: tuple[ClusterSpec, ...],
    source: files.Source,
    *,
    sources: tuple[Source, ...] | None = None,
    timeout_s: float,
    force: bool = False,
    begin: Callable[[], None] | None = None,
) -> tuple[operations.Outcome, ...]:
    """Converge clusters of a file at once; one whose executables can't be had keeps no other.

    `begin` is called when whoever was asked has agreed, and before anything is changed.
    """
    lacking: dict[str, operations.Outcome] = {}
    with clusters.told(), ExitStack() as open_ones:
        ready: dict[str, tuple[LocalCluster, operations.Say]] = {}
        for spec in specs:
            try:
                with clusters.told():
                    given = clusters.gathered(spec, sources)
            except errors.Refused as refused:
                if len(specs) == 1:
                    raise
                lacking[spec.name] = operations.Outcome(verdict=verdict_of(refused.problems), done=False)
                continue
            home = clusters.home_of(source, spec.name)
            cluster = open_ones.enter_context(clusters.opened(spec, home, given))
            ready[spec.name] = (cluster, _sayer(spec, alone=len(specs) == 1))
        forced = force and _agreed(cluster for cluster, _ in ready.values())
        if begin is not None:
            begin()
        came = operations.up_all(tuple(ready.values()), timeout_s=timeout_s, forced=forced)
        outcomes = dict(zip(ready, came, strict=True))
    return tuple((outcomes | lacking)[spec.name] for spec in specs)


def _sayer(spec: ClusterSpec, *, alone: bool) -> operations.Say:
    """Return what shows progress, with the cluster's name where there are several."""
    return clusters.say if alone else lambda text: clusters.say(f"{spec.name}: {text}")


def refuse_incoherent(specs: tuple[ClusterSpec, ...]) -> None:
    """Refuse before anything is fetched or started, if the file alone tells that it can't work."""
    verdicts = [rehearsal.judge(spec) for spec in specs]
    if not all(verdict.coherent for verdict in verdicts):
        problems = [problem for verdict in verdicts for problem in verdict.problems]
        raise errors.Refused(problems, errors.INCOHERENT)


def _chosen(target: str | None, preset: Preset | None) -> tuple[files.Source, tuple[ClusterSpec, ...]]:
    product = PRODUCTS.get(target or "")
    if product is None:
        if preset:
            raise click.UsageError("--roles needs a PRODUCT whose file is to be written")
        if target and not Path(target).exists() and Path(files.DEFAULT).exists():
            source = files.read(files.DEFAULT)
            return source, files.specs(source, (target,))
        source = files.read(target or files.DEFAULT)
        return source, files.specs(source)
    path = Path(files.DEFAULT)
    if not path.exists():
        home.write(path, topology.preset(product, preset or "minimal"))
        clusters.say(f"wrote {path} with the {preset or 'minimal'} set of {product.title}")
    elif preset:
        raise click.UsageError(f"--roles writes a new {path}, and there is one; edit it, or take it away")
    source = files.read(str(path))
    return source, _of(product, files.specs(source), source)


def _of(product: Product, specs: tuple[ClusterSpec, ...], source: files.Source) -> tuple[ClusterSpec, ...]:
    mine = tuple(spec for spec in specs if spec.product.name == product.name)
    if not mine:
        raise errors.refuse(
            errors.BAD_INPUT,
            "unknown-cluster",
            f"cannot bring up {product.name}: {source.name} has no cluster of that product",
            f"add one, such as {product.name}: {{product: {product.name}}} below clusters",
        )
    return mine


def url_of(spec: ClusterSpec, listener: str = "") -> str:
    """Return where clients reach a cluster."""
    address = "127.0.0.1" if spec.gateway_address == "0.0.0.0" else spec.gateway_address  # noqa: S104
    return f"http://{address}:{spec.gateway_ports[listener or spec.product.listeners[0].name]}"


def show(spec: ClusterSpec, outcome: operations.Outcome) -> None:
    """Print how it ended: where the cluster is and how to try it, or what is wrong."""
    errors.show(outcome.verdict.problems)
    if not outcome.done:
        return
    click.echo(f"{spec.name} is up at {url_of(spec)} after {outcome.seconds:.1f} s")
    check = spec.product.check(secrets.token_hex(4), time.time_ns())
    for title, call in (("write", check.write), ("read", check.read)):
        if text := _curl(spec, call):
            click.echo(f"  {title}:  {text}")


def _curl(spec: ClusterSpec, call: Call) -> str:
    """Return a call as a command line; empty when its body isn't text."""
    try:
        body = call.body.decode()
    except UnicodeDecodeError:
        return ""
    tenant = (("X-Scope-OrgID", "demo"),) if spec.settings.flag("multi-tenant") else ()
    words = ["curl", "-sS"]
    for name, value in (*call.headers, *tenant):
        words += ["-H", f"{name}: {value}"]
    if call.method != "GET" and not (call.method == "POST" and body):
        words += ["-X", call.method]
    words += ["--data-binary", body] if body else []
    return shlex.join([*words, url_of(spec, call.listener) + call.path])
