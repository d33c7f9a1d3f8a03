"""`docs/troubleshooting.md` has each refusal to start, each warning and each error of the log.

A new refusal or event is one more row of its table. What names a row is a literal of the source.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from satmint.model.database_reasons import REASONS
from tests.house.tree import ROOT, SRC, named, parsed, python_files

PAGE: Final = ROOT / "docs" / "troubleshooting.md"
LEVELS: Final = {"warning": "warning", "error": "error", "exception": "error", "critical": "error"}

REFUSALS: Final = frozenset(
    {"Failure", "UsageError", "SettingsError", "SchemaUnknown", "DatabaseCopied"}
    | {"UnusableCertificate", "KeyringError"}
)
"""Exceptions that end a start with their message."""
NO_START: Final = frozenset(
    {
        "adoption.py",
        "copying/database.py",
        "copying/rows.py",
        "maintenance.py",
        "cli/adoption.py",
        "cli/address.py",
        "cli/click_to_call.py",
    }
    | {
        "cli/command.py",
        "cli/db.py",
        "cli/doctor.py",
        "cli/events.py",
        "cli/keys.py",
        "cli/project.py",
        "cli/project_transfer.py",
    }
    | {"cli/session.py", "cli/token.py", "cli/webhook.py"}
    | {"cli/api_token.py", "cli/confirm.py", "cli/filters.py", "cli/subscriber.py"}
)
"""Modules of commands that start no server."""
NOT_AT_A_START: Final = frozenset(
    {
        "there is no such",
        "refused:",
        "the active key cannot be removed: rotate first",
        "the keyring has no key with that id",
        "is prepared already: run `satmint keys rotate`",
        "cannot write a keyring in a variable: change the variable",
    }
)
"""Messages of other commands, from the modules that remain."""
NO_CAUSES: Final = frozenset({"sqlite_errorcode", "sqlite_errorname"})
"""Names in `store/` that look like causes of `StoreUnavailable`."""
MIN_WORDS: Final = 8
"""Letters of the shortest literal by which a message is recognised."""


@cache
def rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its head."""
    _, _, text = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    lines = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]


@cache
def event_rows() -> dict[str, list[str]]:
    return {row[0].strip("`"): row for row in rows("The log")}


def logged() -> Iterator[tuple[str, str, str]]:
    """Each event that the server may log as a warning or an error: name, level, and where."""
    for path in python_files(SRC):
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in LEVELS and node.args:
                (event, *_) = node.args
                where = f"{named(path)}:{node.lineno}"
                assert isinstance(event, ast.Constant), f"{where}: an event's name is a literal"
                yield str(event.value), LEVELS[node.func.attr], where


def starts() -> list[Path]:
    return [path for path in python_files(SRC) if str(path.relative_to(SRC)) not in NO_START]


def refusals() -> Iterator[tuple[str, str]]:
    """Each refusal of a start: the longest literal of its message, and where."""
    for path in starts():
        tree = parsed(path)
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _name(node.func) in REFUSALS and node.args:
                    for message in _values(node.args[0], function):
                        text = _longest_literal(message)
                        if len(text) >= MIN_WORDS and text not in NOT_AT_A_START:
                            yield text, f"{named(path)}:{node.lineno}"
    for text in REASONS.values():
        yield text, "src/satmint/model/database_reasons.py"


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _values(node: ast.expr, function: ast.AST) -> list[ast.expr]:
    """What an argument may be: itself, or all that is assigned to a variable of that name."""
    if not isinstance(node, ast.Name):
        return [node]
    return [
        assigned.value
        for assigned in ast.walk(function)
        if isinstance(assigned, ast.Assign) and any(_name(to) == node.id for to in assigned.targets)
    ]


def _longest_literal(node: ast.expr) -> str:
    found = [
        " ".join(part.value.split())
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return max(found, key=len, default="")


EVENTS: Final = sorted({(event, level) for event, level, _ in logged()})


@pytest.mark.parametrize(("event", "level"), EVENTS)
def test_each_warning_and_error_of_the_log_has_a_row_with_a_remedy(event: str, level: str) -> None:
    where = [place for name, _, place in logged() if name == event]
    row = event_rows().get(event)
    assert row is not None, f"add a row for `{event}` ({where}) to {named(PAGE)}, The log"
    assert level in row[1], f"`{event}` is logged as {level} ({where})"
    assert len(row) == 4
    assert all(row)


def test_no_row_is_of_an_event_that_is_no_more() -> None:
    assert event_rows().keys() == {event for event, _ in EVENTS}


@pytest.mark.parametrize(("text", "where"), sorted(set(refusals())))
def test_each_refusal_to_start_has_a_row_with_a_remedy(text: str, where: str) -> None:
    plain = text.replace("`", "")
    found = [row for row in rows("The server does not start") if plain in row[0].replace("`", "")]
    assert found, f"add a row for `{text}` ({where}) to {named(PAGE)}, The server does not start"
    for row in found:
        assert len(row) == 3
        assert all(row)


def test_each_cause_of_a_database_that_cannot_be_used_has_a_sentence() -> None:
    named_causes = {
        node.value
        for path in python_files(SRC / "store")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"(postgres|sqlite)_[a-z]\w+", node.value)
    }
    assert "sqlite_commits_not_durable" in named_causes
    assert named_causes - REASONS.keys() - NO_CAUSES == set()


@pytest.mark.parametrize("document", ["README.md", "docs/README.md", "docs/operating.md"])
def test_the_page_is_found_from_where_one_begins(document: str) -> None:
    assert "troubleshooting.md" in (ROOT / document).read_text(encoding="utf-8")
