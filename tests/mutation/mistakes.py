"""Makes mistakes: every small change of one expression or step of a module. It does not change texts and codes."""

from __future__ import annotations

import ast
import copy
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Change = tuple[ast.AST, str]

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
SUMS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
TYPES = {"annotation", "returns", "bases"}  # they do nothing at runtime


@dataclass(frozen=True)
class Mistake:
    """`place` and `change` are its name, also in `equivalent.toml`. Unlike a line number, they survive other edits."""

    module: str
    place: str
    change: str
    line: int
    source: str
    reached: range  # a test that runs one of these lines may notice it

    @property
    def name(self) -> str:
        return f"{self.module} {self.place}: {self.change}"


def mistakes(module: str, source: str) -> list[Mistake]:
    """Every possible mistake in this module, each with the complete source."""
    tree = ast.parse(source)
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for holder, field, index, place in sites(tree, "module"):
        original = getattr(holder, field)
        node = original if index is None else original[index]
        for replacement, change in changes(node):
            seen[place, change] += 1
            number = seen[place, change]
            told = f"{change} ({number})" if number > 1 else change
            setattr(holder, field, replacement if index is None else _with(original, index, replacement))
            found.append(Mistake(module, place, told, node.lineno, ast.unparse(tree), _reached(node)))
            setattr(holder, field, original)
    return found


def sites(parent: ast.AST, place: str) -> Iterator[tuple[ast.AST, str, int | None, str]]:
    """Every node that can be changed: its parent, the field and index there, and the enclosing names."""
    for field, value in ast.iter_fields(parent):
        if field in TYPES:
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_for_the_log(node):
                continue
            inside = _name_of(node, place)
            if hasattr(node, "lineno"):
                yield parent, field, index, inside
            yield from sites(node, inside)


def changes(node: Any) -> Iterator[Change]:
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for other in COMPARISONS[type(operator)]:
                    yield _changed(node, ops=_with(node.ops, index, other()))
        case ast.BoolOp():
            yield _changed(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
            for index in range(len(node.values)):
                rest = _without(node.values, index)
                yield _instead(node, _changed(node, values=rest)[0] if len(rest) > 1 else rest[0])
        case ast.UnaryOp(op=ast.Not()):
            yield _instead(node, node.operand)
        case ast.Constant(value=bool() as value):
            yield _instead(node, ast.Constant(not value))
        case ast.Constant(value=int() | float() as value):
            yield _instead(node, ast.Constant(value + 1))
        case ast.BinOp(op=operator) if type(operator) in SUMS:
            yield _changed(node, op=SUMS[type(operator)]())
        case ast.If() | ast.While() | ast.IfExp():
            yield from _conditions(node)
        case ast.Tuple(ctx=ast.Load()) | ast.List(ctx=ast.Load()) | ast.Set():
            for index, element in enumerate(node.elts):
                yield _lacking(node, element, elts=_without(node.elts, index))
        case ast.Dict():
            for index, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
                rest = {"keys": _without(node.keys, index), "values": _without(node.values, index)}
                yield _lacking(node, ast.Dict(keys=[key], values=[value]), **rest)
        case ast.Call():
            for index, word in enumerate(node.keywords):
                if not isinstance(getattr(word.value, "value", None), bool):  # those are negated
                    yield _lacking(node, word, keywords=_without(node.keywords, index))
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            for number, loop in enumerate(node.generators):
                for index, condition in enumerate(loop.ifs):
                    freer = _changed(loop, ifs=_without(loop.ifs, index))[0]
                    yield _lacking(node, condition, generators=_with(node.generators, number, freer))
        case ast.FunctionDef() | ast.ClassDef():
            for index, decorator in enumerate(node.decorator_list):
                yield _lacking(node, decorator, decorator_list=_without(node.decorator_list, index))
        case ast.With():
            bare = ast.If(ast.Constant(True), node.body, [])
            yield bare, f"without with {', '.join(_words(item) for item in node.items)}"
        case ast.ExceptHandler():
            yield _changed(node, body=[ast.Raise()])[0], f"except {_words(node.type)}: raise"
        case ast.Return(value=ast.expr() as value) if _words(value) != "None":
            yield _instead(node, ast.Return(ast.Constant(None)))
        case ast.Raise() | ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield _instead(node, ast.Pass())
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield _instead(node, ast.Pass())


def _reached(node: Any) -> range:
    """The lines on which a test may notice a change. For a decorator they are those of the decorated function."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)
    return range(node.lineno, node.lineno + 1)


def _conditions(node: Any) -> Iterator[Change]:
    kind = "while" if isinstance(node, ast.While) else "if"
    tests: list[ast.expr] = [ast.Constant(True), ast.Constant(False)]
    if not isinstance(node.test, ast.Compare) and not isinstance(getattr(node.test, "op", None), ast.Not):
        tests.append(ast.UnaryOp(ast.Not(), node.test))  # the others are negated separately
    for test in tests:
        yield _changed(node, test=test)[0], f"{kind} {_words(node.test)} → {kind} {_words(test)}"


def _changed(node: Any, **fields: Any) -> Change:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return _instead(node, changed)


def _instead(node: ast.AST, other: ast.AST) -> Change:
    return other, f"{_words(node)} → {_words(other)}"


def _lacking(node: ast.AST, part: ast.AST, **fields: Any) -> Change:
    return _changed(node, **fields)[0], f"without {_words(part)}"


def _with(items: list[Any], index: int, item: Any) -> list[Any]:
    return [*items[:index], item, *items[index + 1 :]]


def _without(items: list[Any], index: int) -> list[Any]:
    return [*items[:index], *items[index + 1 :]]


def _words(node: ast.AST | None) -> str:
    return textwrap.shorten(ast.unparse(node), 90, placeholder=" …") if node else ""


def _name_of(node: ast.AST, place: str) -> str:
    """The name of a function, class or table, for the nodes in it."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return node.name if place == "module" else f"{place}.{node.name}"
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name if place == "module" else place
    return place


def _is_for_the_log(node: ast.AST) -> bool:
    """Whether a statement only writes to the log, which promises nothing."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log")))):
            return True
    return False
