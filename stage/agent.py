"""A unit's agent: a thread that keeps its pod and runs one hook after the other."""

from __future__ import annotations

import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from stage.clock import now_s
from stage.context import Context
from stage.environment import argv_of, variables
from stage.errors import ToolError
from stage.housing import Housing
from stage.life import end_unit
from stage.resolver import join_relations, next_hook
from stage.settle import INSTALLING, settle
from stage.world import Failure, Hook, Model, Unit

if TYPE_CHECKING:
    from stage.host import Host

HOOK_LIMIT_S = 900.0
LONGEST_RETRY_S = 30.0
_WAKE_S = 1.0


def due(model: Model, unit: Unit) -> Hook | None:
    """Return the hook that a unit is to run now: after a failure the failed one, when its time has come."""
    join_relations(model, unit)
    if unit.failure is None:
        return next_hook(model, unit)
    for task in list(unit.tasks)[:1]:
        return Hook("action", "", key=task)
    return unit.failure.hook if unit.failure.retry_at_s <= now_s() else None


class Agent(threading.Thread):
    """Runs a unit from its first hook to its last."""

    def __init__(self, host: Host, model: Model, unit: Unit) -> None:
        super().__init__(name=unit.name, daemon=True)
        self._host = host
        self._model = model
        self._unit = unit
        self._housing = Housing(host, model, unit, self._say)
        self._broken = False
        self.halted = False

    @property
    def log_path(self) -> Path:
        """Return the unit's own log."""
        return self._unit.folder / "unit.log"

    def run(self) -> None:
        """Keep the unit until it is dead, or the stage goes down."""
        try:
            while self._step():
                pass
        except Exception:
            self._broken = True
            self._say("the stage's agent broke:\n" + traceback.format_exc())
            with self._model.changed:
                self._unit.set_agent("failed", "the stage's agent broke; see stage.log")
        finally:
            self._end()

    def is_idle(self) -> bool:
        """Whether the unit has nothing left to do; the model's lock must be held."""
        unit = self._unit
        busy = unit.pod_due or not unit.pod_up or unit.running or unit.failure
        return not busy and unit.life == "alive" and due(self._model, unit) is None

    def kill_hook(self) -> None:
        """Kill the charm's process, if one runs."""
        if pod := self._housing.pod:
            pod.kill_charm()

    def halt(self) -> None:
        """Let the thread end soon, whatever the unit still has to do."""
        with self._model.changed:
            self.halted = True
            self._model.changed.notify_all()
        self.kill_hook()

    def add_hosts(self, entries: dict[str, str]) -> None:
        """Let the pod resolve these names."""
        if pod := self._housing.pod:
            pod.add_hosts(entries)

    def _step(self) -> bool:
        with self._model.changed:
            work = self._wait()
        if work is None:
            return False
        if isinstance(work, Hook):
            self._run(work)
        elif work == "start":
            self._housing.start()
        else:
            self._change_pod(work)
        return True

    def _change_pod(self, why: str) -> None:
        # Kubernetes lets a pod that it replaces end in good order; a lost one is just gone.
        if why == "replace":
            self._run(Hook("stop", "stop"), remember=False)
            self._housing.close(forget=False)
        self._housing.give_up()

    def _wait(self) -> Hook | str | None:
        unit = self._unit
        while True:
            gone = unit.removed or unit.life == "dead" or (unit.life == "dying" and not unit.installed)
            if self.halted or gone:
                return None
            work = self._due()
            if work:
                return work
            if unit.pod_up and unit.failure is None and unit.agent.current != "idle":
                unit.set_agent("idle")
                # Only news wakes the others: agents that woke each other for nothing would never rest.
                self._model.changed.notify_all()
            self._model.changed.wait(_WAKE_S)

    def _due(self) -> Hook | str | None:
        unit = self._unit
        if unit.pod_due == "start":
            return "start" if self._housing.retry_at_s <= now_s() and not unit.away else None
        return unit.pod_due or due(self._model, unit)

    def _run(self, hook: Hook, *, remember: bool = True) -> None:
        with self._model.changed:
            context = self._open(hook)
        name = f"action {context.task.action}" if context.task else hook.name
        began_s = time.monotonic()
        self._say(f"runs {name}")
        code = self._dispatch(context)
        with self._model.changed:
            self._host.contexts.pop(context.id, None)
            problem = self._close(context, code, remember=remember)
            self._unit.running = None
            self._model.changed.notify_all()
        took_ms = (time.monotonic() - began_s) * 1000
        self._say(f"{name} {'failed: ' + problem if problem else 'succeeded'} after {took_ms:.0f} ms")

    def _open(self, hook: Hook) -> Context:
        unit = self._unit
        context = Context(self._model, unit, hook)
        if hook.kind == "action":
            context.task = self._model.tasks[hook.key]
            context.task.status = "running"
            context.task.started_s = now_s()
            unit.set_agent("executing", f"running action {context.task.action}")
        else:
            unit.set_agent("executing", f"running {hook.name} hook")
        if hook.kind == "install":
            unit.set_workload("maintenance", INSTALLING)
        unit.running = hook
        self._host.contexts[context.id] = context
        self._model.changed.notify_all()
        return context

    def _dispatch(self, context: Context) -> int:
        pod, charm_dir = self._housing.pod, self._housing.charm_dir
        if pod is None:
            raise AssertionError(f"{self._unit.name} has no pod")
        output = self._unit.folder / (f"action-{context.task.id}.log" if context.task else "unit.log")
        try:
            return pod.run_charm(
                argv_of(charm_dir),
                variables(context, charm_dir, self._host.surroundings),
                timeout_s=HOOK_LIMIT_S,
                stdout_to=output,
            )
        except TimeoutError as error:
            self._say(str(error))
            return 124

    def _close(self, context: Context, code: int, *, remember: bool) -> str:
        """Commit a hook that succeeded, or note why it didn't; return the reason."""
        problem = f"exit status {code}" if code else ""
        if not problem:
            try:
                context.commit()
            except ToolError as error:
                problem = str(error)
        if problem:
            context.roll_back()
        if context.task:
            self._close_task(context, code, problem)
        if problem and not context.task:
            self._note_failure(context, problem, remember=remember)
        elif remember:
            settle(self._model, self._unit, context.hook)
            if not context.task:
                self._unit.failure = None
        return problem

    def _note_failure(self, context: Context, problem: str, *, remember: bool) -> None:
        unit, hook = self._unit, context.hook
        # What a lost pod or the stage's end interrupts is no failure of the charm.
        if unit.pod_due == "lose" or self.halted or not remember:
            return
        tries = unit.failure.tries + 1 if unit.failure else 1
        wait_s = min(self._host.retry_s * 2 ** (tries - 1), LONGEST_RETRY_S)
        unit.failure = Failure(hook, tries, now_s() + wait_s)
        unit.set_agent("idle")
        text = f'hook "{hook.name}" failed: {problem}'
        self._model.log.juju(unit.name, "ERROR", "juju.worker.uniter.operation", text, also=self.log_path)

    def _close_task(self, context: Context, code: int, problem: str) -> None:
        task = context.task
        if task is None:
            raise AssertionError("only actions have a task")
        output = self._unit.folder / f"action-{task.id}.log"
        text = output.read_text("utf-8", "replace") if output.is_file() else ""
        task.output = {"stdout": text} if text else {}
        task.return_code = code
        task.status = "failed" if problem or context.task_failed else "completed"
        if problem and not task.message:
            task.message = problem
        task.ended_s = now_s()

    def _end(self) -> None:
        self._housing.close(forget=not (self.halted or self._broken))
        with self._model.changed:
            for task in self._unit.tasks:
                self._model.tasks[task].status = "cancelled"
            if not (self.halted or self._broken):
                self._host.forget(self._model, self._unit)
                end_unit(self._model, self._unit)
                self._say("is gone")
            self._model.changed.notify_all()

    def _say(self, text: str) -> None:
        self._model.log.say(self._unit.name, text, also=self.log_path)
