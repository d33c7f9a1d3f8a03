"""How files are written: described, not too long, and speaking of this project alone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.house.tree import (
    ROOT,
    SDK,
    SIGNALWIRE,
    SRC,
    TESTS,
    files,
    is_made,
    kept,
    named,
    parsed,
    python_files,
)

LONGEST: Final = 400
LONGEST_TEST: Final = 500
"""Tables of cases read well even when they are long."""

Described = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public(node: ast.Module | ast.ClassDef, inside: str) -> Iterator[tuple[str, Described]]:
    """What can be used from outside: classes, functions and methods without an underscore."""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if child.name.startswith("_"):
                continue
            yield f"{inside}{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{child.name}.")


@pytest.mark.parametrize("path", python_files(SRC), ids=named)
def test_everything_public_is_described(path: Path) -> None:
    module = parsed(path)
    bare = [name for name, node in public(module, "") if ast.get_docstring(node) is None]
    assert bare == []
    assert ast.get_docstring(module) is not None


def test_no_file_is_longer_than_can_be_read_in_one_go() -> None:
    long = {}
    for path in python_files(SRC, ROOT / "packages", TESTS, ROOT / "benchmarks"):
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > (LONGEST_TEST if "tests" in path.relative_to(ROOT).parts else LONGEST):
            long[named(path)] = lines
    assert long == {}


# Put together here, or this file would be the first to be found.
REGISTRIES: Final = [
    f"{host}.{top}"
    for host, top in (
        *(("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com")),
        *(("yarnpkg", "com"), ("jsdelivr", "net"), ("unpkg", "com"), ("crates", "io")),
    )
]
MACHINE_PATH: Final = re.compile(
    "|".join(rf"(?<![\w.:/-])/{top}/" for top in ("root", "home", "work", "Users", "tmp"))
)


def texts() -> Iterator[tuple[Path, str]]:
    """The files that are text, except the tests of these rules."""
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data:
            yield path, data.decode("utf-8")


def test_no_file_names_a_package_registry_or_a_path_of_somebody_s_machine() -> None:
    found = []
    for path, text in texts():
        found += [f"{named(path)}: {host}" for host in REGISTRIES if host in text]
        found += [f"{named(path)}: {path_[0]}" for path_ in MACHINE_PATH.finditer(text)]
    assert found == []


def test_nothing_that_a_tool_sets_up_is_kept() -> None:
    made = [path for path in kept() if is_made(path)]
    assert sorted({path.relative_to(ROOT).parts[0] for path in made}) == []


def test_nothing_is_left_to_be_done() -> None:
    words = re.compile(
        r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b"
    )
    found = [named(path) for path, text in texts() if words.search(text)]
    assert found == []


def test_every_text_is_utf_8_and_ends_with_a_line_end() -> None:
    ragged = [named(path) for path, text in texts() if text and not text.endswith("\n")]
    assert ragged == []


def test_nobody_tells_the_time_or_rolls_dice_but_the_two_who_may() -> None:
    """The lint that bans it has exactly two exceptions in what is shipped."""
    allowed = [
        named(path)
        for path in python_files(SRC, SDK, SIGNALWIRE)
        if "noqa: TID251" in path.read_text(encoding="utf-8")
    ]
    assert [name for name in allowed if name.startswith("src/satmint")] == [
        "src/satmint/model/clock.py",
        "src/satmint/model/entropy.py",
    ]


def sleeps(path: Path) -> Iterator[int]:
    """The lines on which a file sleeps for longer than one turn of the event loop."""
    if "sleep" not in path.read_text(encoding="utf-8"):
        return
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        if (
            node.func.attr == "sleep"
            and isinstance(owner, ast.Name)
            and owner.id in ("time", "asyncio", "anyio", "trio")
        ):
            given = node.args[0] if node.args else None
            if not (isinstance(given, ast.Constant) and given.value == 0):
                yield node.lineno


def test_no_test_sleeps() -> None:
    kit = TESTS / "kit"
    sleeping = {
        named(path): found
        for path in python_files(TESTS)
        if not path.is_relative_to(kit) and (found := list(sleeps(path)))
    }
    assert sleeping == {}


def test_no_test_goes_round_the_front_door_of_sleeping() -> None:
    """`from time import sleep` would hide it from the test above."""
    for path in python_files(TESTS):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom) and node.module in ("time", "asyncio"):
                assert "sleep" not in {alias.name for alias in node.names}, named(path)
