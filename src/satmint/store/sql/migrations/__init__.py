"""Schema migrations: `<database>/NNNN_name.sql`, applied in order, all or nothing.

All databases share one numbering: a number stands for one change, and a database that needs nothing
for it has no file of that number. PostgreSQL, whose first migration came later, has no 0002: its
0001 contains both.

During a rolling update, old and new servers run side by side. So a change takes two releases: the
first one adds what the new server needs (expand), a later one removes what only the old one needed
(contract). On PostgreSQL, `-- works with NNNN` in a migration's first line names the oldest schema
version whose servers still work after it; without that line, only its own does. Servers that share
one SQLite file always have the same version.

What SQL cannot compute is done by a step: a function that runs on each database after the SQL of
its migration, in the same transaction. `_STEPS` names it by the topic. The history holds the digest
of the SQL alone: a published step is changed no more than published SQL.
"""

import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from satmint.store.contract import SchemaUnknown
from satmint.store.sql.migrations import reference_keys
from satmint.store.sql.port import Transaction

_WORKS_WITH: Final = re.compile(r"-- works with (\d{4})\b")
_STEPS: Final = {"reference_keys": reference_keys.migrate}


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration."""

    version: int
    name: str
    sql: str
    step: Callable[[Transaction], Coroutine[Any, Any, None]] | None = None
    """What runs after the SQL; None: nothing."""

    @property
    def digest(self) -> str:
        """SHA-256 of its text: an applied migration must not change."""
        return sha256(self.sql.encode()).hexdigest()

    @property
    def works_with(self) -> int:
        """The oldest schema version whose servers still work after it."""
        declared = _WORKS_WITH.match(self.sql)
        return self.version if declared is None else int(declared[1])


@cache
def migrations_of(database: str) -> tuple[Migration, ...]:
    """All migrations of this version of satmint for a database, in order."""
    files = resources.files(__name__).joinpath(database).iterdir()
    texts = {file.name: file.read_text() for file in files if file.name.endswith(".sql")}
    names = [file.removesuffix(".sql") for file in sorted(texts)]
    return tuple(
        Migration(int(name[:4]), name, texts[f"{name}.sql"], _STEPS.get(name[5:])) for name in names
    )


def pending_of(
    known: Sequence[Migration], applied: Iterable[tuple[int, str, int]]
) -> tuple[Migration, ...]:
    """The migrations of `known` that a database lacks.

    Args:
        known: All migrations of this version of satmint.
        applied: The database's migrations: version, digest, and the version that it works with.

    Raises:
        SchemaUnknown: the database has a migration that this version neither knows nor works
            with, or one with a different text.
    """
    pending = {migration.version: migration for migration in known}
    latest = max(pending)
    for version, digest, works_with in applied:
        migration = pending.pop(version, None)
        if migration is None:
            if works_with > latest:
                raise SchemaUnknown(f"schema version {version} is newer than this satmint")
        elif migration.digest != digest:
            raise SchemaUnknown(f"schema version {version} is not the one of this satmint")
    return tuple(pending.values())
