"""Maps tables to the record classes of `satmint.model`."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

from satmint.store.sql.port import Row, placeholders, read_optional_uuid, read_uuid

T = TypeVar("T")


class Table(Generic[T]):
    """A table with one column for each field of a record class, of the same name.

    The column of a UUID has `_id` appended; a set or tuple is stored as words separated by spaces.
    """

    def __init__(self, name: str, record: type[T], **renamed: str) -> None:
        """Prepare the SQL.

        Args:
            name: The table's name.
            record: The record class.
            renamed: Column names by field, where the rule above does not apply.
        """
        hints = {
            field: hint
            for field, hint in get_type_hints(record).items()
            if get_origin(hint) is not ClassVar
        }
        columns = {
            field: renamed.get(field, f"{field}_id" if hint in (UUID, UUID | None) else field)
            for field, hint in hints.items()
        }
        self._record = record
        self._fields = tuple(columns)
        self._columns = tuple(columns.values())
        self._readers = [_reader(hint) for hint in hints.values()]
        self.columns = ", ".join(columns.values())
        self.select = f"SELECT {self.columns} FROM {name}"
        self.insert = f"INSERT INTO {name} ({self.columns}) VALUES ({placeholders(len(columns))})"

    def build(self, row: Row) -> T:
        """Build the record from a row that has `columns`, among others."""
        return self.build_in_order([row[column] for column in self._columns])

    def build_in_order(self, row: Row) -> T:
        """Build the record from a row that begins with `columns`: in a third of the time."""
        return self._record(
            *[
                value if read is None else read(value)
                for read, value in zip(self._readers, row, strict=False)
            ]
        )

    def values(self, record: T) -> list[object]:
        """The arguments of `insert` for a record."""
        return [stored(getattr(record, field)) for field in self._fields]


def stored(value: object) -> object:
    """A field's value as stored in its column."""
    match value:
        case StrEnum():
            return str(value)
        case frozenset():
            return " ".join(sorted(value))
        case tuple():
            return " ".join(value)
        case _:
            return value


def _reader(
    hint: Any,  # noqa: ANN401 - a type or a generic alias
) -> Callable[[Any], object] | None:
    """A function from a column's value to a field of this type; None: the value is the field."""
    if hint is UUID:
        return read_uuid
    if hint == UUID | None:
        return read_optional_uuid
    words = get_origin(hint)
    if words in (frozenset, tuple):
        (of, *_) = get_args(hint)
        return lambda text: words([of(word) for word in text.split()])
    if hint is bool or (isinstance(hint, type) and issubclass(hint, StrEnum)):
        return hint
    return None
