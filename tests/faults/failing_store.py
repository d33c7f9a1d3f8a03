"""A real store that fails once, at a call and a moment of the test's choosing."""

from collections.abc import Callable
from enum import Enum
from inspect import iscoroutinefunction
from typing import Any, cast

from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import Store

ROOMS = frozenset(
    {"projects", "subscribers", "addresses", "resources", "sessions", "events", "presence"}
    | {"keyed_requests", "webhooks"}
)


class FailurePoint(Enum):
    """When a call fails: before anything happened, or when only the news of it is lost."""

    BEFORE = "before"
    AFTER = "after"


class FailNth:
    """Stands in front of a store. Its `nth` call, from 1, fails once; every other one passes."""

    def __init__(
        self,
        real: Store,
        nth: int,
        moment: FailurePoint = FailurePoint.BEFORE,
        error: Callable[[], Exception] = lambda: StoreUnavailable("planted"),
    ) -> None:
        self._real = real
        self._nth = nth
        self._moment = moment
        self._error = error
        self.calls: list[str] = []

    @property
    def store(self) -> Store:
        """The same, as what it stands for."""
        return cast("Store", self)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real store has there
        found = getattr(self._real, name)
        return _Room(self, name, found) if name in ROOMS else self._guarded(name, found)

    def _guarded(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        if not iscoroutinefunction(real):
            return real  # `mark_seen`, which cannot fail

        async def call(*args: object, **named: object) -> object:
            self.calls.append(name)
            fails = len(self.calls) == self._nth
            if fails and self._moment is FailurePoint.BEFORE:
                raise self._error()
            result: object = await real(*args, **named)
            if fails:
                raise self._error()
            return result

        return call


class _Room:
    """One of the stores inside of the store."""

    def __init__(self, guard: FailNth, name: str, real: object) -> None:
        self._guard = guard
        self._name = name
        self._real = real

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._guard._guarded(f"{self._name}.{name}", getattr(self._real, name))
