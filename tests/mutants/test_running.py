"""A mutant meets the tests that execute it, and its verdict is theirs."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.mutants import running, statements
from tests.mutants.forker import replace_code
from tests.mutants.operators import Mutant, mutants_of
from tests.mutants.rooms import Room
from tests.mutants.running import BrokenRoom, Outcome, Recording, Workspace
from tests.mutants.statements import recording_source

MODULE: Final = Path("src/toy/shapes.py")
SOURCE: Final = """
from functools import cache

SIDES = 4

def area(a, b):
    return a * b

def unit():
    return 1

@cache
def corners():
    return SIDES - 0

def steps(n):
    done = 0
    while done < n:
        done += 1
    return done

def unused(a):
    return a + 1

def total(a):
    return sum(
        each + 0
        for each in a
    )

class Square:
    def __init__(self, side):
        self.side = side
    def grow(self):
        self.side += 1
"""
TESTS: Final = """
import pytest
from toy import shapes

@pytest.fixture(scope="module")
def square():
    return shapes.Square(shapes.area(2, 3))

def test_side(square):
    assert square.side

def test_growth(square):
    square.grow()
    assert square.side == 7

def test_corners():
    shapes.corners()

def test_corners_again():
    assert shapes.corners() == 4

def test_steps():
    assert shapes.steps(3) == 3

def test_nothing():
    shapes.unit()

def test_total():
    assert shapes.total([1]) == 1
"""


def room_in(root: Path, tests: str) -> Room:
    for path, text in ((root / MODULE, SOURCE), (root / "tests/test_shapes.py", tests)):
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return Room(
        "toy", ("src/toy/*.py",), ("tests",), python=sys.executable, constants=True, root=root
    )


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A small room, recorded."""
    root, copy = tmp_path_factory.mktemp("toy"), tmp_path_factory.mktemp("copy") / "0"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_LEAST_SECONDS", 3.0)
        with Workspace(room_in(root, TESTS), copy) as workspace:
            workspace.record()
            yield workspace


def mutant(before: str, after: str) -> Mutant:
    (found,) = (
        one
        for one in mutants_of(SOURCE, constants=True)
        if (one.before, one.after) == (before, after)
    )
    return found


def names_of(toy: Workspace, mutant: Mutant) -> set[str]:
    assert toy.recording is not None
    return {name.partition("::")[2] for name in toy.recording.tests_of(str(MODULE), mutant)}


@pytest.mark.parametrize(
    ("before", "after", "tests"),
    [
        ("done < n", "done <= n", {"test_steps"}),
        ("a + 1", "a - 1", set()),
        # The fixture is set up for the first test, and both use it.
        ("a * b", "a // b", {"test_side", "test_growth"}),
        # The result of the first test is cached.
        ("SIDES - 0", "SIDES + 0", {"test_corners", "test_corners_again"}),
        # In a statement of several lines.
        ("each + 0", "each - 0", {"test_total"}),
    ],
)
def test_mutant_meets_the_tests_that_execute_its_statement(
    toy: Workspace, before: str, after: str, tests: set[str]
) -> None:
    assert names_of(toy, mutant(before, after)) == tests


def test_mutant_that_runs_at_import_meets_all_tests_the_near_ones_first() -> None:
    recording = Recording(
        seconds={"far": 0.1, "near": 0.3, "nearest": 0.2},
        tests={(str(MODULE), 99): {"near", "nearest"}, ("src/toy/other.py", 1): {"far"}},
        at_import={(str(MODULE), 4)},
    )
    assert recording.tests_of(str(MODULE), mutant("4", "5")) == ["nearest", "near", "far"]


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ("a * b", "a // b", Outcome.KILLED),
        ("self.side += 1", "pass", Outcome.KILLED),
        ("4", "5", Outcome.KILLED),
        ("SIDES - 0", "SIDES + 0", Outcome.SURVIVED),
        ("return 1", "return None", Outcome.SURVIVED),
        ("done += 1", "pass", Outcome.HUNG),
        ("a + 1", "a - 1", Outcome.NOT_EXECUTED),
    ],
)
def test_outcome_is_what_the_tests_say(
    toy: Workspace, before: str, after: str, outcome: Outcome
) -> None:
    assert toy.try_mutant(MODULE, mutant(before, after)) is outcome
    assert (toy.folder / MODULE).read_text(encoding="utf-8") == SOURCE


def test_test_that_fails_without_a_mutant_is_left_out(tmp_path: Path) -> None:
    tests = "from toy import shapes\ndef test_good():\n    assert shapes.unit() == 1\n"
    bad = "def test_bad():\n    assert shapes.unit() == 2\n"
    with Workspace(room_in(tmp_path / "toy", tests + bad), tmp_path / "copy") as workspace:
        assert list(workspace.record().seconds) == ["tests/test_shapes.py::test_good"]


def test_room_whose_tests_import_another_copy_is_refused(tmp_path: Path) -> None:
    room = room_in(tmp_path / "toy", "def test_good():\n    pass\n")
    with (
        Workspace(room, tmp_path / "copy") as workspace,
        pytest.raises(BrokenRoom, match="no test executes the copy of the source"),
    ):
        workspace.record()


def test_room_whose_run_ends_early_is_refused(tmp_path: Path) -> None:
    tests = "import pytest\nfrom toy import shapes\ndef test_good():\n    shapes.unit()\n"
    end = "def test_end():\n    pytest.exit('over')\n"
    with (
        Workspace(room_in(tmp_path / "toy", tests + end), tmp_path / "copy") as workspace,
        pytest.raises(BrokenRoom, match="ended before the last test"),
    ):
        workspace.record()


def loaded(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "loaded.py", "exec"), names)
    return names


def test_functions_and_methods_that_are_alive_get_the_code_of_the_mutant() -> None:
    source = """
def outer():
    return lambda: inner() + 1
def inner():
    return 1
class A:
    async def method(self):
        return super().__repr__() and 1
"""
    names = loaded(source)
    outer, method = names["outer"], names["A"].method
    assert replace_code("loaded.py", source.replace("1", "2"))
    assert outer()() == 4
    assert method.__code__.co_consts[-1] == 2


def test_code_of_functions_that_garbage_collections_leave_out_is_replaced() -> None:
    names = loaded("def f(): return 1\n")
    gc.freeze()
    assert replace_code("loaded.py", "def f(): return 2\n")
    assert names["f"]() == 2


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("def f(): return 1\ndef f(): return 2\n", "def f(): return 1\ndef f(): return 3\n"),
        (
            "class A:\n    def f(self): return super()\n",
            "class A:\n    def f(self): return None\n",
        ),
    ],
)
def test_code_that_does_not_fit_is_not_replaced(source: str, changed: str) -> None:
    names = loaded(source)
    assert not replace_code("loaded.py", changed)
    assert names


def test_recording_source_calls_before_each_statement_and_means_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = '''"""Doc."""
from __future__ import annotations

class A:
    """Doc."""
    limit: int = 3

def f(a):
    """Doc."""
    if a > A.limit:
        return "large"
    elif a == 1:
        return "one"
    try:
        match a:
            case 2:
                return "two"
        raise ValueError
    except ValueError:
        pass
    finally:
        a += 1
    return a
'''
    changed = recording_source(source, "a.py")
    monkeypatch.setitem(sys.modules, "mutants_statements", statements)
    names = loaded(changed)
    assert names["__doc__"] == "Doc."
    assert names["f"].__doc__ == names["A"].__doc__ == "Doc."
    for argument, result, lines in (
        (4, "large", [10, 11]),
        (1, "one", [10, 12, 13]),
        (2, "two", [10, 12, 14, 15, 17, 22]),
        (3, 4, [10, 12, 14, 15, 18, 20, 22, 23]),
    ):
        statements.contexts.append(set())
        assert names["f"](argument) == result
        assert sorted(line for _, line in statements.contexts.pop()) == lines
