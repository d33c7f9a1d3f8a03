"""One definition of a method, for both clients.

A resource method is a pure function: it describes a call. `endpoint` makes it a method that
performs the call. On a resource of the synchronous client the method returns the answer, on a
resource of the asynchronous one an awaitable of it; parameters and answer are typed once, and a
type checker sees the right one of the two.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from signalwire.rest._call import Call
from signalwire.rest._drivers import AsyncDriver, SyncDriver
from signalwire.rest.types import Item, Page

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", SyncDriver, AsyncDriver)

_WALK = "Go through all items, page after page. Arguments as in `list`."


class Resource(Generic[D]):
    """A group of methods on one driver."""

    def __init__(self, driver: D) -> None:
        self._driver: D = driver

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._driver.place.base_url}>"


class endpoint(Generic[P, T]):  # noqa: N801 - a decorator
    """A method that performs the call it describes."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self.describe = describe
        functools.update_wrapper(self, describe)  # type: ignore[arg-type]

    @overload
    def __get__(self, resource: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(
        self, resource: Resource[SyncDriver], owner: type | None = None
    ) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, resource: Resource[AsyncDriver], owner: type | None = None
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: type | None = None) -> Any:
        if resource is None:
            return self

        @functools.wraps(self.describe)
        def perform(*args: P.args, **kwargs: P.kwargs) -> Any:
            call = self.describe(resource, *args, **kwargs)
            del (
                args,
                kwargs,
            )  # reporters of errors show the variables of a frame; `call` is discreet
            return resource._driver.run(call)

        return perform


class pages(Generic[P, Item]):  # noqa: N801 - named like a decorator
    """A method that walks, page by page, the list that another method reads one page of."""

    def __init__(self, listing: endpoint[P, Page[Item]]) -> None:
        self.describe = listing.describe
        functools.update_wrapper(self, listing.describe)  # type: ignore[arg-type]
        self.__doc__ = _WALK

    @overload
    def __get__(self, resource: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(
        self, resource: Resource[SyncDriver], owner: type | None = None
    ) -> Callable[P, Iterator[Item]]: ...
    @overload
    def __get__(
        self, resource: Resource[AsyncDriver], owner: type | None = None
    ) -> Callable[P, AsyncIterator[Item]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: type | None = None) -> Any:
        if resource is None:
            return self

        @functools.wraps(self.describe)
        def walk(*args: P.args, **kwargs: P.kwargs) -> Any:
            return resource._driver.walk(self.describe(resource, *args, **kwargs))

        walk.__doc__ = _WALK
        return walk
