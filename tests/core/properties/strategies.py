"""What properties are tried on: made from a product's lines and settings, never from its name."""

from __future__ import annotations

from hypothesis import strategies as st

from rolecall.core import rollout
from rolecall.core.model import LEAVE, Grant, Group, Unit
from rolecall.core.product import Kind, Product, Setting
from rolecall.core.products import PRODUCTS
from rolecall.core.roles import Combine, Line
from rolecall.testing import a_group, a_unit

LINES: tuple[tuple[str, str], ...] = tuple(
    (product.name, line.name) for product in PRODUCTS.values() for line in product.lines
)
"""Every line of every product: what a property is parametrised by."""

_DIGESTS = ("old", "new", "other")


@st.composite
def written(draw: st.DrawFn, line: Line) -> tuple[str, ...]:
    """Draw roles and meta-roles that one worker may be given."""
    most = 1 if line.combine is Combine.ONE else len(line.names)
    return tuple(draw(st.lists(st.sampled_from(line.names), min_size=1, max_size=most, unique=True)))


@st.composite
def coherent_groups(draw: st.DrawFn, line: Line) -> tuple[Group, ...]:
    """Draw worker groups that have all the required roles between them."""
    made: list[tuple[str, ...]] = draw(st.lists(written(line), max_size=2))
    while missing := line.missing(line.expand(name for names in made for name in names)):
        most = 1 if line.combine is Combine.ONE else len(missing)
        names = draw(st.lists(st.sampled_from(missing), min_size=1, max_size=most, unique=True))
        made.append(tuple(names))
    return tuple(a_group(f"g{number}", names, draw(st.integers(1, 3))) for number, names in enumerate(made))


def _values(setting: Setting) -> st.SearchStrategy[object]:
    leaves = st.one_of(st.integers(0, 99), st.booleans(), st.text("ab$ é\"'", max_size=5))
    trees = st.dictionaries(st.sampled_from(("a", "b", "c")), leaves, max_size=3)
    kinds: dict[Kind, st.SearchStrategy[object]] = {
        Kind.CHOICE: st.sampled_from(setting.choices or ("",)),
        Kind.FLAG: st.booleans(),
        Kind.DURATION: st.sampled_from(("1h", "2d", "1w2d", 0)),
        Kind.FACTOR: st.sampled_from(("auto", 1)),
        Kind.TEXT: st.sampled_from(("one", "two")),
        Kind.URL: st.sampled_from(("http://one:1/", "https://two")),
        Kind.TREE: trees,
        Kind.LIST: st.lists(st.sampled_from(setting.choices or ("",)), unique=True, max_size=3),
    }
    return kinds[setting.kind]


@st.composite
def raw_settings(draw: st.DrawFn, settings: tuple[Setting, ...], line: Line) -> dict[str, object]:
    """Draw what an administrator may write; the admin's password file is a host's business."""
    able = [one.name for one in settings if one.name not in {"line", "admin"}]
    names = draw(st.sets(st.sampled_from(able)))
    by_name = {one.name: one for one in settings}
    drawn = {name: draw(_values(by_name[name])) for name in sorted(names)}
    return {**drawn, "line": line.name}


def junk() -> st.SearchStrategy[object]:
    """Draw anything that a YAML file may hold."""
    numbers = st.one_of(st.integers(), st.floats(allow_nan=False))
    leaves = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=8))
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )


@st.composite
def _units(draw: st.DrawFn, line: Line) -> tuple[Unit, ...]:
    made: list[Unit] = []
    kinds = draw(st.lists(written(line), min_size=1, max_size=3))
    for number in range(draw(st.integers(1, 7))):
        ready = draw(st.integers(0, 5)) > 0
        made.append(
            a_unit(
                line,
                f"u/{number}",
                draw(st.sampled_from(kinds)),
                ready=ready,
                running=draw(st.sampled_from(_DIGESTS)) if ready else draw(st.sampled_from(("", "old"))),
                revision=draw(st.integers(0, 9)),
                leaving=draw(st.integers(0, 5)) == 0,
            )
        )
    return tuple(made)


@st.composite
def situations(draw: st.DrawFn, line: Line, *, calm: bool = False) -> rollout.Situation:
    """Draw what a planner may see; calm: every unit is ready and no leave is open."""
    units = draw(_units(line))
    if calm:
        units = tuple(unit for unit in units if unit.ready)
    names = [unit.id for unit in units]
    some = st.sets(st.sampled_from(names)) if names else st.just(set[str]())
    return rollout.Situation(
        line=line,
        units=units,
        wanted={name: draw(st.sampled_from(_DIGESTS)) for name in names},
        granted={}
        if calm
        else {
            name: Grant(
                digest=draw(st.sampled_from(("", LEAVE, *_DIGESTS))),
                revision=draw(st.integers(1, 9)),
                since=draw(st.sampled_from(_DIGESTS)),
            )
            for name in draw(some)
        },
        serving=frozenset(draw(some)),
        revision=10,
        fewer=draw(st.booleans()),
    )


def of(name: tuple[str, str]) -> tuple[Product, Line]:
    """Return a product and one of its lines by their names."""
    product = PRODUCTS[name[0]]
    return product, product.line(name[1])
