"""People at a terminal see colours and tables that fit; a pipe gets plain text in full width."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from satmint.cli.program import run
from satmint.cli.report import format_cell
from tests.kit.dev import SATMINT, clean_environment


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "init"]) == 0
    assert run(["project", "create", "x" * 100]) == 0
    assert run(["keys", "rotate"]) == 0
    return tmp_path


def at_a_terminal(folder: Path, *arguments: str, columns: int = 80, **env: str) -> str:
    """What the program shows on a terminal of that width, escape sequences and all."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    done = subprocess.run(
        [*SATMINT, *arguments],
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=folder,
        env=clean_environment(TERM="xterm-256color", **env),
        check=False,
    )
    os.close(its)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # Linux says so at the end
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert done.returncode in (0, 1)
    return shown.decode().replace("\r\n", "\n")


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_table_on_a_terminal_has_colours_and_fits(deployment: Path) -> None:
    shown = at_a_terminal(deployment, "project", "list")
    assert "\x1b[1m" in shown
    lines = without_colours(shown).splitlines()
    assert max(map(len, lines)) <= 80
    assert re.match(r"^[0-9a-f-]{36} ", lines[1])
    assert "".join(lines).count("x") == 100


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
    assert at_a_terminal(deployment, "keys", "init", NO_COLOR="1") == f"satmint: {told}\n"


def test_secret_is_never_cut_or_wrapped_by_the_width(deployment: Path) -> None:
    shown = without_colours(
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
