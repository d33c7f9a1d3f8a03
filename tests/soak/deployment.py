"""A database, a keyring, some projects, and servers on them, which can be killed."""

import asyncio
import itertools
import os
import resource
import signal
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from satmint.flows.credentials import create_api_token
from satmint.flows.projects import create_project
from satmint.maintenance import init_keyring, open_services
from satmint.model.clock import SystemClock
from satmint.model.entropy import SystemEntropy
from satmint.model.permissions import Permission
from satmint.settings import Settings
from tests.kit import forked
from tests.kit.dev import clean_environment
from tests.kit.service import ORIGIN
from tests.soak.server_process import START_SECONDS, ServerProcess

MAIN: Final = "proof"
"""The project of the crowd."""
SETTINGS: Final[Mapping[str, str]] = {
    "SATMINT_FAILURES_PER_MINUTE": "1000000000",
    "SATMINT_PRIVATE_WEBHOOKS": "true",
}


class Deployment:
    """The servers of one database. Callers ask any of them; they wait for `up` if none listens."""

    def __init__(
        self,
        folder: Path,
        database: str,
        workers: int,
        tenants: Mapping[str, str],
        settings: Mapping[str, str] | None = None,
        clocks: Sequence[int | None] = (None,),
        pooled: str = "",
    ) -> None:
        """Prepare one.

        Args:
            folder: Where the keyring is.
            database: Its URL.
            workers: The number of processes of each server.
            tenants: By the name of a project: `Authorization` of its backend.
            settings: Variables of the servers' environment, beside `SETTINGS`.
            clocks: For each server: the seconds that its clock is ahead; None: it cannot be set.
            pooled: The database's URL through a pooler in transaction mode, for the servers.
        """
        self.database = database
        self.tenants = tenants
        self.authorization = tenants[MAIN]
        self.folder = folder
        self.up = asyncio.Event()
        env = {**SETTINGS, **(settings or {})}
        if pooled:
            env["SATMINT_DATABASE_POOLER"] = "true"
        self.servers = [
            ServerProcess(folder, pooled or database, workers, env, f"serve-{number}", clock)
            for number, clock in enumerate(clocks)
        ]
        self._turns = itertools.count()

    @classmethod
    async def make(
        cls,
        folder: Path,
        database: str,
        workers: int,
        names: Sequence[str] = (MAIN,),
        settings: Mapping[str, str] | None = None,
        clocks: Sequence[int | None] = (None,),
        pooled: str = "",
    ) -> Self:
        """Servers that are not started yet, on an empty database with projects of these names."""
        init_keyring(folder / "keyring.json", SystemClock(), SystemEntropy())
        tenants = {}
        opened = Settings(
            database=database,
            database_without_fsync=True,
            keyring=str(folder / "keyring.json"),
        )
        async with open_services(opened, create=True) as services:
            for name in names:
                project = await create_project(services, name)
                _, secret = await create_api_token(
                    services, project.id, name, frozenset(Permission), ORIGIN
                )
                credentials = f"{project.id}:{secret.reveal()}".encode()
                tenants[name] = f"Basic {b64encode(credentials).decode()}"
        return cls(folder, database, workers, tenants, settings, clocks, pooled)

    @property
    def urls(self) -> Sequence[str]:
        """Where its servers listen."""
        return [server.url for server in self.servers]

    @property
    def url(self) -> str:
        """Where one of them listens: each time it is another one's turn."""
        return self.servers[next(self._turns) % len(self.servers)].url

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of one of satmint's commands."""
        where = () if arguments[0] == "keys" else ("--database", self.database)
        done = forked.run(
            [*arguments, *where],
            timeout=2 * START_SECONDS,
            text=True,
            cwd=self.folder,
            env=clean_environment(),
        )
        return done.returncode, done.stdout, done.stderr

    async def start(self) -> None:
        """Start the servers; callers go on once they listen."""
        await asyncio.gather(*(asyncio.to_thread(server.start) for server in self.servers))
        self.up.set()

    def processes(self) -> list[int]:
        """The processes of all servers; of one that has several, its parent comes first."""
        return [process for server in self.servers for process in server.processes()]

    def crew(self) -> list[int]:
        """Those of them that answer requests."""
        return [process for server in self.servers for process in server.workers()]

    def kill(self) -> None:
        """`kill -9` for all of it."""
        self.up.clear()
        for server in self.servers:
            server.kill()

    def kill_worker(self, process: int) -> None:
        """`kill -9` for one of several workers, in whose place another one comes."""
        _signal(process, signal.SIGKILL)

    def pause(self, process: int) -> None:
        """Stop one process where it is."""
        _signal(process, signal.SIGSTOP)

    def resume(self, process: int) -> None:
        """Let it go on."""
        _signal(process, signal.SIGCONT)

    def fill_disk(self) -> None:
        """No file of a server can grow any more."""
        for server in self.servers:
            server.limit_files(0)

    def empty_disk(self) -> None:
        """They can."""
        for server in self.servers:
            server.limit_files(resource.RLIM_INFINITY)

    def stop(self) -> None:
        """End it in good order."""
        self.up.clear()
        for server in self.servers:
            server.stop()

    def bugs(self) -> list[dict[str, Any]]:
        """Lines of the logs that tell of a failure that is a server's own."""
        return [line for server in self.servers for line in server.bugs()]


def _signal(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)
