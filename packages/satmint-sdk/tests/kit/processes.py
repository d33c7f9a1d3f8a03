"""Starting `kit.worker`, and speaking with it line by line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import satmint_sdk
from kit import worker


class Process:
    """A worker: `ask` writes a line, `hear` reads one; leaving the block ends it."""

    def __init__(self, *arguments: str) -> None:
        source = Path(satmint_sdk.__file__).parent.parent
        self._process = subprocess.Popen(
            [sys.executable, "-X", "dev", str(worker.__file__), *arguments],
            env=os.environ | {"PYTHONPATH": str(source)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, word: str = "go") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        """End it as a power cut would: nothing of it runs any more."""
        self._process.kill()
        self._process.wait()

    def rest(self) -> tuple[list[str], int]:
        """Let it finish, and return what it still said and its exit code."""
        output, _ = self._process.communicate(timeout=30)
        return output.split(), self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.communicate(timeout=30)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
