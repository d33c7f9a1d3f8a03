"""What both databases of a copy have in common."""

import re
from functools import cache
from typing import Final

from satmint.store.contract.copying import NOT_COPIED, CopiedRow, CopiedTable
from satmint.store.sql.migrations import migrations_of

_CREATE: Final = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)

# A file of an early version has NULL where PostgreSQL requires a value. Such a session's subscriber
# was deleted, and no epoch is -1; `first_until` stood for `lives_until`.
_DEFAULTS: Final = {"subscriber_epoch": -1}
_STAND_INS: Final = {"first_until": "lives_until"}


@cache
def copied_tables() -> tuple[str, ...]:
    """The names of all tables of satmint that are copied: other tables are somebody else's."""
    names = {
        name for migration in migrations_of("sqlite") for name in _CREATE.findall(migration.sql)
    }
    return tuple(sorted(names - NOT_COPIED))


def select_rows(table: CopiedTable, collation: str, placeholders: tuple[str, ...]) -> str:
    """The query of all rows in order.

    Args:
        table: The table.
        collation: Appended to each column of the key that is a text.
        placeholders: Of the key after which it begins; empty: it begins with the first row.
    """
    key = _ordered_key(table, collation)
    after = f" WHERE ({', '.join(key)}) > ({', '.join(placeholders)})" if placeholders else ""
    return f"{_select(table)}{after} ORDER BY {', '.join(key)}"


def select_last_row(table: CopiedTable, collation: str) -> str:
    """The query of the row with the greatest primary key."""
    backwards = ", ".join(f"{column} DESC" for column in _ordered_key(table, collation))
    return f"{_select(table)} ORDER BY {backwards} LIMIT 1"


def _select(table: CopiedTable) -> str:
    return f"SELECT {', '.join(table.columns)} FROM {table.name}"


def _ordered_key(table: CopiedTable, collation: str) -> list[str]:
    types = dict(zip(table.columns, table.types, strict=True))
    is_text = {name: types[name].lower() == "text" for name in table.key}
    return [f"{name}{collation if is_text[name] else ''}" for name in table.key]


def without_nulls(table: CopiedTable, rows: list[CopiedRow]) -> list[CopiedRow]:
    """Rows of sessions with values where only a file of an early version has none."""
    if table.name != "sessions":
        return rows
    places = {name: place for place, name in enumerate(table.columns)}
    checked = tuple(places[name] for name in (*_DEFAULTS, *_STAND_INS))
    return [
        _completed(row, places) if any(row[place] is None for place in checked) else row
        for row in rows
    ]


def _completed(row: CopiedRow, places: dict[str, int]) -> CopiedRow:
    values = list(row)
    for name, value in _DEFAULTS.items():
        if values[places[name]] is None:
            values[places[name]] = value
    for name, other in _STAND_INS.items():
        if values[places[name]] is None:
            values[places[name]] = values[places[other]]
    return tuple(values)
