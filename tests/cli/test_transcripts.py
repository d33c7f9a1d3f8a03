"""What people type, and what they get: each transcript, in this process or as a shell would."""

import io
import os
from pathlib import Path
from typing import Final

import pytest

from satmint.cli.program import run
from tests.kit.terminal import Terminal, without_escapes
from tests.kit.transcript import Ended, Transcript, in_a_process

TRANSCRIPTS: Final = Path(__file__).parent / "transcripts"
NAMES: Final = sorted(file.stem for file in TRANSCRIPTS.glob("*.txt"))


@pytest.mark.parametrize("name", NAMES)
def test_transcript(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def in_here(arguments: list[str], stdin: str, env: dict[str, str], folder: Path) -> Ended:
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            patch.setattr("sys.stdin", io.StringIO(stdin))
            patch.delenv("SATMINT_CONFIG", raising=False)
            patch.setenv("SATMINT_ADMIN_PORT", "0")
            for variable, value in env.items():
                patch.setenv(variable, value)
            columns = int(env.get("COLUMNS", 0))
            if columns:
                return at_a_terminal(arguments, columns, patch, capsys)
            code = run(arguments)
        shown = capsys.readouterr()
        return Ended(code, shown.out, shown.err)

    Transcript(tmp_path, in_here).play((TRANSCRIPTS / f"{name}.txt").read_text())


def at_a_terminal(
    arguments: list[str],
    columns: int,
    patch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ended:
    """Run a command whose standard output is a terminal; its text is without colours."""
    terminal = Terminal(columns)
    with os.fdopen(terminal.descriptor, "w", encoding="utf-8", closefd=False) as output:
        patch.setattr("sys.stdout", output)
        code = run(arguments)
    shown = terminal.close()
    return Ended(code, without_escapes(shown), capsys.readouterr().err)


def test_program_in_a_process_of_its_own_does_the_same(tmp_path: Path) -> None:
    Transcript(tmp_path, in_a_process).play(
        """
        ! satmint keys list --json
        stderr '^\\{"error":"there is no keyring at keyring.json: create one with'
        satmint keys init
        stdout '^Created keyring\\.json with key [0-9a-f]{12}\\. Protect it like a private key\\.$'
        satmint project create 'My project' --json
        satmint token create alice@example.com --json
        let TOKEN .refresh_token
        stdin $TOKEN
        satmint token inspect -
        stdout '^state +good$'
        !2 satmint nonsense
        """
    )
