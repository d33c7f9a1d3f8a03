"""Every line of the threat model is shown by tests that exist, and no attack is left out."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.house.tree import ROOT, parsed

PAGE: Final = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
TEST: Final = re.compile(r"`((?:packages/[a-z-]+/)?tests/[a-z0-9_/]+\.py)::(\w+)`")
LINE: Final = re.compile(r"^- \*\*(.+?)\*\*(.*?)(?=^- |^#|\Z)", re.MULTILINE | re.DOTALL)

ATTACKS: Final = (
    "Replayed proof",
    "Swapped key",
    "Downgraded algorithm",
    "SAT as refresh token and the reverse",
    "Another project's everything",
    "Confused `typ`",
    "Duplicate members",
    "Clock at −1, 0 and +1 s of expiry",
)
"""Those that have a name of their own."""


def lines() -> dict[str, str]:
    """What is said, by the attack or the loss that it speaks of."""
    return {name.rstrip("."): text for name, text in LINE.findall(PAGE)}


@cache
def names_of(path: Path) -> frozenset[str]:
    """The names of a file's tests, as its source has them."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in parsed(path).body if isinstance(node, functions))


def test_each_line_is_there_once() -> None:
    assert len(lines()) == len(LINE.findall(PAGE)) == PAGE.count("\n- ")


@pytest.mark.parametrize("name", lines())
def test_line_is_shown_by_tests_that_exist(name: str) -> None:
    shown = TEST.findall(lines()[name])
    assert shown, "nothing shows it"
    # All that stands in backticks and looks like a test is one: none is misspelt past the pattern.
    assert len(shown) == lines()[name].count("::")
    missing = [
        f"{file}::{test}"
        for file, test in shown
        if not (ROOT / file).is_file() or test not in names_of(ROOT / file)
    ]
    assert missing == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_that_has_a_name_is_left_out(attack: str) -> None:
    assert attack in lines()


def test_what_is_not_protected_is_said() -> None:
    _, _, limits = PAGE.partition("## What is not protected")
    assert len(LINE.findall(limits)) > 10


def test_it_can_be_found() -> None:
    for name in ("docs/README.md", "SECURITY.md"):
        assert "threat-model.md" in (ROOT / name).read_text(encoding="utf-8"), name
