"""Small changes of a module's code: what a slip of the hand, or of the mind, would make of it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

Variant = tuple[ast.AST, str]
"""What stands in a node's place, and how to say so."""

Key = tuple[str, str, str]
"""Function, line and change, which tell a change from all others of its module."""

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mult: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_CALLED = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list"}
_UNTOUCHED = frozenset({"annotation", "returns", "decorator_list", "slice"})
"""Fields of nodes that say what is, not what is done."""


@dataclass(frozen=True)
class Mutant:
    """A module with one change."""

    function: str
    line: str
    """The changed line as it was, which outlives a move within its module."""
    change: str
    text: str
    """The whole changed module."""

    @property
    def key(self) -> Key:
        """What an explanation names it by."""
        return self.function, self.line, self.change


def mutants(text: str) -> Iterator[Mutant]:
    """Yield a module's text with one change at a time."""
    tree, lines = ast.parse(text), text.splitlines()
    seen: Counter[Key] = Counter()
    for site in _sites(tree, ""):
        for variant, change in _variants(site.node):
            line = lines[site.line - 1].strip()
            seen[site.function, line, change] += 1
            number = seen[site.function, line, change]
            site.put(variant)
            yield Mutant(
                function=site.function,
                line=line,
                change=change if number == 1 else f"{change}, {number}.",
                text=ast.unparse(ast.fix_missing_locations(tree)),
            )
        site.put(site.node)


@dataclass(frozen=True)
class _Site:
    """A node and where it hangs."""

    node: ast.AST
    function: str
    line: int
    put: Callable[[ast.AST], None]


def _sites(parent: ast.AST, function: str, line: int = 1) -> Iterator[_Site]:
    """Yield every node below another that may be changed, with the name of the function around it."""
    for name, value in ast.iter_fields(parent):
        if name in _UNTOUCHED or (isinstance(parent, ast.ClassDef) and name == "keywords"):
            continue
        children = cast("list[object]", value) if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _documents(child):
                continue
            at = getattr(child, "lineno", line)
            own = function
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                own = f"{function}.{child.name}".lstrip(".")
            yield _Site(child, own, at, _setter(parent, name, index if isinstance(value, list) else None))
            yield from _sites(child, own, at)


def _setter(parent: ast.AST, name: str, index: int | None) -> Callable[[ast.AST], None]:
    def put(node: ast.AST) -> None:
        if index is None:
            setattr(parent, name, node)
        else:
            getattr(parent, name)[index] = node

    return put


def _documents(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _variants(node: ast.AST) -> Iterator[Variant]:
    """Yield what may stand in a node's place."""
    for kind, vary in _KINDS.items():
        if isinstance(node, kind):
            yield from vary(node)


def _compare(node: ast.Compare) -> Iterator[Variant]:
    for index, operator in enumerate(node.ops):
        other = _COMPARED[type(operator)]()
        ops = [*node.ops[:index], other, *node.ops[index + 1 :]]
        yield ast.Compare(node.left, ops, node.comparators), f"{_name(operator)} becomes {_name(other)}"


def _bool(node: ast.BoolOp) -> Iterator[Variant]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield ast.BoolOp(other, node.values), f"{_name(node.op)} becomes {_name(other)}"
    for index, value in enumerate(node.values):
        rest = [*node.values[:index], *node.values[index + 1 :]]
        yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest), f"drops {ast.unparse(value)}"


def _not(node: ast.UnaryOp) -> Iterator[Variant]:
    if isinstance(node.op, ast.Not):
        yield node.operand, f"drops not before {ast.unparse(node.operand)}"


def _choice(node: ast.IfExp) -> Iterator[Variant]:
    yield node.body, f"always {ast.unparse(node.body)}"
    yield node.orelse, f"always {ast.unparse(node.orelse)}"


def _if(node: ast.If) -> Iterator[Variant]:
    for value in (True, False):
        test = ast.Constant(value)
        yield ast.If(test, node.body, node.orelse), f"{ast.unparse(node.test)} becomes {value}"


def _filter(node: ast.comprehension) -> Iterator[Variant]:
    for index, test in enumerate(node.ifs):
        rest = [*node.ifs[:index], *node.ifs[index + 1 :]]
        yield (
            ast.comprehension(node.target, node.iter, rest, node.is_async),
            f"drops if {ast.unparse(test)}",
        )


def _constant(node: ast.Constant) -> Iterator[Variant]:
    value = cast("object", node.value)
    other: object = None
    if isinstance(value, bool):
        other = not value
    elif isinstance(value, int | float):
        other = value + 1
    elif isinstance(value, str):
        other = "" if value else "/other"
    if other is not None:
        yield ast.Constant(other), f"{value!r} becomes {other!r}"


def _computed(node: ast.BinOp) -> Iterator[Variant]:
    if other := _COMPUTED.get(type(node.op)):
        yield ast.BinOp(node.left, other(), node.right), f"{_name(node.op)} becomes {_name(other())}"


def _call(node: ast.Call) -> Iterator[Variant]:
    for index, keyword in enumerate(node.keywords):
        rest = [*node.keywords[:index], *node.keywords[index + 1 :]]
        yield ast.Call(node.func, node.args, rest), f"drops {ast.unparse(keyword)}"
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if other := _CALLED.get(name):
        keywords = [] if other == "list" else node.keywords
        yield ast.Call(ast.Name(other), node.args, keywords), f"{name} becomes {other}"


def _elements(node: ast.Set | ast.Tuple | ast.List) -> Iterator[Variant]:
    if isinstance(getattr(node, "ctx", None), ast.Store) or len(node.elts) < 2:
        return
    for index, element in enumerate(node.elts):
        rest = [*node.elts[:index], *node.elts[index + 1 :]]
        yield _collection(node, rest), f"drops {ast.unparse(element)}"


def _collection(node: ast.Set | ast.Tuple | ast.List, elements: list[ast.expr]) -> ast.AST:
    return ast.Set(elements) if isinstance(node, ast.Set) else type(node)(elements, ast.Load())


def _statement(node: ast.stmt) -> Iterator[Variant]:
    match node:
        case ast.Expr() | ast.AugAssign() | ast.Assign(targets=[ast.Subscript()]):
            yield ast.Pass(), "is left out"
        case ast.Assign(targets=[ast.Name(id=name)]) if _mentions(node.value, name):
            yield ast.Pass(), "is left out"
        case ast.Continue():
            yield ast.Break(), "continue becomes break"
        case _:
            pass


def _mentions(node: ast.AST, name: str) -> bool:
    """Whether an assignment makes something new of what has that name already."""
    return any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))


def _name(operator: ast.AST) -> str:
    return type(operator).__name__


_KINDS: dict[type[ast.AST], Callable[..., Iterator[Variant]]] = {
    ast.Compare: _compare,
    ast.BoolOp: _bool,
    ast.UnaryOp: _not,
    ast.IfExp: _choice,
    ast.If: _if,
    ast.comprehension: _filter,
    ast.Constant: _constant,
    ast.BinOp: _computed,
    ast.Call: _call,
    ast.Set: _elements,
    ast.Tuple: _elements,
    ast.List: _elements,
    ast.stmt: _statement,
}
