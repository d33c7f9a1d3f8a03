"""Every database that the service runs on, for tests that are to hold on each of them."""

from pathlib import Path
from typing import Final

from tests.kit.postgres import ISOLATIONS, emptied, the_server

SQLITE: Final = "sqlite"
DATABASES: Final = (SQLITE, *(f"postgres, {isolation}" for isolation in ISOLATIONS))


async def fresh_database(kind: str, folder: Path) -> str:
    """The URL of one without a row in it; a file in `folder`, if it is a file.

    Tests share those of PostgreSQL, one after the other: what another call returned is the same.
    """
    if kind == SQLITE:
        return f"sqlite:///{folder}/satmint.db"
    return await emptied(the_server().shared_database(kind.removeprefix("postgres, ")))
