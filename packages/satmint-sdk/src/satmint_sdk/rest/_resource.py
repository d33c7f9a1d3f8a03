"""One definition of a method, for both clients.

A resource method is a pure function that describes a call. `api_method` makes it a method that
performs the call. On the synchronous client the method returns the response, on the asynchronous
client an awaitable of it; parameters and response are typed once for both.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from satmint_sdk.rest._call import Call
from satmint_sdk.rest._drivers import AsyncDriver, SyncDriver
from satmint_sdk.rest.types import Item, Page

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", SyncDriver, AsyncDriver)

_WALK = "Go through all items, page after page. Arguments as in `list`."


class Resource(Generic[D]):
    """A group of methods on one driver."""

    def __init__(self, driver: D) -> None:
        self._driver: D = driver

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._driver.endpoint.base_url}>"


class api_method(Generic[P, T]):  # noqa: N801 - a decorator
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

    def __init__(self, listing: api_method[P, Page[Item]]) -> None:
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
