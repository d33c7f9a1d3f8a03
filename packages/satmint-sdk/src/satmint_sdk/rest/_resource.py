"""One definition of a method, for both clients.

A resource method is a pure function that describes a call. `api_method` makes it a method that
performs the call. On the synchronous client the method returns the response, on the asynchronous
client an awaitable of it; parameters and response are typed once for both.

A type checker sees descriptors that are generic in the driver. At run time every class has two
variants, whose methods are functions (for the asynchronous client, coroutine functions) with the
signature that a caller sees: `help`, `inspect` and `unittest.mock` read that.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Final, Generic, ParamSpec, Self, TypeVar, cast, overload

from satmint_sdk._public import PublicDir
from satmint_sdk.rest._call import Call
from satmint_sdk.rest._drivers import AsyncDriver, SyncDriver
from satmint_sdk.rest.types import Item, Page

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", SyncDriver, AsyncDriver)

_CALL: Final = re.compile(r"Call\[(.*)\]", re.DOTALL)
_PAGE: Final = re.compile(r"Page\[(.*)\]", re.DOTALL)


class Resource(PublicDir, Generic[D]):
    """A group of methods on one driver."""

    _driver: D

    def __new__(cls, driver: D) -> Self:
        """Make one of the variant for this kind of driver."""
        return super().__new__(variant(cls, is_async=isinstance(driver, AsyncDriver)))

    def __init__(self, driver: D) -> None:
        self._driver = driver

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._driver.endpoint.base_url}>"


class api_method(Generic[P, T]):  # noqa: N801 - a decorator
    """A method that performs the call it describes."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self.describe: Callable[Concatenate[Any, P], Call[T]] = describe
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
        return self  # the variants have functions instead

    def function(self, *, is_async: bool) -> Callable[..., Any]:
        """The method of one variant."""
        describe = self.describe
        if is_async:

            async def method(self: Resource[AsyncDriver], /, *args: Any, **kwargs: Any) -> Any:
                arguments = _Arguments(args, kwargs)
                del args, kwargs  # reporters of errors show the variables of a frame
                return await self._driver.run(_described(describe, arguments))

            return _dressed(method, describe, _answer_of(describe))

        def method_(self: Resource[SyncDriver], /, *args: Any, **kwargs: Any) -> Any:
            arguments = _Arguments(args, kwargs)
            del args, kwargs
            return self._driver.run(_described(describe, arguments))

        return _dressed(method_, describe, _answer_of(describe))


def pages(
    listing: api_method[P, Page[Item]],
) -> Callable[[Callable[[Any], None]], Pages[P, Item]]:
    """Make a method that walks, page by page, the list that `listing` reads one page of."""
    return functools.partial(Pages[P, Item], listing)


class Pages(Generic[P, Item]):
    """See `pages`. The decorated function has the name and the text of the method."""

    def __init__(
        self, listing: api_method[P, Page[Item]], described: Callable[[Any], None]
    ) -> None:
        self.describe: Callable[Concatenate[Any, P], Call[Page[Item]]] = listing.describe
        functools.update_wrapper(self, described)  # type: ignore[arg-type]
        self._described = described

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
        return self  # the variants have functions instead

    def function(self, *, is_async: bool) -> Callable[..., Any]:
        """The method of one variant."""
        describe = self.describe

        def walk(self: Resource[Any], /, *args: Any, **kwargs: Any) -> Any:
            arguments = _Arguments(args, kwargs)
            del args, kwargs
            return self._driver.walk(_described(describe, arguments))

        item = _PAGE.sub(r"\1", _answer_of(describe))
        kind = "AsyncIterator" if is_async else "Iterator"
        made = _dressed(walk, describe, f"{kind}[{item}]")
        made.__annotations__["return"] = (AsyncIterator if is_async else Iterator)[item]
        made.__doc__, made.__name__ = self._described.__doc__, self._described.__name__
        return made


def group(kind: type[Any]) -> Any:
    """A group of methods, as an attribute of a client or of another group.

    Of an instance it is the group on the same driver, and of a class the class of that group, so
    that `unittest.mock.create_autospec` finds the methods of both.
    """
    return _Group(kind)


class _Group:
    """See `group`."""

    def __init__(self, kind: type[Any]) -> None:
        self._kind = kind
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, resource: Resource[Any] | None, owner: type) -> Any:
        if resource is not None:
            made = resource.__dict__[self._name] = self._kind(resource._driver)
            return made
        known = [_VARIANTS[kind] for kind in owner.__mro__ if kind in _VARIANTS]
        return variant(self._kind, is_async=known[0]) if known else self


R = TypeVar("R", bound=Resource[Any])


_VARIANTS: Final[dict[type, bool]] = {}
"""The classes that have functions, and whether those are for the asynchronous client."""


def variant(kind: type[R], *, is_async: bool) -> type[R]:
    """The class of a group's methods on one kind of driver."""
    return cast("type[R]", _variant(cast("Any", kind), is_async=is_async))


@functools.cache
def _variant(kind: Any, *, is_async: bool) -> Any:
    name = f"Async{kind.__name__}" if is_async else kind.__name__
    made = type(name, (kind,), {"__doc__": kind.__doc__, "__module__": kind.__module__})
    install(made, is_async=is_async)
    return made


def install(kind: type, *, is_async: bool) -> None:
    """Give a class the functions of its methods for one kind of driver."""
    _VARIANTS[kind] = is_async
    for name in dir(kind):
        described = inspect.getattr_static(kind, name)
        if isinstance(described, (api_method, Pages)):
            function = described.function(is_async=is_async)
            function.__qualname__ = f"{kind.__qualname__}.{function.__name__}"
            setattr(kind, name, function)


class _Arguments:
    """Arguments that are not shown."""

    __slots__ = ("named", "placed")

    def __init__(self, placed: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.placed = placed
        self.named = named


_REFUSALS: Final = (TypeError, ValueError, AttributeError)


def _described(describe: Callable[..., Call[T]], arguments: _Arguments) -> Call[T]:
    """Describe a call.

    Raises:
        TypeError: An argument is missing, unknown or of a wrong type.
        ValueError: An argument is no id.
    """
    try:
        return describe(None, *arguments.placed, **arguments.named)
    except _REFUSALS as failed:
        # Not that error: the variables of its frame are the arguments, such as a password.
        kind = next(kind for kind in _REFUSALS if isinstance(failed, kind))
        refused = kind(str(failed))
    raise refused


class _Text(str):
    """An annotation that is shown as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _answer_of(describe: Callable[..., Any]) -> str:
    return _CALL.sub(r"\1", describe.__annotations__["return"])


def _dressed(
    function: Callable[..., Any], describe: Callable[..., Any], answer: str
) -> Callable[..., Any]:
    """Give a function the name, the text and the signature of what it does."""
    functools.update_wrapper(function, describe)
    function.__annotations__ = {**describe.__annotations__, "return": answer}
    signature = inspect.signature(describe)
    parameters = [
        one if one.annotation is one.empty else one.replace(annotation=_Text(one.annotation))
        for one in signature.parameters.values()
    ]
    function.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=_Text(answer)
    )
    return function
