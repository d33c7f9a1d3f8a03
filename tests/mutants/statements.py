"""What records the statements that run: a call before each of them, in a copy of the source.

`hit` stands in the copy, so that only the room's own code becomes slower. It stands alone: the copy
imports it from a copy of this file.
"""

import ast
from typing import Final

Statement = tuple[str, int]
"""A file and the line where a statement begins."""
HIT: Final = "_mutants_hit"
contexts: Final[list[set[Statement]]] = [set()]
"""Where statements are recorded: in the last one."""


def hit(file: str, line: int) -> None:
    """Record that a statement begins."""
    contexts[-1].add((file, line))


def recording_source(source: str, file: str) -> str:
    """The source of a module that calls `hit` before each of its statements."""
    tree = ast.parse(source)
    for node in [*ast.walk(tree)]:
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                setattr(node, name, _with_hits(statements, file))
    first = ast.parse(f"from mutants_statements import hit as {HIT}").body
    at = next(place for place, one in enumerate(tree.body) if not _comes_first(one))
    tree.body[at:at] = first
    return ast.unparse(ast.fix_missing_locations(tree))


def _with_hits(statements: list[ast.stmt], file: str) -> list[ast.stmt]:
    result: list[ast.stmt] = []
    for statement in statements:
        if not _comes_first(statement):
            result += ast.parse(f"{HIT}({file!r}, {statement.lineno})").body
        result.append(statement)
    return result


def _comes_first(statement: ast.stmt) -> bool:
    """Whether nothing may stand before a statement: a docstring, or an import from the future."""
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.ImportFrom(module="__future__"):
            return True
    return False
