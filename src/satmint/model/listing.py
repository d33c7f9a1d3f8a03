"""Parts of lists: which part is wanted, and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from satmint.model.records import AddressType

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list."""

    items: Sequence[T]
    more_before: bool
    more_after: bool


class SortBy(StrEnum):
    """What lists can be ordered by; ties are broken by id."""

    CREATED_AT = "created_at"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in a list: the row from which a page goes on.

    It names the row by its sort value and id, so the page is stable while rows come and go.
    """

    value: int | str
    id: UUID
    backwards: bool = False
    """The page ends just before this row, instead of beginning just after it."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is wanted."""

    size: int
    offset: int = 0
    """Rows to skip; used only where there is no anchor."""
    anchor: Anchor | None = None
    sort_by: SortBy = SortBy.CREATED_AT
    descending: bool = False


@dataclass(frozen=True, slots=True)
class AddressFilter:
    """Which addresses are wanted; None: any."""

    type: AddressType | None = None
    name: str | None = None
    display_name: str | None = None
    subscriber: UUID | None = None
    only: frozenset[UUID] | None = None
    """None: no such limit. A guest sees only the addresses that its token names."""
