"""The health of the deployment, examined when somebody looks, at most once a minute."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

_GOOD_SECONDS: Final = 60
_PATIENCE_SECONDS: Final = 0.1
"""How long a page waits for an examination that has begun."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was examined."""

    name: str
    tone: str
    """`good`, `warn`, `bad`, or "" if it could not be examined."""
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What the last examination has found."""

    conditions: Sequence[CheckResult]
    at: int | None
    """Unix seconds; None: the first one is in progress."""

    def of(self, *tones: str) -> Sequence[CheckResult]:
        """The conditions with one of these tones."""
        return [condition for condition in self.conditions if condition.tone in tones]


class Health:
    """Examines in the background, so that no page waits for a slow check."""

    def __init__(self, examine: Callable[[], Awaitable[Sequence[CheckResult]]]) -> None:
        """Prepare.

        Args:
            examine: Examines the deployment. It does not raise.
        """
        self._examine = examine
        self._task: asyncio.Task[Sequence[CheckResult]] | None = None
        self._report = Report((), None)

    async def read(self, now: int) -> Report:
        """The last findings. An examination begins if they are older than a minute.

        Args:
            now: Unix seconds.
        """
        at = self._report.at
        if self._task is None and (at is None or not 0 <= now - at < _GOOD_SECONDS):
            self._task = asyncio.ensure_future(self._examine())
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_PATIENCE_SECONDS)
            if self._task.done():
                self._report = Report(self._task.result(), now)
                self._task = None
        return self._report
