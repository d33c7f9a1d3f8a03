"""PgBouncer in transaction mode in front of a PostgreSQL server of the tests."""

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.kit.apt import install
from tests.kit.polling import wait_until
from tests.kit.postgres import PostgresServer, _as_nobody, _end_with_parent, the_server

_CONFIGURATION: Final = """
[databases]
* = host={server} user=satmint
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
unix_socket_mode = 0777
auth_type = any
pool_mode = transaction
default_pool_size = 6
max_client_conn = 500
server_idle_timeout = 10
logfile = {folder}/log
pidfile = {folder}/pid
"""


@cache
def pgbouncer_program() -> str | None:
    """Its path; installed by apt-get where that is possible. None: there is none."""
    if shutil.which("pgbouncer", path=_path()) is None:
        install("pgbouncer")
    return shutil.which("pgbouncer", path=_path())


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin"


class PgBouncer:
    """A running PgBouncer, reached through a socket in its folder."""

    def __init__(self, server: PostgresServer, more: str = "") -> None:
        """Start it in front of every database of `server`; skips the test if there is none.

        Args:
            server: The server.
            more: Other lines for `pgbouncer.ini`.
        """
        program = pgbouncer_program()
        if program is None:
            pytest.skip("there is no pgbouncer: install Debian's package of that name")
        self._server = server
        self.folder = Path(tempfile.mkdtemp(prefix="satmint-pgbouncer-"))
        self.folder.chmod(0o755)
        if _as_nobody():
            shutil.chown(self.folder, "nobody")
        file = self.folder / "pgbouncer.ini"
        text = _CONFIGURATION.format(server=server.folder, folder=self.folder)
        file.write_text(text + more, encoding="ascii")
        self._process = subprocess.Popen(
            [program, "--quiet", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - it asks the kernel, and no lock of ours
            **_as_nobody(),
        )
        wait_until(self._listens)

    def _listens(self) -> bool:
        assert self._process.poll() is None, (self.folder / "log").read_text()
        return (self.folder / ".s.PGSQL.6432").exists()

    def url(self, url: str) -> str:
        """The same database through it."""
        return url.replace(str(self._server.folder), str(self.folder)) + "&port=6432"

    def stop(self) -> None:
        """End it and remove its files."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def the_pgbouncer() -> PgBouncer:
    """The one in front of the one server of this test session."""
    bouncer = PgBouncer(the_server())
    atexit.register(bouncer.stop)
    return bouncer
