"""Options that filter lists, and lists that search until they have found enough."""

import re
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from typing import Annotated, Final, TypeVar
from uuid import UUID

import typer

from satmint.cli.report import UsageError
from satmint.flows.lookup import find_subscriber
from satmint.flows.service_context import ServiceContext
from satmint.model.ids import as_uuid
from satmint.model.listing import Anchor, Page, Position, Window
from satmint.model.refusals import NotFound
from satmint.model.times import read_time

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only of this time or later: RFC 3339, Unix seconds, or how long ago, such as `90s`,"
        " `30m`, `6h` or `2d`.",
    ),
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Only before this time; as for --since.")
]

_AGO: Final = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PAGES: Final = 200
"""How many pages a list searches at most; each examines a bounded number of rows."""


def parse_time(text: str | None, option: str, now: int) -> int | None:
    """Parse the time of an option, in Unix seconds; None for None.

    Raises:
        UsageError: it is not a time.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    found = read_time(text) if ago is None else now - int(ago[1]) * _SECONDS[ago[2]]
    if found is None:
        raise UsageError(f"{option} must be a time such as 2026-12-01T08:30:00Z, or 30m, 6h or 2d")
    return max(found, 0)


def parse_choices(texts: Iterable[str] | None, option: str, kinds: type[E]) -> frozenset[E]:
    """Parse the values of an option that may be given several times, or separated by commas.

    Raises:
        UsageError: one of them is not known.
    """
    named = [one for text in texts or () for one in text.split(",")]
    for one in named:
        if one not in set(kinds):
            known = ", ".join(kind.value for kind in kinds)
            raise UsageError(f"{option} must be one of: {known}")
    return frozenset(kinds(one) for one in named)


async def subscriber_id(services: ServiceContext, project: UUID, text: str) -> UUID:
    """The id of the subscriber with an id or a reference; it may be that of a deleted one.

    Raises:
        NotFound: there is no such subscriber.
    """
    try:
        return (await find_subscriber(services.store, project, text)).id
    except NotFound:
        found = as_uuid(text)
        if found is None:
            raise
        return found


async def search(
    read: Callable[[Window], Awaitable[Page[T]]],
    limit: int,
    position: Callable[[T], Position] | None = None,
) -> tuple[list[T], bool]:
    """The newest items of a list whose pages may have few, and whether there may be more.

    Args:
        read: Reads a page.
        limit: How many items are wanted.
        position: Returns the position of an item; None if each page says where it ends.
    """
    found: list[T] = []
    anchor: Anchor | None = None
    for _ in range(_PAGES):
        page = await read(Window(limit - len(found), anchor, descending=True))
        found += page.items
        if not page.more_after:
            return found, False
        if len(found) == limit:
            break
        end = page.continue_after
        if end is None and position is not None:
            end = position(page.items[-1])
        if end is None:
            raise LookupError("a page does not say where it ends")
        anchor = Anchor(*end)
    return found, True
