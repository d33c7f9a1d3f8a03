"""Whole deployments for `satmint doctor`: a server with TLS, its keyring, and its public names."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import trustme

from satmint.doctor.examination import ExaminationContext, examine
from satmint.doctor.finding import Finding, Level
from satmint.settings import Settings
from satmint.settings_sources import absolute_paths, load_settings, parse_text
from tests.kit.dev import clean_environment
from tests.kit.forked import run
from tests.kit.ports import free_port
from tests.kit.serving import ServeProcess, running_serve

NAMES: Final = ("fabric.localhost", "puc.localhost", "localhost", "127.0.0.1")
OF_THE_MACHINE: Final = frozenset(
    {"disk.file_system", "disk.fsync", "disk.data_space", "disk.keyring_space"}
)
"""Checks whose result depends on where the tests run."""
_CA: Final = trustme.CA()


@dataclass(frozen=True)
class SetUp:
    """A deployment in a folder."""

    folder: Path
    options: dict[str, str]
    """The settings of its server, as options."""

    @property
    def settings(self) -> Settings:
        """The settings, with absolute paths."""
        there = {"keyring": str(self.folder / "keyring.json"), **self.options}
        names = {name.replace("-", "_"): value for name, value in there.items()}
        return absolute_paths(
            load_settings({name: parse_text(name, value) for name, value in names.items()}, {})
        )

    @property
    def arguments(self) -> list[str]:
        """The options of a command line."""
        return [word for name, value in self.options.items() for word in (f"--{name}", value)]

    @property
    def files(self) -> list[str]:
        """The names in its folder."""
        return sorted(path.name for path in self.folder.iterdir())

    def content(self, name: str) -> bytes:
        """The content of a file in its folder."""
        return (self.folder / name).read_bytes()

    def changed(self, **options: str) -> "SetUp":
        """The same with other settings: what an operator has set wrongly."""
        more = {name.replace("_", "-"): value for name, value in options.items()}
        return replace(self, options={**self.options, **more})

    def satmint(self, *arguments: str) -> str:
        """The standard output of a command that succeeds."""
        done = run(list(arguments), text=True, cwd=self.folder, env=clean_environment())
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    @contextmanager
    def serving(self) -> Iterator[ServeProcess]:
        """Its server, once it answers."""
        with running_serve(self.folder, *self.arguments) as server:
            server.wait_for("listening")
            yield server

    async def examine(self) -> "Findings":
        """What `satmint doctor` finds."""
        context = ExaminationContext({}, self.folder / "ca.pem")
        return Findings(await examine(self.settings, context=context))


@dataclass(frozen=True)
class Findings:
    """The findings of an examination."""

    all: Sequence[Finding]

    @property
    def bad(self) -> dict[str, Level]:
        """Those above `ok` that do not depend on the machine."""
        levels = (Level.ERROR, Level.WARNING)
        return {
            one.check: one.level
            for one in self.all
            if one.level in levels and one.check not in OF_THE_MACHINE
        }

    def of(self, check: str) -> Finding:
        """The only finding of a check."""
        (found,) = [one for one in self.all if one.check == check]
        return found

    def assert_found(self, check: str, level: Level, said: str, remedy: str) -> None:
        """Assert that a check has found something, and names the remedy."""
        found = self.of(check)
        assert found.level is level, found
        assert said in found.summary, found
        assert remedy in found.remedy, found


def make_set_up(folder: Path, database: str = "", **options: str) -> SetUp:
    """Make a deployment without fault; its server is not started.

    Args:
        folder: An empty folder.
        database: The URL of its database. Default: a file in the folder.
        options: Other settings.
    """
    port, admin_port = free_port(), free_port()
    write_certificate(folder, *NAMES)
    _CA.cert_pem.write_to_path(folder / "ca.pem")
    made = SetUp(
        folder,
        {
            "database": database or f"sqlite:///{folder}/satmint.db",
            "port": str(port),
            "admin-port": str(admin_port),
            "tls-cert": str(folder / "cert.pem"),
            "tls-key": str(folder / "key.pem"),
            "public-url": f"https://fabric.localhost:{port}",
            "cluster-host": f"puc.localhost:{port}",
            "gateway-connections": "100",
            "database-without-fsync": "false",
        },
    ).changed(**options)
    made.satmint("keys", "init")
    made.satmint("db", "migrate", "--database", made.options["database"])
    return made


def write_certificate(
    folder: Path, *names: str, not_before: datetime | None = None, not_after: datetime | None = None
) -> None:
    """Write `cert.pem` and `key.pem`, signed by the authority in `ca.pem`."""
    issued = _CA.issue_cert(*names, not_before=not_before, not_after=not_after)
    issued.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))


@asynccontextmanager
async def running_tls_proxy(
    set_up: SetUp,
    upstream: int,
    *,
    forwards: bool = True,
    client: str = "127.0.0.1",
    metrics: int | None = None,
) -> AsyncIterator[int]:
    """A proxy that terminates TLS, and passes on all requests but upgrades; yields its port.

    Args:
        set_up: Whose certificate it has.
        upstream: The port to which it forwards.
        forwards: Whether it sends the address of the client.
        client: That address.
        metrics: The port to which `/metrics` goes.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(set_up.folder / "cert.pem", set_up.folder / "key.pem")

    forwarding: set[asyncio.Task[None]] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = [
                line
                for line in head.split(b"\r\n")[:-2]
                if not line.lower().startswith((b"upgrade:", b"connection:"))
            ]
            lines.append(b"Connection: close")
            if forwards:
                lines.append(f"X-Forwarded-For: {client}".encode())
            is_metrics = metrics is not None and b" /metrics " in lines[0]
            theirs, ours = await asyncio.open_connection(
                "127.0.0.1", metrics if is_metrics else upstream
            )
            try:
                ours.write(b"\r\n".join([*lines, b"", b""]))
                writer.write(await theirs.read())
                await writer.drain()
            finally:
                await _closed(ours)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            await _closed(writer)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(forward(reader, writer))
        forwarding.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*forwarding)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def as_json(findings: Findings) -> str:
    """All findings as text, to look for secrets."""
    return json.dumps(msgspec.to_builtins([msgspec.to_builtins(one) for one in findings.all]))
