"""Golden cases of the core: a value in, as text; what comes of it, as text.

Each topic is a folder below `cases/`, and a function of the same name here answers its commands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import pytest
from msgspec.structs import replace
from properties.test_guarantees import published
from simulation.world import World

from rolecall.core import changes, coordinator, crashes, difference, identity, periods, rollout, wire
from rolecall.core import settings as core_settings
from rolecall.core.model import S3, Grant, Unit
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.core.roles import Line
from rolecall.core.tree import Tree
from rolecall.testing import a_group, a_unit, observed

Handler = Callable[[str, str], str]
Golden = Callable[[Path, Mapping[str, Handler]], None]

_FOLDER = Path(__file__).parent / "cases"
_S3 = S3(endpoint="https://s3.example.com", bucket="data", ca="/etc/ca.pem")


# rollout: one line a unit, `id role[,role] state [grant=DIGEST@REVISION/SINCE] [revision=N] [serving]`.


def _unit(line: Line, words: list[str]) -> tuple[Unit, Grant | None, bool]:
    name, roles, state, *rest = words
    told = dict(word.split("=", 1) for word in rest if "=" in word)
    ready, _, running = state.partition(":")
    grant = None
    if "grant" in told:
        digest, _, tail = told["grant"].partition("@")
        revision, _, since = tail.partition("/")
        grant = Grant(digest=digest, revision=int(revision), since=since)
    unit = a_unit(
        line,
        name,
        roles.split(","),
        ready=ready == "ready",
        running=running,
        revision=int(told.get("revision", 9)),
        leaving="leaving" in rest,
    )
    return unit, grant, "serving" in rest


def _plan(product: str, text: str) -> str:
    line = PRODUCTS[product].lines[0]
    units = [_unit(line, words.split()) for words in text.splitlines()]
    planned = rollout.plan(
        rollout.Situation(
            line=line,
            units=tuple(unit for unit, _, _ in units),
            wanted={unit.id: "new" for unit, _, _ in units},
            granted={unit.id: grant for unit, grant, _ in units if grant is not None},
            serving=frozenset(unit.id for unit, _, serving in units if serving),
            revision=10,
        )
    )
    shown = [
        f"{name} may {grant.digest or 'not'} @{grant.revision}/{grant.since}"
        for name, grant in planned.grants.items()
    ]
    rows = (
        ("held", planned.held),
        ("grants", shown),
        ("remaining", planned.remaining),
        ("waits for", planned.waits_for),
    )
    return "\n".join(f"{title}: {', '.join(row)}" for title, row in rows if row) or "nothing"


# verdicts: one line a group, `name roles units [absent|unready]`, or `set NAME VALUE`.


def _seen(product: str, text: str) -> coordinator.Observed:
    lines = [line.split() for line in text.splitlines()]
    raw = {words[1]: identity.load(" ".join(words[2:])) for words in lines if words[0] == "set"}
    groups = [words for words in lines if words[0] != "set"]
    made = [a_group(words[0], words[1].split(","), int(words[2])) for words in groups]
    state = {words[0]: words[3] for words in groups if len(words) > 3}
    seen = observed(PRODUCTS[product], made)
    parsed = core_settings.parse(PRODUCTS[product], raw)
    members = {
        name: replace(
            member, report=replace(member.report, ready=False, running="", problem="the ring is full")
        )
        if state.get(member.group) == "unready"
        else member
        for name, member in seen.members.items()
        if state.get(member.group) != "absent"
    }
    return replace(seen, members=members, settings=parsed.settings, problems=parsed.problems)


def _started(product: str, seen: coordinator.Observed) -> coordinator.Observed:
    """Let the binary find the config good, and the units that are ready run what is published."""
    candidate = coordinator.decide(PRODUCTS[product], seen).desired.candidate
    seen = replace(seen, verified={identity.digest_of(candidate): ""})
    document = coordinator.decide(PRODUCTS[product], seen).desired.document
    if document is None:
        return seen
    members = {
        name: replace(
            member,
            report=replace(
                member.report,
                running=identity.identity(PRODUCTS[product], document, member.report.roles, 0),
            ),
        )
        if member.report.ready
        else member
        for name, member in seen.members.items()
    }
    return replace(seen, members=members, published=replace(document, grants={}, held=()))


def _judge(product: str, text: str) -> str:
    verdict = coordinator.decide(PRODUCTS[product], _started(product, _seen(product, text))).verdict
    told = [f"{one.severity.name.lower()} {one.code}: {one}" for one in verdict.problems]
    return "\n".join(("coherent" if verdict.coherent else "not coherent", *told))


# settings: YAML in; what was understood, and what wasn't.


def _parse(product: str, text: str) -> str:
    parsed = core_settings.parse(PRODUCTS[product], cast("Tree", identity.load(text) or {}))
    defaults = {setting.name: setting.default for setting in core_settings.table(PRODUCTS[product])}
    changed = {name: value for name, value in parsed.settings.values.items() if value != defaults[name]}
    told = [f"{name} = {value!r}" for name, value in sorted(changed.items())]
    return "\n".join((*told, *map(str, parsed.problems))) or "all defaults"


# identity and config: settings as YAML in.


def _restarts(product: str, text: str) -> str:
    """Say for each line of settings whether they make a unit of the smallest set restart."""
    one = PRODUCTS[product]
    groups = [a_group(*rest) for rest in one.minimal]
    before = published(one, observed(one, groups))
    answers: list[str] = []
    for line in text.splitlines():
        raw = cast("Tree", identity.load(line))
        document = published(one, observed(one, groups, raw=raw))
        same = identity.identity(one, document, groups[0].roles) == identity.identity(
            one, before, groups[0].roles
        )
        told = "runtime file only" if document.runtime != before.runtime else "nothing"
        answers.append(f"{line} -> {told if same else 'restart'}")
    return "\n".join(answers)


def _render(argument: str, text: str) -> str:
    product, store = argument.split()
    one = PRODUCTS[product]
    seen = observed(
        one,
        [a_group(*rest) for rest in one.minimal],
        raw=cast("Tree", identity.load(text) or {}),
    )
    document = published(one, replace(seen, store=_S3) if store == "s3" else seen)
    return f"{document.config}\n# The runtime file.\n{document.runtime}"


# periods: the day, then the list as it was and as it would be, each as YAML in one line.


def _change(argument: str, text: str) -> str:
    name, day = argument.split()
    product = PRODUCTS[name]
    was, will = (_of_periods(product, line) for line in text.splitlines())
    problems = periods.judge(product, was, will, "" if day == "unknown" else day)
    return "\n".join(map(str, problems)) or "may be"


def _of_periods(product: Product, text: str) -> str:
    """Return a config that has nothing but periods."""
    tree = identity.load(text)
    for key in reversed(product.periods.split(".")):
        tree = {key: tree}
    return identity.dump(cast("Tree", tree))


# wire: `KEY JSON` lines in.


def _bag(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition(" ") for line in text.splitlines())}


def _decode(kind: str, text: str) -> str:
    decode = {"report": wire.decode_report, "document": wire.decode_document}[kind]
    try:
        decoded = decode(_bag(text))
    except wire.UnknownVersionError as error:
        return str(error)
    bag = wire.encode(decoded.value)
    kept = [f"{key} {bag[key]}" for key in _bag(text) if key in bag and key not in decoded.refused]
    return "\n".join((*kept, f"refused: {', '.join(decoded.refused) or 'nothing'}"))


# stories: what everybody does until nothing is left to do, after each line.


def _story(product: str, text: str) -> str:
    one = PRODUCTS[product]
    world = World(one, tuple(a_group(*rest) for rest in one.minimal), gateways=1)
    told: list[str] = []
    for line in text.splitlines():
        verb, _, rest = line.partition(" ")
        tell: Mapping[str, Callable[[], object]] = {
            "up": lambda: None,
            "set": lambda rest=rest: world.set(cast("Tree", identity.load(rest))),
            "join": lambda rest=rest: world.join(rest),
            "leave": lambda rest=rest: world.leave(rest),
            "roles": lambda rest=rest: world.reassign(rest.split()[0], tuple(rest.split()[1:])),
            "restart": lambda rest=rest: setattr(world, "restarts", {rest: 1}),
        }
        tell[verb]()
        told.append(f"{line}:")
        reports = changes.PublishReport
        told.extend(
            f"  {unit or 'coordinator'}: {changes.describe(action)}"
            for unit, action in world.settle()
            if not isinstance(action, reports)
        )
    return "\n".join(told)


# crashes: the last lines of a log in; the exit code is the argument.


def _recognise(code: str, text: str) -> str:
    crash = crashes.recognise(int(code), text.splitlines())
    return f"{crash.cause}: {crash.text}; {crashes.REMEDIES[crash.cause]}"


# difference: two lines of settings in, and the roles of the unit that is to restart.


def _between(argument: str, text: str) -> str:
    product, roles = argument.split()
    one = PRODUCTS[product]
    groups = [a_group(*rest) for rest in one.minimal]
    before, after = (
        published(one, observed(one, groups, raw=cast("Tree", identity.load(line))))
        for line in text.splitlines()
    )
    return "\n".join(difference.between(one, before, after, "u/0", (roles,))) or "nothing"


HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "config": {"render": _render},
    "crashes": {"recognise": _recognise},
    "difference": {"between": _between},
    "identity": {"restarts": _restarts},
    "periods": {"change": _change},
    "rollout": {"plan": _plan},
    "settings": {"parse": _parse},
    "stories": {"story": _story},
    "verdicts": {"judge": _judge},
    "wire": {"decode": _decode},
}
FILES = sorted(path for topic in HANDLERS for path in (_FOLDER / topic).glob("*.case"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path, golden: Golden):
    """What comes out is, to the letter, what the case says."""
    golden(path, HANDLERS[path.parent.name])
