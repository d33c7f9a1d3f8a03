"""PgBouncer in transaction mode between the servers and PostgreSQL, which can be killed."""

import signal
import subprocess
from typing import Final

from tests.kit.pgbouncer import PgBouncer, pgbouncer_program
from tests.kit.polling import wait_until
from tests.kit.postgres import PostgresServer, _as_nobody, _end_with_parent

_MORE: Final = "server_login_retry = 1\n"
"""Seconds until it tries again where PostgreSQL was down. The default, 15, is longer than what the
soak allows for a recovery, and nothing of satmint's."""


class Pooler(PgBouncer):
    """PgBouncer, which is started again after it was killed."""

    def __init__(self, server: PostgresServer) -> None:
        """Start it in front of every database of `server`; there must be a pgbouncer."""
        super().__init__(server)
        with (self.folder / "pgbouncer.ini").open("a") as file:
            file.write(_MORE)
        self.restart()

    def restart(self) -> None:
        """`kill -9`, and start it with its present configuration."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for name in ("pid", ".s.PGSQL.6432"):
            (self.folder / name).unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [str(pgbouncer_program()), "--quiet", str(self.folder / "pgbouncer.ini")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - it asks the kernel, and no lock of ours
            **_as_nobody(),
        )
        wait_until(self._listens)
