"""The controller of a stage: its models, the agents that run their units, and the pods these live in."""

from __future__ import annotations

import hashlib
import importlib
import shutil
import socket
import sys
import threading
import uuid
from pathlib import Path
from typing import cast

from stage.agent import Agent
from stage.client import install_tools
from stage.context import Context
from stage.environment import Surroundings
from stage.errors import StageError, ToolError
from stage.logbook import Logbook
from stage.seam import Pod, PodMaker, PodSpec
from stage.tools import TOOLS, WRITERS, run
from stage.world import Application, Model, Unit

FIRST_MODEL = "stage"
_HALT_LIMIT_S = 20.0
_NETWORKS = 235
_CLAIM_PORT = 41616
"""A port that nobody serves, of an address that no pod gets."""


class Host:
    """Everything that a stage's home holds while its daemon runs."""

    def __init__(self, home: Path, pods: PodMaker, *, retry_s: float = 1.0) -> None:
        self.home = home
        self.make_pod_in = pods
        self.retry_s = retry_s
        self.models: dict[str, Model] = {}
        self.current = FIRST_MODEL
        self.contexts: dict[str, Context] = {}
        self.surroundings = Surroundings(home / "tools", home / "hooks.sock")
        self._agents: dict[tuple[str, str], Agent] = {}
        self._names_lock = threading.Lock()
        self._addresses = 0
        self._claim = claim_network(home)
        self.down = threading.Event()
        install_tools(self.surroundings.tools, TOOLS, Path(sys.executable).resolve())
        self.add_model(FIRST_MODEL)

    def add_model(self, name: str) -> Model:
        """Add an empty model.

        Raises:
            StageError: There is one of that name.
        """
        if name in self.models:
            raise StageError(f'failed to create new model: model "{name}" already exists')
        folder = self.home / "models" / name
        folder.mkdir(parents=True, exist_ok=True)
        model = Model(name, str(uuid.uuid4()), folder, Logbook(self.home))
        self.models[name] = model
        return model

    def make_pod(self, spec: PodSpec) -> Pod:
        """Make the pod of a unit, in the way that this stage was told to."""
        return self.make_pod_in(spec)

    def resource(self, app: Application, name: str) -> str:
        """Return the rock that a container runs: what was deployed as its resource, or the one so called."""
        return app.resources.get(name, name)

    def new_address(self) -> str:
        """Return a loopback address that no pod of this stage has had."""
        with self._names_lock:
            self._addresses += 1
            network = self._claim.getsockname()[0].split(".")[1]
            return f"127.{network}.{self._addresses // 250}.{self._addresses % 250 + 1}"

    def start_unit(self, model: Model, unit: Unit) -> None:
        """Give a unit its agent."""
        agent = Agent(self, model, unit)
        self._agents[model.name, unit.name] = agent
        agent.start()

    def agent(self, model: Model, unit: str) -> Agent:
        """Return the agent of a unit."""
        return self._agents[model.name, unit]

    def agents(self, model: Model) -> list[Agent]:
        """Return the agents of a model's units."""
        return [agent for (name, _), agent in list(self._agents.items()) if name == model.name]

    def forget(self, model: Model, unit: Unit) -> None:
        """Forget a unit's agent, and remove its charm, and its storage if that was asked; the logs stay."""
        self._agents.pop((model.name, unit.name), None)
        shutil.rmtree(unit.folder / "charm", ignore_errors=True)
        for storage in unit.storages.values():
            if unit.destroys_storage:
                shutil.rmtree(storage.folder, ignore_errors=True)

    def add_hosts(self, model: Model, unit: Unit, fqdn: str) -> None:
        """Let all pods of a model know where a unit's pod is, and its application's service."""
        with self._names_lock:
            model.hosts[fqdn] = unit.address
            lowest = min(model.apps[unit.app].units.values(), key=lambda other: other.number)
            model.hosts[f"{unit.app}.{model.name}.svc.cluster.local"] = lowest.address
            for agent in self.agents(model):
                agent.add_hosts(dict(model.hosts))

    def call_tool(self, context_id: str, name: str, argv: list[str], stdin: str) -> str:
        """Run a hook tool for the hook that calls it.

        Raises:
            ToolError: The tool fails, or the hook isn't running any more.
        """
        context = self.contexts.get(context_id)
        if context is None:
            raise ToolError("cannot find the hook that calls this: it isn't running")
        unit = context.unit
        if unit.kill_at in (name, "any") and (unit.kill_at == name or name in WRITERS):
            unit.kill_at = None
            context.model.log.say(unit.name, f"kills its hook at {name}, as asked", also=context.log_path)
            self.agent(context.model, unit.name).kill_hook()
            raise ToolError("the hook was killed")
        return run(context, name, argv, stdin)

    def note_refusal(self, context_id: str, name: str, problem: str) -> None:
        """Log that a hook tool or a command failed, and why; never what it was given."""
        context = self.contexts.get(context_id)
        who = context.unit.name if context else "stage"
        Logbook(self.home).say(who, f"{name} failed: {problem}", also=context.log_path if context else None)

    def drop_model(self, name: str) -> None:
        """Destroy a model at once, with all it has."""
        model = self.models.pop(name)
        self._halt(self.agents(model))
        shutil.rmtree(model.folder, ignore_errors=True)

    def stop(self) -> None:
        """Stop all agents and their pods."""
        self._halt(list(self._agents.values()))
        self._claim.close()

    def _halt(self, agents: list[Agent]) -> None:
        for agent in agents:
            agent.halt()
        for agent in agents:
            agent.join(_HALT_LIMIT_S)
        self._agents = {key: agent for key, agent in self._agents.items() if agent not in agents}


def claim_network(home: Path) -> socket.socket:
    """Take a loopback network that no other stage of this machine has, until the socket is closed.

    Raises:
        StageError: All are taken.
    """
    first = hashlib.sha256(str(home).encode()).digest()[0]
    for number in range(_NETWORKS):
        claim = socket.socket()
        try:
            claim.bind((f"127.{16 + (first + number) % _NETWORKS}.255.254", _CLAIM_PORT))
        except OSError:
            claim.close()
        else:
            return claim
    raise StageError("cannot give pods addresses: other stages have all loopback networks; end some of them")


def pod_maker(name: str) -> PodMaker:
    """Return the maker of pods that `module:attribute` names.

    Raises:
        StageError: There is none.
    """
    module, _, attribute = name.partition(":")
    try:
        return cast("PodMaker", getattr(importlib.import_module(module), attribute))
    except (ImportError, AttributeError) as error:
        raise StageError(f"cannot make pods by {name}: {error}; name `module:attribute`") from None
