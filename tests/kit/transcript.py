"""Transcripts: what somebody types at a terminal, and what must come back.

    # comments and empty lines say what a step is for
    satmint keys init                    this must end with exit code 0
    stdout 'holds one key'               a regular expression that must be found
    ! stderr .                           one that must not be found
    ! satmint keys init                  this must end with exit code 1
    !2 satmint nonsense                  this must end with exit code 2
    let TOKEN .refresh_token             a member of the JSON on standard output
    let KEY .keys.1.id
    satmint token inspect $TOKEN
    stdin $TOKEN                         what the next command reads
    file bad.toml 'port = ]'
    env SATMINT_PORT=80
    columns 80                           from here on, at a terminal of this width; 0: in a pipe
    fits                                 no line of standard output is wider than the terminal

Expressions are matched line by line (`^` and `$` are ends of lines). Every command is watched for
secrets: whatever looks like a token or a master key must never be seen on standard error.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.kit.dev import SATMINT, clean_environment

_SECRET: Final = re.compile(r"PT[0-9a-f]{48}|c2c_[0-9a-f]{32}|eyJ[\w-]+\.\.[\w-]+|\"k\":")
_KEY: Final = re.compile(r'"k": "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


Run = Callable[[list[str], str, dict[str, str], Path], Ended]


def in_a_process(arguments: list[str], stdin: str, env: dict[str, str], folder: Path) -> Ended:
    """The real program, as a shell starts it."""
    done = subprocess.run(
        [*SATMINT, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(**env),
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@dataclass
class Transcript:
    """One run of a transcript."""

    folder: Path
    run: Run
    last: Ended = field(default_factory=lambda: Ended(0, "", ""))
    values: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    stdin: str = ""

    def play(self, text: str) -> None:
        """Carry out every line; fails with its number."""
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                self._step(line.strip())
            except AssertionError as error:
                raise AssertionError(f"line {number}: {line}\n{error}\n{self.last}") from None

    def _step(self, line: str) -> None:
        words = [self._filled(word) for word in shlex.split(line, comments=True)]
        match words:
            case []:
                return
            case ["satmint", *arguments]:
                self._command(arguments, 0)
            case [("!" | "!2") as ending, "satmint", *arguments]:
                self._command(arguments, 2 if ending == "!2" else 1)
            case [("stdout" | "stderr") as stream, pattern]:
                assert self._shows(stream, pattern), "not found"
            case ["!", ("stdout" | "stderr") as stream, pattern]:
                assert not self._shows(stream, pattern), "found"
            case _:
                self._prepare(words)

    def _prepare(self, words: list[str]) -> None:
        match words:
            case ["let", name, path]:
                self.values[name] = str(member(self.last.stdout, path))
            case ["stdin", text]:
                self.stdin = text
            case ["file", name, text]:
                (self.folder / name).write_text(text)
            case ["columns", columns]:
                self.env["COLUMNS"] = columns
            case ["fits"]:
                width = int(self.env["COLUMNS"])
                assert all(len(line) <= width for line in self.last.stdout.splitlines())
            case ["env", assignment]:
                name, _, value = assignment.partition("=")
                self.env[name] = value
            case _:
                raise AssertionError("this line is not understood")

    def _shows(self, stream: str, pattern: str) -> bool:
        return re.search(pattern, getattr(self.last, stream), re.MULTILINE) is not None

    def _command(self, arguments: list[str], code: int) -> None:
        self.last = self.run(arguments, self.stdin, self.env, self.folder)
        self.stdin = ""
        assert self.last.code == code, f"ended with {self.last.code}, not {code}"
        assert not _SECRET.search(self.last.stderr), "a secret on standard error"
        for keyring in self.folder.rglob("keyring*.json"):
            for secret in _KEY.findall(keyring.read_text()):
                assert secret not in self.last.stdout + self.last.stderr, "a master key was shown"
        if code:
            assert "Traceback" not in self.last.stderr
            lines = self.last.stderr.splitlines()
            assert len(lines) == 1 or "Usage:" in self.last.stdout, "not one line"
            if "--json" in arguments:
                assert json.loads(lines[0]).keys() == {"error"}
        elif "--json" in arguments:
            assert len(self.last.stdout.splitlines()) == 1, "not one line of JSON"
            json.loads(self.last.stdout)

    def _filled(self, word: str) -> str:
        return re.sub(r"\$([A-Z_0-9]+)", lambda found: self.values[found[1]], word)


def member(text: str, path: str) -> object:
    """A member of a JSON value: `.keys.1.id`."""
    value = json.loads(text)
    for part in path.removeprefix(".").split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
