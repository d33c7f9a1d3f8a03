"""PostgreSQL for those who keep their data there: a server of their own each, on a real disk.

It is configured as it comes, which is the same for all of them: every commit waits for the disk.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.kit.postgres import PostgresServer, execute

from benchmarks.machine import filesystem_of, is_in_memory
from benchmarks.processes import reason_of

DURABLE: Final = "fsync, synchronous_commit=on"

_NOBODY: Final = "nobody"
_CONFIGURATION: Final = "\nlisten_addresses = ''\n"
_ENTER: Final = 0o001


class NoPostgres(Exception):
    """There is none here, or none that would be durable. The message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL server that runs."""

    server: PostgresServer

    @property
    def pid(self) -> int:
        """The process whose children are all of it."""
        return self.server.pid

    @property
    def version(self) -> str:
        """Such as «18.1»."""
        [[version]] = execute(self.server.url("postgres"), "SHOW server_version")
        return str(version)

    def new_database(self) -> str:
        """The URL of an empty database."""
        return self.server.new_database(template="template0")

    def environment(self, url: str) -> Mapping[str, str]:
        """The same for drivers that read the variables of libpq."""
        parts = urlsplit(url)
        [folder] = parse_qs(parts.query)["host"]
        return {
            "PGHOST": folder,
            "PGUSER": parts.username or "",
            "PGDATABASE": parts.path.lstrip("/"),
        }


@contextmanager
def postgres(place: Path) -> Iterator[Cluster]:
    """A server with its files in `place`, or in the system's folder for such things.

    Raises:
        NoPostgres: there are no programs of it, or only a file system in memory.
    """
    data: Path | None = place / "postgres" / "data"
    if os.geteuid() == 0:
        # It refuses to run as root, so somebody else must get at its files.
        if all(folder.stat().st_mode & _ENTER for folder in place.resolve().parents):
            place.chmod(0o755)
            (place / "postgres").mkdir()
            shutil.chown(place / "postgres", _NOBODY)
        else:
            data = None
    else:
        (place / "postgres").mkdir()
    try:
        server = PostgresServer(data, _CONFIGURATION)
    except (AssertionError, subprocess.CalledProcessError) as missing:
        raise NoPostgres(reason_of(missing)) from missing
    try:
        filesystem = filesystem_of(data or server.folder)
        if is_in_memory(filesystem):
            raise NoPostgres(f"its files would be on {filesystem}, and nothing durable")
        yield Cluster(server)
    finally:
        server.stop()
