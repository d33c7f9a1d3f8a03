"""Standard output that is full, closed, left or of another encoding: nothing is made untold."""

import errno
import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

import pytest

from satmint.cli.command import CommandContext
from satmint.cli.program import run
from satmint.cli.report import OutputFailed, Report
from satmint.model.refusals import StoreUnavailable
from satmint.settings import Settings
from tests.kit.dev import SATMINT, clean_environment

NAME: Final = "Zoë 日本 🜁"


def full() -> TextIO:
    return Path("/dev/full").open("w", encoding="utf-8")


def closed() -> TextIO:
    """As `open_standard_streams` leaves it."""
    return os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")


def left() -> TextIO:
    """A pipe whose reader has exited."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", encoding="utf-8")


@contextmanager
def standard_output(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], TextIO]
) -> Iterator[TextIO]:
    with monkeypatch.context() as patch, make() as stream:
        patch.setattr("sys.stdout", stream)
        yield stream


@pytest.fixture
def deployment(project: dict[str, Any]) -> dict[str, Any]:
    """A project with something of everything that commands change."""
    for command in (
        ["address", "create", "support"],
        ["keys", "rotate"],
        ["token", "create", "ada@example.com"],
        ["webhook", "create", "https://hooks.example.com/a"],
    ):
        assert run(command) == 0
    return project


def listed(capsys: pytest.CaptureFixture[str], *command: str) -> Any:  # noqa: ANN401 - JSON
    capsys.readouterr()
    assert run([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def state(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """All that commands make."""
    lists = ("project", "address", "click-to-call", "webhook", "events", "keys")
    found = [listed(capsys, name, "list") for name in lists]
    return [*found, sorted(path.name for path in Path.cwd().iterdir())]


SECRETS: Final = [
    ["project", "create", NAME],
    ["token", "create", "--api", NAME],
    ["token", "create", "grace@example.com"],
    ["click-to-call", "create", "support", "--name", NAME],
    ["webhook", "create", "https://hooks.example.com/b"],
]
CHANGES: Final = [
    ["address", "create", "sales", "--display-name", NAME],
    ["keys", "rotate"],
    ["keys", "add"],
    ["session", "revoke", "--all", "--yes"],
    ["db", "backup", "copy.db"],
    ["db", "adopt", "--yes"],
]


@pytest.mark.parametrize("as_json", [[], ["--json"]])
@pytest.mark.parametrize("sink", [closed, left])
def test_nothing_is_made_where_it_could_not_be_told(
    deployment: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sink: Callable[[], TextIO],
    as_json: list[str],
) -> None:
    before = state(capsys)
    for command in (*SECRETS, *CHANGES, ["dev", "--data", "elsewhere"]):
        with standard_output(monkeypatch, sink):
            assert run([*command, *as_json]) == 1, command
        told = capsys.readouterr().err
        assert told.count("\n") == (0 if sink is left else 1), command
        assert sink is left or "cannot write to standard output: it is closed" in told
    # A key that is `prepared` would be seen in the list of keys, a new project in that of projects.
    assert state(capsys) == before
    assert deployment["name"] == "one"


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_secret_that_could_not_be_written_does_not_stay_valid(
    deployment: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    as_json: list[str],
) -> None:
    option = ["--project", deployment["id"]]
    undone = []
    for command in SECRETS:
        own = [] if command[0] == "project" else option
        with standard_output(monkeypatch, full):
            assert run([*command, *own, *as_json]) == 1, command
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        if as_json:
            told = json.loads(told)["error"]
        assert "cannot write to standard output: no space left on device: " in told
        undone.append(told.rpartition(": ")[2].strip())
    assert undone[0].startswith("project ")
    assert undone[0].endswith(" was created, and its API token was deleted again")
    assert undone[1:] == [
        "the API token was deleted again",
        "the session was revoked again",
        "the token was deleted again",
        "the webhook was deleted again",
    ]
    kinds = [event["kind"] for event in listed(capsys, "events", "list", *option)]
    assert {"api_token_deleted", "session_revoked", "c2c_token_deleted"} < set(kinds)
    assert len(listed(capsys, "webhook", "list", *option)) == 1
    assert listed(capsys, "click-to-call", "list", *option) == []
    (session,) = listed(capsys, "session", "list", "grace@example.com", *option)
    assert session["state"] == "revoked"
    # The database is known to be the same one: the next start recognises it.
    assert run(["token", "create", "ada@example.com", *option]) == 0


async def test_secret_that_could_not_be_made_invalid_is_named() -> None:
    ctx = CommandContext(Settings(), Report(as_json=False), "satmint")

    def write() -> None:
        raise OutputFailed(OSError(errno.ENOSPC, "No space left on device"))

    async def undo() -> None:
        raise StoreUnavailable("sqlite_full")

    await ctx.hand_over(write, undo, made="API token 7", undone="it was deleted again")
    assert str(ctx.failure) == (
        "cannot write to standard output: no space left on device; API token 7 is still valid,"
        " because it could not be undone: service_unavailable: sqlite_full"
    )


def test_change_whose_result_could_not_be_written_is_told_of_in_the_error(
    deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    for command in CHANGES:
        with standard_output(monkeypatch, full):
            assert run(command) == 1, command
        told = capsys.readouterr().err
        start = "satmint: cannot write to standard output: no space left on device; the command"
        assert told.startswith(f"{start} took effect: "), command
        assert told.count("\n") == 1
    assert "sales" in {address["name"] for address in listed(capsys, "address", "list")}
    assert deployment["id"] in {found["id"] for found in listed(capsys, "project", "list")}


@pytest.mark.parametrize("sink", [full, closed, left])
@pytest.mark.parametrize("command", [["project", "list"], ["--help"], ["--version"], ["openapi"]])
def test_list_or_help_that_cannot_be_written_ends_in_one_line_or_silence(
    project: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sink: Callable[[], TextIO],
    command: list[str],
) -> None:
    assert project
    with standard_output(monkeypatch, sink):
        assert run(command) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == (0 if sink is left else 1)
    assert sink is left or told.startswith("satmint: cannot write to standard output: ")


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_names_that_the_encoding_lacks_are_escaped(
    deployment: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    as_json: list[str],
) -> None:
    option = ["--project", deployment["id"]]
    for command in (*SECRETS, *CHANGES[:1], ["project", "list"], ["keys", "list"]):
        own = option if command[0] in ("token", "click-to-call", "webhook", "address") else []
        buffer = io.BytesIO()

        def ascii_only(buffer: io.BytesIO = buffer) -> TextIO:
            return io.TextIOWrapper(buffer, encoding="ascii", write_through=True)

        with standard_output(monkeypatch, ascii_only):
            assert run([*command, *own, *as_json]) == 0, command
            text = buffer.getvalue().decode("ascii")
        if as_json:
            shown = json.loads(text)
            key = "display_name" if command[0] == "address" else "name"
            assert isinstance(shown, list) or NAME not in command or shown[key] == NAME
        elif command == SECRETS[0]:
            assert "Zo\\xeb \\u65e5\\u672c \\U0001f701" in text
    assert capsys.readouterr().err == ""


def satmint(folder: Path, line: str, **env: str) -> tuple[int, str, str]:
    """The real program, as a shell starts it with these redirections."""
    done = subprocess.run(
        ["sh", "-c", line.replace("satmint", " ".join(SATMINT), 1)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(**env),
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_real_program_stands_closed_and_full_streams_and_other_encodings(
    project: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "Zoë"
    ascii_only = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    code, out, told = satmint(tmp_path, f"satmint project create {name}", **ascii_only)
    assert (code, told, "Zo\\xeb" in out, "API token" in out) == (0, "", True, True)
    before = len(listed(capsys, "project", "list"))
    closed_output = "cannot write to standard output: it is closed"
    code, _, told = satmint(tmp_path, "satmint project create two >&-")
    assert (code, told) == (1, f"satmint: {closed_output}\n")
    # Standard error is closed as well: silence, and nothing gets its descriptor by accident.
    assert satmint(tmp_path, "satmint project create two >&- 2>&- <&-") == (1, "", "")
    assert satmint(tmp_path, "satmint project list 2>&- >listed; cat listed")[0] == 0
    assert len(listed(capsys, "project", "list")) == before
    full_output = "satmint: cannot write to standard output: no space left on device"
    code, _, told = satmint(tmp_path, "satmint project create two >/dev/full")
    assert (code, told.startswith(full_output), told.count("\n")) == (1, True, 1)
    assert satmint(tmp_path, "satmint project create two >/dev/full 2>/dev/full")[0] == 1
    code, _, told = satmint(tmp_path, "satmint dev --port 0 --https-port 0 >/dev/full")
    assert code == 1
    assert told.endswith(f"{full_output}\n")
    assert "Traceback" not in told
    assert run(["db", "check"]) == 0
    assert project
