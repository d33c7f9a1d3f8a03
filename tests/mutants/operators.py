"""Mutation operators: the small mistakes that a test suite has to notice.

A mutant is a module with one of them in it. Annotations, decorators, docstrings, `__repr__`, log
calls, `assert_never` and whether a class is frozen are left alone: no test has to fail for those.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
_LOG_METHODS: Final = frozenset({"debug", "info", "warning", "error", "exception"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one mistake."""

    function: str
    """Qualified name of the function that has it; empty: the module itself."""
    line: int
    """Of the original."""
    statement: int
    """The line where the innermost statement begins that it is in."""
    before: str
    after: str
    _tree: ast.Module = field(repr=False, compare=False)
    _path: "Path" = field(repr=False, compare=False)
    _replacement: ast.AST = field(repr=False, compare=False)

    @property
    def source(self) -> str:
        """The whole module. Made on demand: most mutants are not in the sample."""
        return _replaced(self._tree, self._path, self._replacement)


def mutants_of(source: str, *, constants: bool = False) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines.

    Args:
        source: Python source text.
        constants: Whether to change numbers at module level as well.
    """
    tree = ast.parse(source)
    places = [place for place in _places(tree, "", 0) if place.function or constants]
    mutants = []
    for place in places:
        before = ast.unparse(place.node)
        for replacement in _replacements(place.node):
            after = ast.unparse(replacement)
            mutant = Mutant(
                place.function,
                place.line,
                place.statement,
                before,
                after,
                tree,
                place.path,
                replacement,
            )
            mutants.append(mutant)
    return sorted(mutants, key=lambda mutant: mutant.line)


Path = tuple[tuple[str, int | None], ...]
"""Field names, and indices where a field is a list, from the module to a node."""


@dataclass(frozen=True, slots=True)
class _Place:
    node: ast.AST
    path: Path
    function: str
    line: int
    statement: int


def _places(node: ast.AST, function: str, statement: int, path: Path = ()) -> Iterator[_Place]:
    """Every node that a mistake can be made in, with the way to it."""
    for name, value in ast.iter_fields(node):
        if _is_exempt(node, name):
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if not isinstance(child, ast.AST) or _is_silent(child):
                continue
            inner = function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{function}.{child.name}".lstrip(".")
            at = (*path, (name, index))
            own = child.lineno if isinstance(child, ast.stmt) else statement
            if isinstance(child, ast.expr | ast.stmt):
                is_body = isinstance(child, ast.ClassDef) or isinstance(node, ast.ClassDef)
                yield _Place(child, at, "" if is_body else function, child.lineno, own)
            yield from _places(child, inner, own, at)


def _is_exempt(node: ast.AST, name: str) -> bool:
    """Whether no mistake is made below a field of a node."""
    return name in {"annotation", "returns", "decorator_list", "bases"} or (
        isinstance(node, ast.Raise) and name == "cause"
    )


def _is_silent(node: ast.AST) -> bool:
    """Whether a node and all below it is for readers only."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.FunctionDef(name="__repr__") | ast.keyword(arg="frozen"):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=method, value=receiver))):
            return method in _LOG_METHODS and "log" in ast.unparse(receiver)
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return True
    return False


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in place of a node in the mutants."""
    if isinstance(node, ast.stmt):
        yield from _other_statements(node)
    else:
        yield from _other_expressions(node)


def _other_statements(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.If(test=test, body=body, orelse=orelse) if not isinstance(test, ast.Compare):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Return(value=ast.expr() as value) if (
            # None for False is no mistake where a truth value is meant, and True for it is one.
            ast.unparse(value) not in ("None", "False")
        ):
            yield ast.Return(ast.Constant(None))
        case (
            ast.Raise(exc=ast.expr())
            | ast.AugAssign()
            | ast.Expr(value=ast.Call() | ast.Await(value=ast.Call()))
        ):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()


def _other_expressions(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=comparators):
            if (other := _COMPARISONS.get(type(operator))) is not None:
                yield ast.Compare(left, [other()], comparators)
        case ast.BoolOp(op=ast.And(), values=values):
            yield ast.BoolOp(ast.Or(), values)
        case ast.BoolOp(op=ast.Or(), values=values):
            yield ast.BoolOp(ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=operation, right=right):
            swapped = _ARITHMETIC.get(type(operation))
            if swapped is not None and not (_is_text(left) or _is_text(right)):
                yield ast.BinOp(left, swapped(), right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _replaced(tree: ast.Module, path: Path, replacement: ast.AST) -> str:
    """The source of `tree` with another node at the end of `path`."""
    changed = copy.deepcopy(tree)
    parent: ast.AST = changed
    for name, index in path[:-1]:
        found = getattr(parent, name)
        parent = found if index is None else found[index]
    name, index = path[-1]
    if index is None:
        setattr(parent, name, replacement)
    else:
        getattr(parent, name)[index] = replacement
    return ast.unparse(ast.fix_missing_locations(changed))
