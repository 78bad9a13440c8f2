"""What an administrator asks of a coordinator with `juju run`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import ops
from msgspec.structs import replace

from rolecall.core import undo
from rolecall.core.coordinator import Decision
from rolecall.core.forget import Forget
from rolecall.core.model import Phase
from rolecall.core.routes import Answer, Call
from rolecall.juju import integrations, status
from rolecall.juju.net import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolecall.juju.coordinator import CoordinatorCharm

_CHECK_S = 60


class Actions(ops.Object):
    """The actions of one coordinator; the charm must keep it, because the framework doesn't."""

    def __init__(self, charm: CoordinatorCharm) -> None:
        """Have each action that the charm's metadata names answered."""
        super().__init__(charm, "actions")
        self._charm = charm
        answers: dict[str, Callable[[Any], None]] = {
            "check": self._on_check,
            "diagnose": self._on_diagnose,
            "drain": self._on_drain,
            "rollout": self._on_rollout,
            "forget-ring-member": self._on_forget_ring_member,
            "list-receivers": self._on_list_receivers,
        }
        for name in charm.meta.actions:
            self.framework.observe(charm.on[name].action, answers[name])

    def _on_check(self, event: ops.ActionEvent) -> None:
        """Write through the gateway and read it back, as a client does."""
        # Of all hooks and actions, this one alone needs it.
        from rolecall import roundtrip

        charm = self._charm
        limit_s = int(event.params.get("timeout", _CHECK_S))
        found = roundtrip.check(charm.product, self._call, charm.net.pause, limit_s)
        if not found.ok:
            event.fail(found.text)
            return
        event.set_results(
            {"marker": found.marker, "write-ms": round(found.write_ms), "read-ms": round(found.read_ms)}
        )

    def _on_diagnose(self, event: ops.ActionEvent) -> None:
        """Tell the whole verdict, the units and the rollout as JSON."""
        observed, decision = self._charm.reconcile()
        units = {
            unit.id: {
                "roles": list(unit.roles),
                "address": unit.address,
                "ready": unit.ready,
                "phase": unit.report.phase.value,
                "handover": unit.report.handover,
                "served": unit.id in decision.desired.serving,
                "problem": unit.report.problem,
            }
            for unit in decision.cluster.units
        }
        problems = [
            {
                "code": problem.code,
                "severity": problem.severity.name.lower(),
                "text": status.sentence(problem),
                "facts": dict(problem.facts),
            }
            for problem in decision.verdict.problems
        ]
        document = observed.published
        event.set_results(
            {
                "coherent": str(decision.verdict.coherent).lower(),
                "problems": json.dumps(problems),
                "units": json.dumps(units),
                "rollout": json.dumps({"remaining": decision.rollout.remaining, "paused": observed.paused}),
                "revision": document.revision if document else 0,
            }
        )

    def _on_rollout(self, event: ops.ActionEvent) -> None:
        """Tell how far the rollout is; pause, resume or undo it. The leader's alone, because it plans."""
        wanted = event.params.get("action", "state")
        host = self._charm.host()
        settings = host.given.settings
        if wanted not in {"state", *undo.VERBS}:
            known = ", ".join(("state", *undo.VERBS))
            event.fail(f"cannot {wanted} the rollout: the actions are {known}; use one of them")
            return
        if wanted != "state" and not self._charm.unit.is_leader():
            event.fail(f"cannot {wanted} the rollout here: only the leader plans; run it on the leader")
            return
        if wanted == "undo" and (refused := undo.refusal(host.shared.memory, settings)):
            event.fail(f"cannot undo the rollout: {refused}")
            return
        if wanted != "state":
            paused, memory = undo.asked(wanted, host.shared.memory, settings)
            host.shared = replace(host.shared, paused=paused, memory=memory)
        observed, decision = self._charm.reconcile(host)
        event.set_results(
            {
                "paused": str(observed.paused).lower(),
                "undone": str(undo.in_force(decision.desired.memory, settings)).lower(),
                "remaining": ", ".join(decision.rollout.remaining) or "none",
                "held": ", ".join(decision.rollout.held) or "none",
                "waits-for": ", ".join(decision.rollout.waits_for) or "none",
            }
        )

    def _on_drain(self, event: ops.ActionEvent) -> None:
        """Have a unit hand over ahead of its removal, or let it stay after all; tell how far it is."""
        charm, name = self._charm, str(event.params["unit"]).replace("/", "-")
        if not charm.unit.is_leader():
            event.fail(f"cannot drain {name} here: only the leader plans; run it on the leader")
            return
        host = charm.host()
        members = host.members()
        if name not in members:
            event.fail(f"cannot drain {name}: there is no such worker; there are {', '.join(members)}")
            return
        before = host.shared.outgoing
        others = tuple(one for one in before if one != name)
        if event.params.get("undo", False):
            outgoing = others
        else:
            line = host.rings.line
            rest = (one.report for unit, one in members.items() if unit != name and unit not in others)
            missing = line.missing(
                role for report in rest if report.ready for role in line.expand(report.roles)
            )
            if missing and name not in before:
                event.fail(
                    f"cannot drain {name}: nobody else would run {', '.join(missing)}; add a unit first"
                )
                return
            outgoing = (*others, name)
        host.shared = replace(host.shared, outgoing=outgoing)
        _, decision = charm.reconcile(host)
        event.set_results({"unit": name, "state": _course(decision, name)})

    def _on_forget_ring_member(self, event: ops.ActionEvent) -> None:
        """Have rings forget a member at once, whatever of the cluster isn't ready (G7)."""
        member, path = str(event.params["member"]).replace("/", "-"), str(event.params.get("ring", ""))
        host = self._charm.host()
        if member in host.rings.units():
            event.fail(
                f"cannot forget {member}: the model has its unit; remove that, and it leaves its rings"
            )
            return
        pages = host.rings.pages(host.rings.answering(host.members()))
        if pages is None:
            event.fail("cannot look at the rings: a unit doesn't answer; try again")
            return
        found = [page for page in pages if member in page.members and path in ("", page.ring.path)]
        if not found:
            where = path or ", ".join(page.ring.path for page in pages) or "none that can be looked at"
            event.fail(f"cannot forget {member}: it is no member of the rings ({where})")
            return
        for page in found:
            one = Forget(address=page.address, path=page.ring.path, member=member)
            if refusal := host.rings.forget(one):
                event.fail(f"cannot have the ring {one.path} forget {member}: {refusal}")
                return
        event.set_results({"forgotten-by": ", ".join(page.ring.path for page in found)})

    def _on_list_receivers(self, event: ops.ActionEvent) -> None:
        """List the receivers that the gateway has open, each with its address."""
        observed, decision = self._charm.reconcile()
        facts = integrations.facts_of(self._charm, observed, decision)
        opened = {
            listener.protocol.replace("_", "-"): facts.urls[listener.name]
            for listener in self._charm.product.listeners
            if listener.protocol and listener.name in facts.urls
        }
        event.set_results(opened)

    def _call(self, call: Call) -> Answer:
        charm = self._charm
        product = charm.product
        named = {one.name: one for one in product.listeners}
        port = named[call.listener].number if call.listener else product.listeners[0].number
        scheme = "https" if charm.gateway.kept_certificate().certificate else "http"
        url = f"{scheme}://{charm.address}:{port}{call.path}"
        request = Request((*call.headers, ("X-Scope-OrgID", "rolecall-check")), call.body)
        return charm.net.ask(url, method=call.method, timeout_s=10, request=request)


def _course(decision: Decision, name: str) -> str:
    """Say how far a unit is that is to hand over, or that stays after all."""
    (unit,) = (one for one in decision.cluster.units if one.id == name)
    asked = decision.desired.document is not None and name in decision.desired.document.outgoing
    if not asked:
        return "it stays" if unit.ready else "it stays, and is to start again"
    if unit.report.phase is Phase.DRAINED:
        return "drained: it has handed over, and may be removed"
    if unit.report.handover:
        return f"draining: {unit.report.handover}"
    return "held: no gateway sends to it" if name in decision.rollout.held else "asked: it waits for its turn"
