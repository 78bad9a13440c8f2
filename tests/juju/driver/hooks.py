"""One hook of one unit: the only module, with `pebble_client`, that reaches into `ops.testing`.

`Context.run` is made for one event of one charm. For thousands of them it does too much (it writes and
parses the metadata, copies the whole state), and it loses what a failing hook did to its containers. So `run`
drives the parts below it by itself. The state given is changed in place; the caller builds a new one for
every hook, except the containers, which live as long as their pod.
"""
# pyright: reportPrivateUsage=false
# ruff: noqa: A002, SLF001

from __future__ import annotations

import datetime
import json
import logging
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import ops
from ops import pebble, testing
from ops._main import _Abort, _Manager
from ops.log import JujuLogHandler
from ops.storage import SQLiteStorage
from scenario._consistency_checker import check_consistency
from scenario._ops_main_mock import Ops, UnitStateDB
from scenario._runtime import Runtime
from scenario.mocking import _MockModelBackend
from scenario.state import _Event

from .notebook import Notebook
from .pebble_client import PebbleClient

if TYPE_CHECKING:
    from .pod import Pod

_MARK = "OPERATOR_DISPATCH"
_TOLD = frozenset({"INFO", "WARNING", "ERROR", "CRITICAL"})


class HookContext(testing.Context[ops.CharmBase]):
    """What the hooks of all units of a charm share: its metadata, parsed once."""

    def __init__(
        self,
        charm: type[ops.CharmBase],
        meta: Mapping[str, Any],
        actions: dict[str, Any],
        config: dict[str, Any],
        root: Path | None,
    ) -> None:
        super().__init__(charm, dict(meta), actions=actions, config=config)
        self.parsed = ops.CharmMeta.from_yaml(json.dumps(meta), json.dumps(actions), json.dumps(config))
        self.root = root or self._tmp_path / "charm"
        if root is None:
            self.root.mkdir()
        self.pod: Pod | None = None

    def _get_storage_root(self, name: str, index: int) -> Path:
        assert self.pod, "storage is looked at in a hook"
        return self.pod.storage_root(name, index)

    def _get_container_root(self, container_name: str) -> Path:
        assert self.pod, "containers are looked at in a hook"
        return self.pod.container_root(container_name)

    def forget(self) -> None:
        """Forget what the last hook left here."""
        for history in (self.juju_log, self.app_status_history, self.unit_status_history):
            history.clear()
        self.workload_version_history.clear()
        self.emitted_events.clear()
        self.exec_history.clear()
        self.action_logs.clear()
        self.action_results = None
        self._action_failure_message = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """What is to run."""

    app: str
    number: int
    event: _Event
    state: testing.State
    environment: Mapping[str, str]
    """Corrections to the environment that `ops.testing` gives the hook."""
    seams: Mapping[str, Any]
    checked: bool
    """Whether `ops.testing` looks at the state's consistency first."""


@dataclass(slots=True)
class Result:
    """What came of it."""

    state: testing.State
    error: Exception | None = None
    log: tuple[str, ...] = ()
    reads: dict[str, bool] = field(default_factory=dict[str, bool])
    """Ids of secrets whose content was got, and whether that moved the unit to the latest revision."""
    removed: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """Secret revisions that the charm removed."""
    results: dict[str, Any] = field(default_factory=dict[str, Any])
    logs: tuple[str, ...] = ()
    failure: str | None = None


def run(context: HookContext, pod: Pod, hook: Hook) -> Result:
    """Run a hook; what it raised is in the result.

    Raises `InconsistentScenarioError` when the state is none that Juju could show.
    """
    spec = context._charm_spec
    if hook.checked:
        check_consistency(hook.state, hook.event, spec, context.juju_version, hook.number)
    context.forget()
    context.pod = pod
    result = Result(hook.state)
    main = _Main(context, hook, result)
    with _environment(_variables(context, hook)) as variables:
        try:
            main.go(variables, pod)
        except _Abort as abort:
            # A charm may end its hook in its constructor, well; ops without a framework never started one.
            result.error = abort if abort.exit_code or not hasattr(main, "framework") else None
        except Exception as error:
            result.error = error
        finally:
            main.end()
    result.state = main.state
    result.log = tuple(f"{line.level} {line.message}" for line in context.juju_log if line.level in _TOLD)
    result.results = dict(context.action_results or {})
    result.logs = tuple(context.action_logs)
    result.failure = context._action_failure_message
    context.pod = None
    return result


class _Main(Ops[ops.CharmBase]):
    """`ops.main`, with the metadata parsed before and a backend that remembers."""

    def __init__(self, context: HookContext, hook: Hook, result: Result) -> None:
        self.state = hook.state
        self.event = hook.event
        self.context = context
        self.charm_spec = context._charm_spec
        self.store = None
        self.captured_events = []
        self.trace_data = ()
        self._tracing_mock = None
        self._tracing_exporter = None
        self._aborted_in_init = False
        self._hook = hook
        self._result = result
        self._parsed = context.parsed

    def go(self, variables: dict[str, str], pod: Pod) -> None:
        juju = ops.JujuContext.from_environ(variables)
        backend = _Backend(self, pod, self._result, juju)
        charm = _fresh(self.charm_spec.charm_type, self._hook.seams)
        _Manager.__init__(self, charm, backend, juju_context=juju)
        self.run()

    def end(self) -> None:
        """Put back what `ops.main` changed in this process."""
        if hasattr(self, "framework"):
            self.destroy()
            return
        root = logging.getLogger()
        for handler in [handler for handler in root.handlers if isinstance(handler, JujuLogHandler)]:
            root.removeHandler(handler)

    def _load_charm_meta(self) -> ops.CharmMeta:
        return self._parsed

    def _make_storage(self, _: Any) -> SQLiteStorage:
        storage = Notebook().as_storage()
        self.store = UnitStateDB(storage)
        self.store.apply_state(self.state)
        return storage


class _Backend(_MockModelBackend):
    """The hook tools, remembering what `ops.testing` forgets."""

    def __init__(self, main: _Main, pod: Pod, result: Result, juju: ops.JujuContext) -> None:
        super().__init__(main.state, main.event, main.charm_spec, main.context, juju)
        self._pod = pod
        self._result = result

    def get_pebble(self, socket_path: str) -> pebble.Client:
        client = PebbleClient(
            self._pod,
            socket_path=socket_path,
            state=self._state,
            event=self._event,
            charm_spec=self._charm_spec,
            context=self._context,
        )
        return cast("pebble.Client", client)

    def _get_secret(self, id: str | None = None, label: str | None = None) -> testing.Secret:
        """Find a secret, also by the form of its id that names the model: `secret://<uuid>/<id>`."""
        prefix = f"secret://{self._state.model.uuid}/"
        short = f"secret:{id.removeprefix(prefix)}" if id and id.startswith(prefix) else id
        return super()._get_secret(short, label)

    def relation_list(self, relation_id: int, *, relation_name: str | None = None) -> tuple[str, ...]:
        """List the members; the unit that departs is none, though its bag can be read.

        The uniter takes it off the list before the hook (internal/worker/uniter/runner/context).
        """
        members = super().relation_list(relation_id, relation_name=relation_name)
        event = self._event
        departs = event.name.endswith("_relation_departed")
        if not departs or event.relation is None or event.relation.id != relation_id:
            return members
        gone = f"/{event.relation_remote_unit_id}"
        return tuple(name for name in members if not name.endswith(gone))

    def secret_get(
        self, *, id: str | None = None, label: str | None = None, refresh: bool = False, peek: bool = False
    ) -> dict[str, str]:
        content = super().secret_get(id=id, label=label, refresh=refresh, peek=peek)
        if not peek:
            read = self._get_secret(id, label).id
            self._result.reads[read] = refresh or self._result.reads.get(read, False)
        return content

    def secret_add(
        self,
        content: dict[str, str],
        *,
        label: str | None = None,
        description: str | None = None,
        expire: datetime.datetime | None = None,
        rotate: ops.SecretRotate | None = None,
        owner: Literal["unit", "application"] | None = None,
    ) -> str:
        """Add a secret with an id of ours: those of `ops.testing` are random, and a seed would not repeat."""
        kind: Literal["app", "unit"] = "unit" if owner == "unit" else "app"
        if kind == "app" and not self.is_leader():
            raise ops.ModelError("ERROR permission denied: only the leader adds secrets of the application")
        if label and any(secret.label == label and secret.owner == kind for secret in self._state.secrets):
            raise ops.ModelError(f'ERROR secret with label "{label}" already exists')
        secret = testing.Secret(
            content,
            id=self._pod.new_secret_id(),
            owner=kind,
            label=label,
            description=description,
            expire=expire,
            rotate=rotate,
        )
        self._state._update_secrets(self._state.secrets | {secret})
        return secret.id

    def secret_remove(self, id: str, *, revision: int | None = None) -> None:
        super().secret_remove(id, revision=revision)
        if revision is not None:
            self._result.removed.append((self._get_secret(id).id, revision))


def _fresh(charm: type[ops.CharmBase], seams: Mapping[str, Any]) -> type[ops.CharmBase]:
    """Return a subclass: ops keeps event sources on the class, and refuses to define them twice."""
    events = type(charm.on.__class__.__name__, (charm.on.__class__,), {})
    body = {
        **seams,
        "on": events(),
        "__module__": charm.__module__,
        "__qualname__": charm.__qualname__,
        "__doc__": charm.__doc__,
    }
    return cast("type[ops.CharmBase]", type(charm.__name__, (charm,), body))


def _variables(context: HookContext, hook: Hook) -> dict[str, str]:
    runtime = Runtime(
        hook.app, context._charm_spec, context.root, juju_version=context.juju_version, unit_id=hook.number
    )
    return {**runtime._get_event_env(hook.state, hook.event, context.root), **hook.environment}


@contextmanager
def _environment(variables: dict[str, str]) -> Generator[dict[str, str]]:
    """Set environment variables for as long as a hook runs: charms may read them.

    `ops.main` leaves a mark of its own there, and refuses to run again when it finds it.
    """
    before = {name: os.environ.get(name) for name in (*variables, _MARK)}
    os.environ.pop(_MARK, None)
    os.environ.update(variables)
    try:
        yield variables
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
