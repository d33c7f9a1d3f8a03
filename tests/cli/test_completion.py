"""The completion scripts in the shells that they are for."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from satmint.cli.program import COMMANDS, run
from tests.kit.apt import install
from tests.kit.dev import clean_environment
from tests.kit.polling import wait_until
from tests.kit.terminal import Terminal

# What is typed, and words that are offered then.
CASES: Final = [
    ("satmint proj", {"project"}),
    ("satmint project ", {"create", "list"}),
    ("satmint token create --perm", {"--permission"}),
    ("satmint token create --permission manag", {"management"}),
    ("satmint serve --log-format ", {"console", "json"}),
    ("satmint serve --private-webhooks t", {"true"}),
    ("satmint address create support --type roo", {"room"}),
    ("satmint project list --wi", {"--wide"}),
    ("satmint completion ", {"bash", "zsh", "fish"}),
    ("satmint db restore bac", {"backup.db"}),
    ("satmint project list --config bac", {"backup.db"}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("completion")
    (made / "backup.db").touch()
    return made


def script(shell: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The script for a shell, which is installed if possible."""
    if shutil.which(shell) is None:
        install(shell)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed, and cannot be")
    assert run(["completion", shell]) == 0
    file = folder / f"satmint.{shell}"
    file.write_text(capsys.readouterr().out)
    return file


def output_of(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(HOME=str(folder)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_bash_completes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = script("bash", folder, capsys)
    program = f"""
        source {file}
        complete -p satmint
        complete_line() {{
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            _satmint
            echo "${{COMPREPLY[@]}}"
        }}
    """
    lines = [*(line for line, _ in CASES), "satmint serve --log-format = js"]
    for line in lines:
        last = '""' if line.endswith(" ") else ""
        program += f"complete_line {line}{last}\n"
    registered, *replies = output_of(folder, "bash", "-c", program).splitlines()
    assert registered == "complete -o filenames -F _satmint satmint"
    for reply, (line, words) in zip(replies, [*CASES, (lines[-1], {"json"})], strict=True):
        assert words <= set(reply.split()), line


def test_fish_completes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = script("fish", folder, capsys)
    program = f"source {file}\n" + "".join(f"complete -C '{line}'; echo .\n" for line, _ in CASES)
    replies = output_of(folder, "fish", "--no-config", "-c", program).split(".\n")
    assert len(replies) == len(CASES) + 1
    for reply, (line, words) in zip(replies, CASES, strict=False):
        assert words <= {found.split("\t")[0] for found in reply.splitlines()}, line


@pytest.fixture
def zsh(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[Terminal, Path]]:
    """An interactive zsh, and the file to which Ctrl-T writes the line that is edited."""
    file, shown = script("zsh", folder, capsys), folder / "shown"
    startup = f"""
        autoload -U compinit; compinit -u -d {folder}/dump
        source {file}
        show() {{ print -r -- "$BUFFER" >> {shown}; BUFFER="" }}
        zle -N show; bindkey '^T' show
        zle-line-init() {{ print ready >> {shown}; zle -D zle-line-init }}
        zle -N zle-line-init
    """
    (folder / ".zshrc").write_text(startup)
    shown.unlink(missing_ok=True)
    terminal = Terminal(columns=120)
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "zsh", "-i"],
        stdin=terminal.descriptor,
        stdout=terminal.descriptor,
        stderr=terminal.descriptor,
        cwd=folder,
        env=clean_environment(
            TERM="xterm", HOME=str(folder), ZDOTDIR=str(folder), PATH=os.environ["PATH"]
        ),
    )
    wait_until(shown.exists)
    yield terminal, shown
    terminal.type("exit\n")
    process.wait(timeout=60)
    terminal.close()


def test_zsh_completes(zsh: tuple[Terminal, Path]) -> None:
    terminal, shown = zsh
    cases = [(line, words) for line, words in CASES if len(words) == 1]
    for line, _ in cases:
        terminal.type(f"{line}\t\x14")
    wait_until(lambda: len(shown.read_text().splitlines()) == len(cases) + 1)
    for reply, (line, words) in zip(shown.read_text().splitlines()[1:], cases, strict=True):
        assert set(reply.split()[-1:]) == words, line


def test_script_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "bash", "--json"]) == 0
    assert capsys.readouterr().out.startswith('{"shell":"bash","script":"# bash completion')


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_completed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert all(f'"satmint {name}"' in text for name in COMMANDS)
