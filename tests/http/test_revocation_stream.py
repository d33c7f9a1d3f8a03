"""The feed of revocations on a socket: its events, its heartbeats, and how it ends."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from satmint.flows.credentials import create_api_token, delete_api_token
from satmint.model.permissions import Permission
from satmint.server import Server as HttpServer
from tests.http.answer_contract import plain
from tests.kit.listening import serving
from tests.kit.polling import until
from tests.kit.service import ORIGIN, Server, a_service

PATH: Final = "/api/satmint/revocations"
PATIENCE_SECONDS: Final = 20.0


class Event(NamedTuple):
    """One event as it was received."""

    name: str
    data: dict[str, Any]
    id: str | None


class Site(NamedTuple):
    """A server on a socket."""

    server: Server
    http: HttpServer
    port: int


class Stream:
    """A client of the feed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        """The head of the response."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def event(self) -> Event | None:
        """The next event, which is one chunk; None at the end of the body."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            text = (await self.reader.readexactly(size)).decode()
            await self.reader.readexactly(2)
        if not text:
            return None
        lines = dict(line.split(": ", 1) for line in text.strip().split("\n"))
        assert text.endswith("\n\n")
        return Event(lines["event"], json.loads(lines["data"]), lines.get("id"))

    async def named(self, name: str) -> Event:
        """The next event with this name."""
        while True:
            event = await self.event()
            assert event is not None
            if event.name == name:
                return event


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr("satmint.http.revocation_events.HEARTBEAT_SECONDS", 0.05)
    async with a_service(tmp_path) as server, serving(server.app) as (port, http):
        running = asyncio.ensure_future(server.service.gateway.run())
        try:
            yield Site(server, http, port)
        finally:
            running.cancel()


@asynccontextmanager
async def listening_to(
    site: Site, query: str = "", *, secret: str | None = None, line: str = ""
) -> AsyncIterator[Stream]:
    user = f"{site.server.tenant.id}:{secret or site.server.tenant.api_token}"
    stream = Stream(*await asyncio.open_connection("127.0.0.1", site.port))
    stream.writer.write(
        f"GET {PATH}{query} HTTP/1.1\r\nHost: x\r\n{line}"
        f"Authorization: Basic {b64encode(user.encode()).decode()}\r\n\r\n".encode()
    )
    try:
        yield stream
    finally:
        stream.writer.close()


async def revoke(site: Site) -> str:
    """End a session; returns its id."""
    server = site.server
    claims = server.claims((await server.sign_in("alice"))["token"])
    path = f"/api/satmint/sessions/{claims.sid}"
    assert (await server.client.delete(path, auth=server.tenant.auth)).status_code == 204
    return str(claims.sid)


async def test_feed_begins_and_tells_and_goes_on_from_its_cursor(site: Site) -> None:
    async with listening_to(site) as stream:
        head = await stream.head()
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"content-type: text/event-stream\r\n" in head
        assert b"cache-control: no-store\r\n" in head
        start = await stream.event()
        assert start is not None
        assert (start.name, start.data) == ("start", {})
        assert (await stream.named("heartbeat")).id is not None
        ended = await revoke(site)
        event = await stream.named("revoked")
        assert event.data == {
            "type": "session",
            "id": ended,
            "at": site.server.clock.now(),
            "reason": "session_revoked",
        }
        assert event.id is not None
    missed = await revoke(site)
    for query, line in (
        (f"?after={event.id}", ""),
        ("", f"Last-Event-ID: {event.id}\r\n"),
        ("?after=x", f"Last-Event-ID: {event.id}\r\n"),
    ):
        async with listening_to(site, query, line=line) as stream:
            await stream.head()
            resumed = await stream.event()
            assert resumed is not None
            assert (resumed.name, resumed.id) == ("resumed", None)
            while (found := await stream.named("revoked")).data["id"] != missed:
                pass
            assert found.id is not None
    async with listening_to(site, "?after=x") as stream:
        await stream.head()
        reset = await stream.event()
        assert reset is not None
        assert (reset.name, reset.data) == ("reset", {})
        assert reset.id is not None


async def test_feed_ends_when_the_api_token_is_deleted(site: Site) -> None:
    services, project = site.server.services, site.server.tenant.id
    permissions = frozenset({Permission.INTROSPECT})
    made, secret = await create_api_token(services, project, "verifier", permissions, ORIGIN)
    async with listening_to(site, secret=secret.reveal()) as stream:
        await stream.head()
        await stream.named("heartbeat")
        await delete_api_token(services, project, made.id, ORIGIN)
        # By the clock of the server, for which the token is cached for up to a second.
        site.server.clock.advance(2)
        while await stream.event() is not None:
            pass
    assert not site.server.service.gateway.revocation_hub.listeners


async def test_feed_ends_when_the_server_stops(site: Site) -> None:
    async with listening_to(site) as stream:
        await stream.head()
        await stream.named("start")
        stopping = asyncio.ensure_future(site.http.stop())
        while await stream.event() is not None:
            pass
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await stream.reader.read() == b""
            await stopping
    assert not site.server.service.gateway.revocation_hub.listeners


async def test_client_that_leaves_listens_no_longer(site: Site) -> None:
    hub = site.server.service.gateway.revocation_hub
    async with listening_to(site) as stream:
        await stream.head()
        await stream.named("start")
        scraped = await site.server.scrape()
        assert "satmint_revocation_listeners 1.0" in scraped
        assert 'satmint_revocation_feeds_total{outcome="start"} 1.0' in scraped
    await until(lambda: not hub.listeners)


async def test_head_request_leaves_no_listener(site: Site) -> None:
    tenant = site.server.tenant
    answer = await site.server.client.head(PATH, auth=tenant.auth)
    assert (answer.status_code, answer.content) == (200, b"")
    assert not site.server.service.gateway.revocation_hub.listeners


async def test_feed_of_a_server_that_cannot_read_the_store_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.flows.revocation_hub.READY_SECONDS", 0.05)
    async with a_service(tmp_path) as server:  # nothing polls
        answer = await server.client.get(PATH, auth=server.tenant.auth)
        plain(answer, 503)
        assert not server.service.gateway.revocation_hub.listeners
