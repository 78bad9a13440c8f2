"""The options of a product's charms, and what an administrator's values for them mean.

A worker's options are its roles. A coordinator's are the settings: some under the names that other
charms of the product made known, each of the rest under its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from msgspec import Struct, field

from rolecall.core import option_values, settings
from rolecall.core.charm import Option, OptionKind
from rolecall.core.model import Problem
from rolecall.core.product import Kind, Product, Setting
from rolecall.core.tree import Tree

ROLE = "role-"
"""What the name of a role's option begins with."""


SOLO = Option(
    name="solo",
    kind=OptionKind.BOOLEAN,
    default=False,
    summary="have each coordinator unit run everything in a worker of its own, for as long as no other"
    " workers are there for all required roles",
)
"""A coordinator's option that is no setting."""


def worker_options(product: Product) -> tuple[Option, ...]:
    """List a worker's options: one for each role and meta-role of any line, all off."""
    return tuple(
        Option(name=f"{ROLE}{name}", kind=OptionKind.BOOLEAN, default=False, summary=summary)
        for name, summary in _roles(product).items()
    )


def roles_of(product: Product, values: Mapping[str, object]) -> tuple[str, ...]:
    """List the roles and meta-roles that a worker's options choose, in the product's order."""
    return tuple(name for name in _roles(product) if values.get(f"{ROLE}{name}") is True)


def _roles(product: Product) -> Mapping[str, str]:
    """Return every role and meta-role of any line with what it does."""
    found: dict[str, str] = {}
    for line in product.lines:
        found |= {role.name: role.summary for role in line.roles}
    for line in product.lines:
        found |= {meta.name: f"stands for {', '.join(meta.roles)}" for meta in line.meta_roles}
    return found


def coordinator_options(product: Product) -> tuple[Option, ...]:
    """List a coordinator's options: the product's own names first, each setting they don't cover, `SOLO`.

    The order is that in which they are laid over one another, so `limits` and `config-overrides` win.
    """
    own = product.charm.options if product.charm else ()
    covered = {option.setting for option in own if option.express}
    return (*own, *(_option(one) for one in settings.table(product) if one.name not in covered), SOLO)


def _option(setting: Setting) -> Option:
    """Build the option that has the name of its setting."""
    kind, convert, express = _FORMS[setting.kind]
    default, notes = express(setting.default), (*_NOTES.get(setting.kind, ()), *setting.choices)
    return Option(
        name=setting.name,
        kind=kind,
        default=default if isinstance(default, bool | int | str) else "",
        summary=setting.summary + (f" ({', '.join(notes)})" if notes else ""),
        setting=setting.name,
        convert=convert,
        express=express,
    )


def _text_of(value: object) -> object:
    return value or ""


_FORMS = {
    Kind.CHOICE: (OptionKind.STRING, option_values.word, _text_of),
    Kind.FLAG: (OptionKind.BOOLEAN, bool, bool),
    Kind.DURATION: (OptionKind.STRING, option_values.span, option_values.as_span),
    Kind.FACTOR: (OptionKind.STRING, option_values.factor, option_values.as_factor),
    Kind.TEXT: (OptionKind.STRING, option_values.word, _text_of),
    Kind.URL: (OptionKind.STRING, option_values.word, _text_of),
    Kind.TREE: (OptionKind.STRING, option_values.tree, option_values.as_yaml),
    Kind.LIST: (OptionKind.STRING, option_values.words, option_values.with_commas),
}
"""How a setting of each kind is written as an option, and the way there and back."""

_NOTES = {Kind.TREE: ("YAML",), Kind.LIST: ("with commas",)}
"""What must be said of how a setting of that kind is written."""


class _Gathered(Struct):
    """Settings as options gave them, where each was written, and what could not be used."""

    raw: dict[str, object] = field(default_factory=dict[str, object])
    places: dict[str, str] = field(default_factory=dict[str, str])
    problems: list[Problem] = field(default_factory=list[Problem])


def read(product: Product, values: Mapping[str, object]) -> settings.Parsed:
    """Parse a coordinator's options; every problem names the option it is about."""
    gathered = _gather(product, values)
    parsed = settings.parse(product, gathered.raw, places=gathered.places)
    return settings.Parsed(settings=parsed.settings, problems=(*gathered.problems, *parsed.problems))


def _gather(product: Product, values: Mapping[str, object]) -> _Gathered:
    gathered = _Gathered()
    for option in coordinator_options(product):
        place, value = f"option {option.name}", values.get(option.name, option.default)
        try:
            converted = option.convert(value)
        except ValueError as error:
            gathered.problems.append(settings.refused(place, value, str(error)))
            converted = option.convert(option.default)
        if option.setting and converted is not None:
            name, *path = option.setting.split(".")
            gathered.places[name] = place
            gathered.raw[name] = _over(gathered.raw.get(name), _within(path, converted))
    return gathered


def _within(path: list[str], value: object) -> object:
    """Put a value at a place in an otherwise empty tree."""
    for key in reversed(path):
        value = {key: value}
    return value


def _over(old: object, new: object) -> object:
    """Lay one setting over another: trees key by key, lists one after the other, anything else whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        merged: Tree = dict(cast("Tree", old))
        for key, value in cast("Tree", new).items():
            merged[key] = _over(merged.get(key), value)
        return merged
    if isinstance(old, list) and isinstance(new, list):
        return [*cast("list[object]", old), *cast("list[object]", new)]
    return new
