"""People at a terminal see colours and tables that fit; a pipe gets plain text in full width."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from satmint.cli.cells import format_cell
from satmint.cli.program import run
from tests.kit.dev import SATMINT, clean_environment
from tests.kit.terminal import Terminal, without_escapes


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "init"]) == 0
    assert run(["project", "create", "x" * 100]) == 0
    assert run(["keys", "rotate"]) == 0
    return tmp_path


def at_a_terminal(
    folder: Path,
    *arguments: str,
    columns: int = 80,
    env: Mapping[str, str] | None = None,
    typed: str = "",
) -> str:
    """What the program shows on a terminal of that width, escape sequences and all."""
    terminal = Terminal(columns)
    terminal.type(typed)
    done = subprocess.run(
        [*SATMINT, *arguments],
        stdin=terminal.descriptor,
        stdout=terminal.descriptor,
        stderr=terminal.descriptor,
        cwd=folder,
        env=clean_environment(**{"TERM": "xterm-256color", **(env or {})}),
        check=False,
    )
    shown = terminal.close()
    assert done.returncode in (0, 1)
    return shown


def test_table_on_a_terminal_has_colours_and_fits(deployment: Path) -> None:
    shown = at_a_terminal(deployment, "project", "list")
    assert "\x1b[1m" in shown
    lines = without_escapes(shown).splitlines()
    assert max(map(len, lines)) <= 80
    assert re.fullmatch(r"[0-9a-f-]{36}  x+…  (now|\d+ s ago)", lines[1])
    assert lines[2] == "Text was shortened. Show everything: --wide"


def test_wide_table_on_a_terminal_is_whole(deployment: Path) -> None:
    shown = without_escapes(at_a_terminal(deployment, "project", "list", "--wide"))
    assert re.fullmatch(r"[0-9a-f-]{36}  x{100}  \S+Z", shown.splitlines()[1])


@pytest.mark.parametrize(
    ("variables", "paged"),
    [
        ({"PAGER": "sed s/^/paged:/"}, True),
        ({"PAGER": ""}, False),
        ({"PAGER": "cat"}, False),
        ({"PAGER": "/no/such/program"}, False),
        ({"PAGER": "sed s/^/paged:/", "TERM": "dumb"}, False),
    ],
)
def test_long_table_on_a_terminal_is_shown_by_the_pager(
    deployment: Path, variables: dict[str, str], paged: bool
) -> None:
    shown = at_a_terminal(deployment, "project", "list", env={"LINES": "2", **variables})
    lines = [line.removeprefix("paged:") for line in without_escapes(shown).splitlines()]
    assert shown.startswith("paged:") is paged
    assert re.match(r"[0-9a-f-]{36}  x", lines[1])


@pytest.mark.parametrize(("variables", "options"), [({}, "FRX"), ({"LESS": "S"}, "S")])
def test_less_has_colours_unless_its_user_has_other_options(
    deployment: Path, variables: dict[str, str], options: str
) -> None:
    pager = {"PAGER": "sh -c 'echo $LESS; cat'", "LINES": "2", **variables}
    shown = at_a_terminal(deployment, "project", "list", env=pager)
    assert shown.startswith(f"{options}\n\x1b[1m")


def test_pager_that_is_left_early_is_no_error(deployment: Path) -> None:
    shown = at_a_terminal(deployment, "project", "list", env={"PAGER": "true", "LINES": "2"})
    assert shown == ""


def test_table_in_a_pipe_is_plain_and_whole(
    deployment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["project", "list"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    head, line = shown.splitlines()
    assert re.fullmatch(r"id +name +created at *", head)
    assert re.fullmatch(rf"[0-9a-f-]{{36}} +{'x' * 100} +\S+Z *", line)
    assert deployment.exists()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),  # clears the screen
        ("a\x9b2Jb", "a\\x9b2Jb"),  # as well, in one letter
        ("a\x1b]0;b\x07", "a\\x1b]0;b\\x07"),  # renames the window
        ("a\r\nb", "a\\r\\nb"),  # forges a row
        ("a\u202eb", "a\\u202eb"),  # is read backwards
        ("Zoë 日本", "Zoë 日本"),
    ],
)
def test_name_cannot_command_the_terminal_of_who_reads_it(name: str, shown: str) -> None:
    assert format_cell(name).plain == shown
    assert format_cell((name, "x")).plain == f"{shown}, x"


def test_error_is_red_on_a_terminal_and_not_where_no_colour_is_wanted(deployment: Path) -> None:
    told = "a keyring exists already at keyring.json"
    assert at_a_terminal(deployment, "keys", "init") == f"\x1b[31msatmint:\x1b[0m {told}\n"
    assert at_a_terminal(deployment, "keys", "init", env={"NO_COLOR": "1"}) == f"satmint: {told}\n"


def test_secret_is_never_cut_or_wrapped_by_the_width(deployment: Path) -> None:
    shown = without_escapes(
        at_a_terminal(deployment, "token", "create", "alice@example.com", columns=40)
    )
    refresh_token = re.search(r"^refresh token  (\S+)$", shown, re.MULTILINE)
    assert refresh_token is not None
    assert len(refresh_token[1].split(".")) == 5
    inspected = at_a_terminal(deployment, "token", "inspect", refresh_token[1], columns=120)
    assert "good" in inspected


def test_progress_is_shown_and_gone_when_it_is_done(deployment: Path) -> None:
    shown = at_a_terminal(deployment, "db", "backup", "copy.db")
    bar, _, result = shown.rpartition("\x1b[2K")  # erases the line
    assert "backup" in bar
    assert re.fullmatch(r"copy\.db: \d+ bytes\.\n", result)


def test_reader_that_goes_away_is_no_error(deployment: Path) -> None:
    program = subprocess.Popen(
        [*SATMINT, "openapi"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=deployment,
        env=clean_environment(),
    )
    assert program.stdout is not None
    assert program.stderr is not None
    program.stdout.close()
    assert program.stderr.read() == b""
    program.stderr.close()
    assert program.wait() == 1


@pytest.mark.parametrize(("answer", "deleted"), [("y", True), ("n", False), ("", False)])
def test_what_cannot_be_undone_is_asked_for(
    deployment: Path, capsys: pytest.CaptureFixture[str], answer: str, deleted: bool
) -> None:
    shown = at_a_terminal(deployment, "project", "delete", "x" * 100, typed=f"{answer}\n")
    assert "and end 0 active sessions, 0 subscribers, 0 addresses, 1 API token" in shown
    assert ("cancelled: nothing was changed" in shown) is not deleted
    capsys.readouterr()
    assert run(["project", "list", "--json"]) == 0
    assert (capsys.readouterr().out == "[]\n") is deleted
