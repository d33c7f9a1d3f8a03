"""A certificate renewed while its server runs, seen by clients on both event loops."""

import asyncio
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import pytest
import uvloop
from cryptography import x509
from structlog.testing import capture_logs
from structlog.typing import EventDict

from satmint.server import certificates
from satmint.server.certificates import ServerCertificate, watch
from tests.kit.certificates import ROOT_CA, Files, issue, issued_in, replace
from tests.kit.polling import until

PATIENCE_SECONDS: Final = 20.0
RENEWAL_SECONDS: Final = 5.0

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on each of the two event loops."""

    async def within(play: Coroutine[Any, Any, None]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await play

    def run(play: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(within(play))

    return run


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return issued_in(tmp_path)


class Echo(asyncio.Protocol):
    """Sends back what it receives."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@asynccontextmanager
async def served(certificate: ServerCertificate) -> AsyncIterator[int]:
    """A server that asks for the TLS context at each connection; yields its port."""
    loop, opened = asyncio.get_running_loop(), list[asyncio.Transport]()

    async def begin_tls(accepted: socket.socket) -> None:
        with suppress(OSError):
            transport, _ = await loop.connect_accepted_socket(
                Echo, accepted, ssl=certificate.context
            )
            opened.append(transport)

    async def accept(listening: socket.socket) -> None:
        async with asyncio.TaskGroup() as handshakes:
            while True:
                accepted, _ = await loop.sock_accept(listening)
                handshakes.create_task(begin_tls(accepted))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        accepting = asyncio.create_task(accept(listening))
        try:
            yield listening.getsockname()[1]
        finally:
            accepting.cancel()
            with suppress(asyncio.CancelledError):
                await accepting
            for transport in opened:
                transport.abort()


class Client:
    """A connection of a client that verifies the certificate."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.tls: ssl.SSLObject = writer.get_extra_info("ssl_object")

    @property
    def leaf(self) -> x509.Certificate:
        found = self.tls.getpeercert(binary_form=True)
        assert found is not None
        return x509.load_der_x509_certificate(found)

    async def echo(self, text: bytes) -> bytes:
        self.writer.write(text)
        return await self.reader.readexactly(len(text))


def client_context(protocols: tuple[str, ...] = ("h2", "http/1.1")) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ROOT_CA.configure_trust(context)
    context.set_alpn_protocols(protocols)
    return context


@asynccontextmanager
async def connected(port: int, context: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context or client_context(), server_hostname="localhost"
    )
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def watched(
    *watched_ones: ServerCertificate,
) -> AsyncIterator[tuple[asyncio.Event, list[ServerCertificate]]]:
    """The watch at work; yields what tells it to look, and the changes that it reports."""
    told, changed = asyncio.Event(), list[ServerCertificate]()
    task = asyncio.create_task(watch(watched_ones, changed.append, told))
    try:
        yield told, changed
    finally:
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Counted(ServerCertificate):
    """Counts how often its files were looked at."""

    looks = 0

    def check(self) -> bool:
        found = super().check()
        self.looks += 1
        return found


class Unchanging(ServerCertificate):
    """On a file system that does not show that files have changed."""

    def check(self) -> bool:
        return False


async def looked_at(certificate: Counted) -> None:
    """Return when the files as they are now were looked at, and what was found was logged."""
    seen = certificate.looks
    # The one that is under way may have begun before; the next one begins after its log line.
    await until(lambda: certificate.looks >= seen + 3)


def events(lines: list[EventDict]) -> list[str]:
    return [line["event"] for line in lines]


def test_new_connections_get_the_renewed_certificate_and_open_ones_go_on(
    run: Run, files: Files
) -> None:
    async def play() -> None:
        certificate = files.read()
        former, renewed = certificate.leaf, issue()
        async with served(certificate) as port, connected(port) as first:
            assert first.leaf == former
            assert await first.echo(b"before") == b"before"
            files.write(renewed)
            assert certificate.check()
            assert await first.echo(b"after" * 10_000) == b"after" * 10_000
            async with connected(port) as second:
                assert second.leaf == renewed.leaf
                assert await second.echo(b"second") == b"second"
                assert await first.echo(b"still") == b"still"
                assert first.leaf == former

    run(play())


def test_broken_files_keep_the_former_certificate_served(run: Run, files: Files) -> None:
    async def play() -> None:
        certificate = files.read()
        former = certificate.leaf
        async with served(certificate) as port:
            for broken in (lambda: files.cert.write_bytes(issue().chain), files.key.unlink):
                broken()
                assert not certificate.check()
                async with connected(port) as client:
                    assert client.leaf == former
                    assert await client.echo(b"x") == b"x"

    run(play())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_in_use_are_spoken(run: Run, files: Files, version: ssl.TLSVersion) -> None:
    async def play() -> None:
        only = client_context()
        only.minimum_version = only.maximum_version = version
        async with served(files.read()) as port, connected(port, only) as client:
            assert client.tls.version() == version.name.replace("_", ".")
            assert await client.echo(b"x") == b"x"

    run(play())


def test_http_1_1_is_the_only_protocol(run: Run, files: Files) -> None:
    async def play() -> None:
        async with served(files.read()) as port:
            async with connected(port) as client:
                assert client.tls.selected_alpn_protocol() == "http/1.1"
            async with connected(port, client_context(("h2",))) as client:
                assert client.tls.selected_alpn_protocol() is None

    run(play())


def test_renewal_is_served_within_five_seconds_of_it(run: Run, files: Files) -> None:
    async def play() -> None:
        certificate = files.read()
        async with served(certificate) as port, watched(certificate) as (_, changed):
            renewed = issue()
            files.write(renewed)
            async with asyncio.timeout(RENEWAL_SECONDS):
                await until(lambda: changed)
                async with connected(port) as client:
                    assert client.leaf == renewed.leaf
        assert changed == [certificate]

    run(play())


def test_hangup_signal_has_the_files_read_at_once(
    run: Run, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "CHECK_SECONDS", 3600.0)

    async def play() -> None:
        certificate = Unchanging(files.cert, files.key)
        async with watched(certificate) as (told, changed):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, told.set)
            for number in (1, 2):
                renewed = issue()
                files.write(renewed)
                os.kill(os.getpid(), signal.SIGHUP)
                await until(lambda number=number: len(changed) == number)  # type: ignore[misc]
                assert certificate.leaf == renewed.leaf
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)

    run(play())


def test_each_change_is_logged_once(
    run: Run, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "CHECK_SECONDS", 0.005)

    async def play() -> None:
        certificate = Counted(files.cert, files.key)
        renewed, other = issue(), issue()
        with capture_logs() as lines:
            async with watched(certificate) as (_, changed):
                await looked_at(certificate)
                assert lines == []
                replace(files.cert, renewed.chain)
                await looked_at(certificate)
                await looked_at(certificate)
                assert lines == [
                    {
                        "event": "certificate_not_reloaded",
                        "log_level": "error",
                        "reason": certificate.stale_reason,
                        "remedy": "install the certificate and the key of one renewal",
                    }
                ]
                replace(files.cert, other.chain)
                await looked_at(certificate)
                await looked_at(certificate)
                assert events(lines) == ["certificate_not_reloaded"] * 2
                assert changed == []
                replace(files.key, other.key)
                await looked_at(certificate)
                await looked_at(certificate)
                assert events(lines) == [*["certificate_not_reloaded"] * 2, "certificate_reloaded"]
                assert changed == [certificate]
        assert lines[-1] == {
            "event": "certificate_reloaded",
            "log_level": "info",
            "cert": str(files.cert),
            "names": ["localhost", "127.0.0.1"],
            "not_after": other.leaf.not_valid_after_utc.isoformat(),
            "serial": f"{other.leaf.serial_number:x}",
        }

    run(play())


def test_who_asks_is_answered_although_nothing_changed(
    run: Run, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "CHECK_SECONDS", 3600.0)

    async def play() -> None:
        certificate = files.read()
        files.key.unlink()
        with capture_logs() as lines:
            async with watched(certificate) as (told, _):
                for number in (1, 2):
                    told.set()
                    await until(lambda number=number: len(lines) == number)  # type: ignore[misc]
        assert events(lines) == ["certificate_not_reloaded"] * 2

    run(play())


def test_one_certificate_that_fails_does_not_hold_back_another(
    run: Run, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "CHECK_SECONDS", 0.005)

    async def play() -> None:
        (tmp_path / "other").mkdir()
        second, renewed = issued_in(tmp_path / "other"), issue()
        failing, other = files.read(), second.read()
        async with watched(failing, other) as (_, changed):
            files.cert.write_bytes(b"no certificate")
            second.write(renewed)
            await until(lambda: changed)
        assert changed == [other]
        assert other.leaf == renewed.leaf
        assert failing.stale is not None

    run(play())


def test_key_is_in_no_log_error_or_repr(
    run: Run, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "CHECK_SECONDS", 0.005)
    keys, texts = [files.key.read_bytes()], list[str]()

    async def play() -> None:
        certificate = Counted(files.cert, files.key)
        with capture_logs() as lines:
            async with watched(certificate):
                for change in ("renewed", "mismatched", "half", "renewed"):
                    pair = issue()
                    keys.append(pair.key)
                    if change != "mismatched":
                        files.key.write_bytes(pair.key[: len(pair.key) // (1 + (change == "half"))])
                    files.cert.write_bytes(pair.chain)
                    await looked_at(certificate)
                    texts.extend(map(repr, (certificate, certificate.stale, vars(certificate))))
                    with suppress(OSError):
                        texts.append(repr(vars(files.read())))
        texts.extend(map(repr, lines))

    run(play())
    for line in {line for key in keys for line in key.decode().splitlines() if line[:5] != "-----"}:
        assert len(line) > 10
        assert not [text for text in texts if line in text]
