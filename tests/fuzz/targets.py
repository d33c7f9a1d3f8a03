"""What can be fuzzed: each target makes an input, tries it, and says what became of it."""

import traceback
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from random import Random
from typing import Self

ACCEPTED = "accepted, and rightly"


class Found(Exception):
    """An input for which the answer was wrong."""


class Target(ABC):
    """One face of the server."""

    name: str

    def __init__(self, folder: Path) -> None:
        """One that may keep files in `folder`. Use it as a context."""
        self._folder = folder
        self.notes: Counter[str] = Counter()
        """What else is to be counted, beside what became of each input."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    @abstractmethod
    async def attempt(self, dice: Random) -> str:
        """Make one input and try it.

        Returns:
            `ACCEPTED`, or why it was refused.

        Raises:
            Found: it was accepted and should not have been, or the answer is not of the contract.
            Exception: anything else is a bug of what was tried.
        """


def place_of(error: BaseException) -> str:
    """Where an error came from: which check of ours refused."""
    ours = [
        (frame.f_code, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if "satmint" in frame.f_code.co_filename
    ]
    if not ours:
        return type(error).__name__
    code, line = ours[-1]
    return f"{type(error).__name__} in {code.co_name}+{line - code.co_firstlineno}"
