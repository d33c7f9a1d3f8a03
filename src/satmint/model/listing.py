"""Pages of lists: the requested part, and the result."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from satmint.model.records import AddressType

T = TypeVar("T")

Position = tuple[int | str, UUID]
"""The sort value and the id of a row of a list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list.

    A page examines a bounded number of rows. If a filter discards most of them, the page has fewer
    items than requested, or none, and the list continues nevertheless.
    """

    items: Sequence[T]
    more_before: bool
    more_after: bool
    continue_after: Position | None = field(default=None, kw_only=True)
    """Where the next page starts; None: after the last item."""
    continue_before: Position | None = field(default=None, kw_only=True)
    """Where the previous page ends; None: before the first item."""


@dataclass(frozen=True, slots=True)
class BoundedCount:
    """How many rows match, counted up to a limit."""

    value: int
    is_exact: bool
    """Whether there are no more than `value`; otherwise there are at least that many."""


class SortBy(StrEnum):
    """Sort keys of lists; ties are broken by id."""

    CREATED_AT = "created_at"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A position in a list: the row at which a page starts.

    It names the row by its sort value and id, so a page is stable while rows are added and removed.
    """

    value: int | str
    id: UUID
    backwards: bool = False
    """Whether the page ends just before this row instead of starting just after it."""


@dataclass(frozen=True, slots=True)
class Window:
    """The requested part of a list."""

    size: int
    anchor: Anchor | None = None
    sort_by: SortBy = SortBy.CREATED_AT
    descending: bool = False


@dataclass(frozen=True, slots=True)
class AddressFilter:
    """The requested addresses; None matches any value."""

    type: AddressType | None = None
    name: str | None = None
    display_name: str | None = None
    subscriber: UUID | None = None
    only: frozenset[UUID] | None = None
    """None for all. A guest sees only the addresses that its token names."""
