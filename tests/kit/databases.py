"""Every database that the service runs on, for tests that are to hold on each of them."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from satmint.store.sqlite.maintenance import migrate_file
from tests.kit.clock import NOW
from tests.kit.emptying import emptied
from tests.kit.postgres import ISOLATIONS, the_server

SQLITE: Final = "sqlite"
DATABASES: Final = (SQLITE, *(f"postgres, {isolation}" for isolation in ISOLATIONS))


async def fresh_database(kind: str, folder: Path) -> str:
    """The URL of one without a row in it; a file in `folder`, if it is a file.

    Tests share those of PostgreSQL, one after the other: what another call returned is the same.
    """
    if kind == SQLITE:
        return f"sqlite:///{fresh_file(folder / 'satmint.db')}"
    return await emptied(the_server().shared_database(kind.removeprefix("postgres, ")))


def fresh_file(path: Path) -> Path:
    """The SQLite database at `path`: if there is none, one of the present schema, without a row.

    It is a copy, which takes a quarter of the time that its migrations take.
    """
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_schema())
    return path


@cache
def _schema() -> bytes:
    """The file to copy others from."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "schema.db"
        migrate_file(path, NOW)
        return path.read_bytes()
