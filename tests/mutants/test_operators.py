"""The mutation operators make the mistakes that they are for, and no others."""

import ast

import pytest

from tests.mutants.operators import mutants_of


def changes(source: str, *, constants: bool = False) -> set[tuple[str, str]]:
    found = mutants_of(source, constants=constants)
    for mutant in found:
        ast.parse(mutant.source)
        assert mutant.source != ast.unparse(ast.parse(source))
    return {(mutant.before, mutant.after) for mutant in found}


def of_body(body: str) -> set[tuple[str, str]]:
    return changes(f"def function(a, b):\n    {body}\n")


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        ("return a < b", "a < b", "a <= b"),
        ("return a >= b", "a >= b", "a > b"),
        ("return a is None", "a is None", "a is not None"),
        ("return a and b", "a and b", "a or b"),
        ("return not a", "not a", "a"),
        ("return a + b", "a + b", "a - b"),
        ("return a(3)", "3", "4"),
        ("return a(True)", "True", "False"),
        ("return a", "return a", "return None"),
        ("return False", "False", "True"),
        ("raise ValueError(a)", "raise ValueError(a)", "pass"),
        ("a.arm()", "a.arm()", "pass"),
        ("a += b", "a += b", "pass"),
    ],
)
def test_mistake_is_made(body: str, before: str, after: str) -> None:
    assert (before, after) in of_body(body)


def test_condition_is_negated() -> None:
    found = of_body("if a:\n        b()")
    assert ("if a:\n    b()", "if not a:\n    b()") in found


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""\n',
        "def function(a: int | None) -> int | None:\n    ...\n",
        "class A(Struct, frozen=True):\n    ...\n",
        "class A:\n    def __repr__(self):\n        return f'{1 + 2}'\n",
        "def function(log):\n    log.info('event', a=1 + 1)\n",
        "LIMIT = 3\n",
    ],
)
def test_nothing_is_changed_where_no_test_has_to_notice(source: str) -> None:
    assert changes(source) == set()


def test_numbers_of_a_module_are_changed_on_request() -> None:
    assert changes("LIMIT = 3\n", constants=True) == {("3", "4")}


def test_mutant_names_its_function_and_its_line() -> None:
    (mutant,) = mutants_of("class A:\n    def f(self, a):\n        a.b()\n")
    assert (mutant.function, mutant.line) == ("A.f", 3)
