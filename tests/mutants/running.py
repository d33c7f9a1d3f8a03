"""Runs the tests of a room against one mutant, in a copy of the source.

The tests run once on the original, and what they execute is recorded (`recorder`). A mutant then
meets only the tests that execute its statement, the fastest first. A process that has imported and
collected everything forks for each mutant (`forker`); only where the statement runs at import does
a mutant need a process of its own, and meets all tests of the room.
"""

import compileall
import contextlib
import json
import os
import py_compile
import shutil
import signal
import socket
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

import pytest

from tests.mutants.operators import Mutant
from tests.mutants.rooms import Room
from tests.mutants.statements import Statement, recording_source

_LEAST_SECONDS: Final = 20.0
_TIMES_USUAL: Final = 5.0
"""A test that takes so many times longer than on the original hangs."""
_PLUGINS: Final = ("recorder", "statements", "forker")
_WHOLE_RUNS: Final = frozenset(
    {
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.NO_TESTS_COLLECTED,  # of this shard
    }
)


class Outcome(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    HUNG = "hung"
    SURVIVED = "survived"
    NOT_EXECUTED = "not executed"


class BrokenRoom(Exception):
    """No test of a room passes without a mutant, or pytest does not run."""


@dataclass(slots=True)
class Recording:
    """Which tests execute which statements of a room."""

    seconds: dict[str, float]
    """Of each test."""
    tests: dict[Statement, set[str]]
    """By file, from the root, and line where the statement begins."""
    at_import: set[Statement]

    @classmethod
    def read(cls, parts: Sequence[Path]) -> Self:
        """What the plugins wrote.

        Raises:
            BrokenRoom: no test passed and executed a statement of the room.
        """
        seconds, failed = dict[str, float](), list[str]()
        tests, at_import = defaultdict[Statement, set[str]](set), set[Statement]()
        for part in parts:
            data = json.loads(part.read_text(encoding="utf-8"))
            statements = {
                context: [(file, line) for file, line in found]
                for context, found in data["statements"].items()
            }
            at_import.update(statements["import"])
            for name, test in data["tests"].items():
                seconds[name] = test["seconds"]
                if test["failed"]:
                    failed.append(name)
                for context in test["contexts"]:
                    for statement in statements.get(context, ()):
                        tests[statement].add(name)
        for name in failed:
            print(f"  left out, for it fails on the original: {name}", flush=True)
            del seconds[name]
            for found in tests.values():
                found.discard(name)
        if not any(tests.values()):
            raise BrokenRoom("no test executes the copy of the source")
        return cls(seconds, tests, at_import)

    def needs_import(self, file: str, mutant: Mutant) -> bool:
        """Whether a mutant's statement runs when its module is imported."""
        return not mutant.function or (file, mutant.statement) in self.at_import

    def tests_of(self, file: str, mutant: Mutant) -> list[str]:
        """Those that execute a mutant's statement, the fastest first.

        All tests, if it runs at import, but first those that execute anything of the module.
        """
        if not self.needs_import(file, mutant):
            return sorted(self.tests.get((file, mutant.statement), ()), key=self._order)
        near = {test for (f, _), tests in self.tests.items() if f == file for test in tests}
        return sorted(self.seconds, key=lambda test: (test not in near, *self._order(test)))

    def limit_of(self, test: str) -> float:
        """Seconds after which a test hangs."""
        return max(_LEAST_SECONDS, _TIMES_USUAL * self.seconds[test])

    def _order(self, test: str) -> tuple[float, str]:
        return self.seconds[test], test


@dataclass(slots=True)
class Workspace:
    """A copy of a room's source that the tests import."""

    room: Room
    folder: Path
    recording: Recording | None = None
    _forker: "_Forker | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Copy the source and the plugins."""
        copy = self.folder / self.room.source
        shutil.copytree(
            self.room.root / self.room.source, copy, ignore=shutil.ignore_patterns("__pycache__")
        )
        # Not by date: a mutant may be written within the same second.
        by_hash = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(copy, quiet=2, invalidation_mode=by_hash)
        for plugin in _PLUGINS:
            source = Path(__file__).with_name(f"{plugin}.py")
            shutil.copy(source, self.folder / f"mutants_{plugin}.py")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process that waits for mutants."""
        if self._forker is not None:
            self._forker.close()

    def record(self, processes: int = 1) -> Recording:
        """Run the tests on the original.

        Args:
            processes: How many run the tests.

        Raises:
            BrokenRoom: they fail, do not run to their end, or import something other than the copy.
        """
        files = self.room.files()
        names = json.dumps([str(self.folder / file) for file in files])
        for file in files:
            source = (self.room.root / file).read_text(encoding="utf-8")
            recording = recording_source(source, str(file))
            (self.folder / file).write_text(recording, encoding="utf-8")
        parts = [self.folder / f"recording-{number}.json" for number in range(processes)]
        running = [
            subprocess.Popen(
                self._command("recorder"),
                cwd=self.room.root / self.room.folder,
                env={
                    **self._environment(),
                    "MUTANTS_FILES": names,
                    "MUTANTS_SHARD": f"{number}/{processes}",
                    "MUTANTS_RECORDING": str(part),
                },
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for number, part in enumerate(parts)
        ]
        ends = {process.wait() for process in running}
        for file in files:
            shutil.copy(self.room.root / file, self.folder / file)
        if not ends <= _WHOLE_RUNS:  # what it has recorded until then lacks tests
            raise BrokenRoom(f"{self.room.name}: pytest has ended before the last test")
        try:
            self.recording = Recording.read(parts)
        except (BrokenRoom, FileNotFoundError) as error:
            raise BrokenRoom(f"{self.room.name}: {error}") from error
        return self.recording

    def try_mutant(self, file: Path, mutant: Mutant) -> Outcome:
        """Run tests on a mutant of `file`, and put the original back."""
        recording = self.recording or self.record()
        tests = recording.tests_of(str(file), mutant)
        if not tests:
            return Outcome.NOT_EXECUTED
        while True:
            outcome, test = self._run_on(file, mutant, tests)
            if outcome == "passed":
                return Outcome.SURVIVED
            if outcome == "hung":
                return Outcome.HUNG
            if outcome == "failed":
                # In the same order: a test may depend on those before it.
                original, failed = self._started().run(tests[: test + 1])
                if original != "passed":
                    print(f"  left out, for it fails on the original: {tests[failed]}", flush=True)
                    del tests[failed]
                    continue
            return Outcome.KILLED

    def _run_on(self, file: Path, mutant: Mutant, tests: Sequence[str]) -> tuple[str, int]:
        recording = self.recording or self.record()
        forker = self._started()  # before the mutant is on the disk
        # On the disk, for the processes that tests start.
        (self.folder / file).write_text(mutant.source, encoding="utf-8")
        try:
            if not recording.needs_import(str(file), mutant):
                outcome, test = forker.run(tests, str(self.folder / file), mutant.source)
                if outcome != "not replaced":
                    return outcome, test
            return self._run_anew(tests)
        finally:
            shutil.copy(self.room.root / file, self.folder / file)

    def _run_anew(self, tests: Sequence[str]) -> tuple[str, int]:
        """Run tests in a process that imports the mutant; one that does not come so far crashes."""
        try:
            forker = _Forker(self, tests)
        except BrokenRoom:
            return "crashed", 0
        try:
            return forker.run(tests)
        finally:
            forker.close()

    def _started(self) -> "_Forker":
        if self._forker is None:
            self._forker = _Forker(self, ())
        return self._forker

    def _command(self, plugin: str, paths: Sequence[str] = ()) -> list[str]:
        command = [str(self.room.root / self.room.python), "-m", "pytest", "-q"]
        command += ["--hypothesis-seed=0", "-p", f"mutants_{plugin}"]
        if self.room.select:
            command += ["-k", self.room.select]
        return [*command, *self.room.options, *(paths or self.room.tests)]

    def _environment(self) -> dict[str, str]:
        for name in ("hypothesis", "temporary"):
            (self.folder / name).mkdir(exist_ok=True)
        return {
            **os.environ,
            "PYTHONPATH": f"{self.folder / self.room.source}{os.pathsep}{self.folder}",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.folder / "hypothesis"),
            "PYTEST_DEBUG_TEMPROOT": str(self.folder / "temporary"),
        }


class _Forker:
    """A process of pytest that has collected tests, and runs them in forks."""

    def __init__(self, workspace: Workspace, tests: Sequence[str]) -> None:
        """Start it, for all tests of the room or those named.

        Raises:
            BrokenRoom: it cannot collect them.
        """
        self._workspace = workspace
        paths = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            workspace._command("forker", paths),
            cwd=workspace.room.root / workspace.room.folder,
            env={**workspace._environment(), "MUTANTS_SOCKET": str(theirs.fileno())},
            pass_fds=[theirs.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._socket = ours
        self._stream: TextIO = ours.makefile("rw", encoding="utf-8")
        ours.settimeout(_LEAST_SECONDS * _TIMES_USUAL)
        try:
            ready = self._stream.readline()
        except TimeoutError:
            ready = ""
        if not ready:
            self.close()
            raise BrokenRoom(f"{workspace.room.name}: the tests cannot be collected")
        ours.settimeout(None)

    def run(
        self, tests: Sequence[str], file: str = "", source: str | None = None
    ) -> tuple[str, int]:
        """What became of tests on a mutant, and the place of the last that ran."""
        recording = self._workspace.recording
        assert recording is not None
        limits = [recording.limit_of(test) for test in tests]
        command = {"file": file, "source": source, "tests": tests, "limits": limits}
        print(json.dumps(command), file=self._stream, flush=True)
        if not (line := self._stream.readline()):
            raise BrokenRoom(f"{self._workspace.room.name}: pytest has ended")
        answer = json.loads(line)
        self._forget()
        return answer["outcome"], answer["test"]

    def close(self) -> None:
        """End it, and what a hung test has left running."""
        self._stream.close()
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _forget(self) -> None:
        """Remove what a run left: what Hypothesis found must not help against the next mutant."""
        for name in ("hypothesis/examples", "temporary"):
            shutil.rmtree(self._workspace.folder / name, ignore_errors=True)
        (self._workspace.folder / "temporary").mkdir()
