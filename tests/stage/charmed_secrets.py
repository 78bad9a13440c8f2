"""G10 on the stage: everything that somebody without the right to a secret can look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jubilant
from charmed import ACTION_S, CHARMS, Charmed
from ops import pebble
from planted import Place, files

from stage.charm import read
from stage.containers import LAYERS, SOCKET

KEY_MARK = "PRIVATE KEY-----"
"""What every PEM text of a private key has."""
_ANSWER_S = 60
_PEBBLE = b"/charm/bin/pebble"

_NEEDED = {"drain": {"unit": "nobody/0"}, "forget-ring-member": {"member": "nobody/0"}}
"""What an action can't be asked without; nothing comes of these."""


@dataclass(frozen=True)
class _Process:
    """A process in a pod of the stage."""

    folder: Path
    """Where `/proc` has it."""
    namespace: str
    """That of its mounts."""

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


def secrets_of(cluster: Charmed) -> set[str]:
    """Return the values to look for: the object store's keys, and those that the charms made themselves."""
    admin = next(one for one in cluster.juju.secrets() if one.label == "admin")
    revealed = cluster.juju.show_secret(admin.uri, reveal=True)
    assert isinstance(revealed, jubilant.RevealedSecret)
    made = {revealed.content["password"], revealed.content["htpasswd"].strip()}
    return {*cluster.planted, *made, KEY_MARK}


def places(cluster: Charmed) -> Iterator[Place]:
    """List all files of all pods, logs, processes, plans, databags, statuses and actions' outputs."""
    cluster.site.need_stage("the files and processes of its pods")
    # The roots of all containers, storage, folders of charms, logs of units, Pebbles and the stage; and what
    # words the hook tools were called with, all statuses among them.
    yield from files(cluster.site.home)
    entered: set[str] = set()
    for process in _processes(cluster.site.home):
        try:
            yield from _own(process)
            if process.namespace not in entered:
                entered.add(process.namespace)
                yield from files(process.root / LAYERS.lstrip("/"))
            if process.read("cmdline").startswith(_PEBBLE):
                yield from _kept_by_pebble(process)
        except (FileNotFoundError, ProcessLookupError):
            # It has ended meanwhile: a hook's.
            continue
    yield from _told(cluster)


def _processes(home: Path) -> Iterator[_Process]:
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and str(home) in (folder / "mountinfo").read_text():
                yield _Process(folder, str((folder / "ns" / "mnt").readlink()))
        except OSError:
            continue


def _own(process: _Process) -> Iterator[Place]:
    for name in ("cmdline", "environ"):
        yield f"{name} of process {process.folder.name}", process.read(name).decode("latin-1")


def _kept_by_pebble(process: _Process) -> Iterator[Place]:
    client = pebble.Client(f"{process.root}/charm/container/{SOCKET}", timeout=_ANSWER_S)
    who = process.read("cmdline").decode("latin-1") + process.folder.name
    yield f"plan of {who}", client.get_plan().to_yaml()
    changes = client.get_changes(pebble.ChangeState.ALL)
    yield f"changes of {who}", str([[*map(vars, change.tasks), vars(change)] for change in changes])
    yield f"notices of {who}", str([vars(notice) for notice in client.get_notices()])


def _told(cluster: Charmed) -> Iterator[Place]:
    juju, status = cluster.juju, cluster.juju.status()
    units = [name for app in status.apps.values() for name in app.units]
    yield "status", juju.cli("status", "--format", "json")
    yield "debug-log", juju.debug_log()
    yield "secrets", juju.cli("secrets", "--format", "json")
    yield "bags", juju.cli("show-unit", *units, "--format", "json")
    for action in read(CHARMS / cluster.product.name / "coordinator").actions:
        yield f"action {action}", _said(juju, cluster.leader(), action)


def _said(juju: jubilant.Juju, unit: str, action: str) -> str:
    try:
        return str(juju.run(unit, action, _NEEDED.get(action, {}), wait=ACTION_S))
    except jubilant.TaskError as error:
        # A refusal is read by somebody, too.
        return str(error.task)
