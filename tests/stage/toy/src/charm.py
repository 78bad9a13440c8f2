"""A charm that writes down what happens to it, for the stage's own tests."""

from __future__ import annotations

import json
import os
from pathlib import Path

import ops

KEY_LABEL = "shared"


class ToyCharm(ops.CharmBase):
    """Runs the same on every event, and notes which one it was."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        for event in self.on.events().values():
            if issubclass(event.event_type, ops.HookEvent):
                framework.observe(event, self._on_event)
        framework.observe(self.on.say_action, self._on_say)
        framework.observe(self.on.refuse_action, self._on_refuse)
        framework.observe(self.on.crash_action, self._on_crash)
        framework.observe(self.on.share_action, self._on_share)

    def _on_event(self, event: ops.HookEvent) -> None:
        self._note(event)
        if os.environ["JUJU_HOOK_NAME"] == self.config["fail-on"]:
            self._write_all("written by a hook that fails")
            raise RuntimeError("failing, as configured")
        if isinstance(event, (ops.RemoveEvent, ops.StopEvent, ops.RelationBrokenEvent)):
            return
        self._write_all(str(self.config["word"]))
        if isinstance(event, ops.SecretChangedEvent):
            event.secret.get_content(refresh=True)
        self.unit.set_ports(8080)
        if self.unit.is_leader():
            self.app.status = ops.ActiveStatus()
            self.unit.set_workload_version("1.2.3")
        self.unit.status = ops.ActiveStatus(f"{self.config['word']}; {self._heard()}")

    def _note(self, event: ops.HookEvent) -> None:
        seen = {key: value for key, value in os.environ.items() if key.startswith("JUJU_")}
        facts: dict[str, object] = {"hook": os.environ["JUJU_HOOK_NAME"], "environment": seen}
        if isinstance(event, ops.RelationEvent):
            members = event.relation.units
            facts["members"] = sorted(unit.name for unit in members)
        with Path(os.environ["JUJU_CHARM_DIR"], "..", "seen.jsonl").open("a") as notes:
            notes.write(json.dumps(facts) + "\n")

    def _write_all(self, word: str) -> None:
        for name in ("friends", "giving", "taking"):
            for relation in self.model.relations[name]:
                relation.data[self.unit]["word"] = word
                if self.unit.is_leader():
                    relation.data[self.app]["word"] = f"app {word}"

    def _heard(self) -> str:
        heard: list[str] = []
        for name in ("friends", "giving", "taking"):
            for relation in self.model.relations[name]:
                heard += [f"{u.name}={relation.data[u].get('word', '')}" for u in relation.units]
                secret_id = relation.data[relation.app].get("secret") if relation.app else None
                if secret_id and name == "taking":
                    secret = self.model.get_secret(id=secret_id, label=KEY_LABEL)
                    heard.append(f"secret of length {len(secret.get_content()['value'])}")
        return ", ".join(sorted(heard))

    def _on_say(self, event: ops.ActionEvent) -> None:
        event.log("about to speak")
        event.set_results(
            {"said": " ".join([event.params["word"]] * event.params["times"]), "deep": {"er": 1}}
        )

    def _on_refuse(self, event: ops.ActionEvent) -> None:
        event.fail("no, thanks")

    def _on_crash(self, _: ops.ActionEvent) -> None:
        raise RuntimeError("crashing, as asked")

    def _on_share(self, event: ops.ActionEvent) -> None:
        content = {"value": event.params["value"]}
        try:
            secret = self.model.get_secret(label=KEY_LABEL)
            secret.set_content(content)
        except ops.SecretNotFoundError:
            secret = self.app.add_secret(content, label=KEY_LABEL)
        for relation in self.model.relations["giving"]:
            secret.grant(relation)
            relation.data[self.app]["secret"] = secret.id or ""


if __name__ == "__main__":
    ops.main(ToyCharm)
