"""Two PostgreSQL servers of which one takes over when the other one dies.

As in docs/high-availability.md: nothing is acknowledged that the standby has not got.
"""

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.kit.polling import wait_until
from tests.kit.postgres import PostgresServer, _as_nobody, execute

_STANDBY: Final = "standby"
PRIMARY_SETTINGS: Final = """
listen_addresses = ''
max_connections = 100
shared_buffers = 32MB
wal_level = replica
synchronous_commit = on
wal_sender_timeout = 2s
"""


class Standby(PostgresServer):
    """Follows a primary from the moment it is made, or is a base backup of it that starts later."""

    def __init__(self, primary: PostgresServer, *, follows: bool = True) -> None:
        self.programs = primary.programs
        self.folder = Path(tempfile.mkdtemp(prefix="satmint-pg-"))
        self.folder.chmod(0o755)
        self._data = self.folder / "data"
        self._databases = 0
        self._process = None
        if _as_nobody():
            shutil.chown(self.folder, "nobody")
        source = f"host={primary.folder} user=satmint application_name={_STANDBY}"
        self._run(
            *(self.programs / "pg_basebackup", "-D", self._data, "-d", source),
            *(("--write-recovery-conf",) if follows else ()),
            *("--checkpoint=fast", "--no-sync"),
        )
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"unix_socket_directories = '{self.folder}'\n")
        if follows:
            self.start()

    def promote(self) -> None:
        """Make it the primary, which waits for no standby: there is none any more."""
        settings = self._data / "postgresql.auto.conf"
        settings.write_text(settings.read_text() + "synchronous_standby_names = ''\n")
        self._run(self.programs / "pg_ctl", "promote", "-D", self._data, "--wait")
        execute(self.url("postgres"), "SELECT pg_reload_conf()")

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd="/", **_as_nobody()
        )
        assert done.returncode == 0, done.stderr


class Couple:
    """A primary, its synchronous standby, and the one URL that servers are given."""

    def __init__(self) -> None:
        self.primary = PostgresServer(configuration=PRIMARY_SETTINGS)
        self.standby = Standby(self.primary)
        execute(
            self.primary.url("postgres"),
            f"ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 ({_STANDBY})'",
            "SELECT pg_reload_conf()",
        )
        wait_until(self.is_synchronous)

    def is_synchronous(self) -> bool:
        """Whether every commit waits for the standby."""
        query = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
        return len(execute(self.primary.url("postgres"), query)) == 1

    def new_database(self) -> str:
        """The URL of another database, on whichever of the two can be written."""
        url = self.primary.new_database()
        hosts = f"{self.primary.folder},{self.standby.folder}"
        return url.replace(str(self.primary.folder), hosts)

    def stop(self) -> None:
        """End both, and remove their files."""
        with contextlib.suppress(ProcessLookupError):
            self.standby.resume()
        self.standby.stop()
        self.primary.stop()
