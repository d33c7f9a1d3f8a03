"""Two tenants beside the crowd: one whose webhooks are slow, and one who must not notice.

The bystander signs in, refreshes, goes live, has a webhook that answers at once, and revokes. How
long it waits for each is judged by `promptness`. The slow tenant has as many webhooks as a project
may have; none of them ever answers in time.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final
from uuid import UUID

import msgspec
from websockets.exceptions import WebSocketException

from tests.kit.gateway import Client, connect_to
from tests.kit.slow_endpoints import slow_endpoint
from tests.kit.wire import ISSUE, REFRESH, Lost
from tests.soak.callers import Yard
from tests.soak.history import FOREVER
from tests.soak.http_connection import Line, NotReached
from tests.soak.ledgers import unix_seconds
from tests.soak.promptness import Awaited, Reaction
from tests.soak.waiting import let_pass

BYSTANDER: Final = "bystander"
SLOW: Final = "slow"
WEBHOOKS: Final = "/api/satmint/webhooks"
SESSIONS: Final = "/api/satmint/sessions"
_PAUSE_SECONDS: Final = 0.3
_SLOW_PAUSE_SECONDS: Final = 1.0
_FIRST_BURST: Final = 12
"""Alerts of the slow tenant at the beginning, without a pause."""
_WEBHOOKS_OF_A_PROJECT: Final = 10
"""The most that the server allows."""
_BEHAVIOURS: Final = ("never answers", "trickles headers", "trickles its body")
REVOKED: Final = 4403
"""The code with which a live session ends that was revoked."""

Json = dict[str, Any]


class Tenant:
    """A project's backend: requests one after the other, repeated until they are answered."""

    def __init__(self, yard: Yard, name: str) -> None:
        self._yard = yard
        self._authorization = yard.deployment.tenants[name]
        self._line = Line()
        self._references = itertools.count()
        self.reactions: list[Reaction] = []
        """How long it waited for answers."""

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and answer, as soon as there is one that is not 503."""
        deployment, now = self._yard.deployment, self._yard.recorder.now
        began = now()
        while True:
            await deployment.up.wait()
            try:
                await self._line.connect(deployment.urls, deployment.url)
                self._line.send(method, path, body, self._authorization)
                status, answer = await self._line.answer()
            except (NotReached, Lost):
                status, answer = 503, None
            if status != 503:
                self.reactions.append(
                    Reaction(Awaited.ANSWER, None, began, now(), f"{method} {path}")
                )
                return status, answer
            await let_pass(0.01)

    async def sign_in(self) -> tuple[UUID, Json]:
        """A new session, and its pair."""
        reference = f"guest-{next(self._references)}"
        status, pair = await self.ask("POST", ISSUE, {"reference": reference})
        assert status == 200, (status, pair)
        return self._yard.loupe.sat(pair["token"]).sid, pair

    async def revoke(self, session: UUID) -> int:
        """End a session; returns when that was acknowledged."""
        status, answer = await self.ask("DELETE", f"{SESSIONS}/{session}")
        assert status == 204, (status, answer)
        return self._yard.recorder.now()

    async def add_webhook(self, url: str) -> None:
        """Have alerts sent there, unless the project has as many webhooks as it may have.

        One more than was asked for is there where an answer was lost.
        """
        status, answer = await self.ask("POST", WEBHOOKS, {"url": url})
        assert status in (201, 422), (status, answer)


class Bystander:
    """The tenant who must not notice what is done to others."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._tenant = Tenant(yard, BYSTANDER)
        self._awaited: dict[UUID, int] = {}
        """When the revocation of a session was acknowledged, as long as no alert has come."""
        self._arrived: dict[UUID, int] = {}
        """When an alert came first."""
        self._done: list[Reaction] = []

    @property
    def reactions(self) -> list[Reaction]:
        """All that was waited for; what has not come yet never ends."""
        pending = [
            Reaction(Awaited.ALERT, session, began, FOREVER)
            for session, began in self._awaited.items()
        ]
        return [*self._tenant.reactions, *self._done, *pending]

    @property
    def waiting(self) -> bool:
        """Whether there are alerts to come."""
        return bool(self._awaited)

    async def run(self) -> None:
        """Visit after visit until the soak stops; then wait for the alerts until cancelled."""
        async with _receiver(self._receive) as url:
            await self._tenant.add_webhook(url)
            while not self._yard.stopping:
                await self._visit()
                await let_pass(_PAUSE_SECONDS)
            self._tenant.close()
            while self.waiting:
                await let_pass(_PAUSE_SECONDS)

    async def _visit(self) -> None:
        began = unix_seconds()
        session, pair = await self._tenant.sign_in()
        self._yard.under_way[session] = began
        body = {"refresh_token": pair["refresh_token"]}
        status, answer = await self._tenant.ask("POST", REFRESH, body)
        token = answer["token"] if status == 201 else pair["token"]
        async with self._live(token) as client:
            acknowledged = await self._tenant.revoke(session)
            self._awaited[session] = acknowledged
            self._settle(session)
            if client is not None:
                await self._until_closed(client, session, acknowledged)

    @asynccontextmanager
    async def _live(self, token: str) -> AsyncIterator[Client | None]:
        """A live session; None where there is no server to have one with."""
        async with AsyncExitStack() as stack:
            client = None
            with suppress(OSError, WebSocketException, TimeoutError, AssertionError):
                url = self._yard.deployment.url.replace("http:", "ws:")
                opened = await stack.enter_async_context(connect_to(url))
                await opened.connected(token)
                client = opened
            yield client

    async def _until_closed(self, client: Client, session: UUID, acknowledged: int) -> None:
        ended = FOREVER
        with suppress(TimeoutError):
            if await client.close_code() != REVOKED:
                return  # the server was killed, or went down
            ended = max(acknowledged, self._yard.recorder.now())
        self._done.append(Reaction(Awaited.LIVE_END, session, acknowledged, ended))

    def _receive(self, body: bytes) -> None:
        session = UUID(msgspec.json.decode(body)["data"]["session_id"])
        self._arrived.setdefault(session, self._yard.recorder.now())
        self._settle(session)

    def _settle(self, session: UUID) -> None:
        """Once it is known both when the alert was due and when it came."""
        if session in self._awaited and session in self._arrived:
            began = self._awaited.pop(session)
            ended = max(began, self._arrived[session])
            self._done.append(Reaction(Awaited.ALERT, session, began, ended))
            self._yard.under_way.pop(session, None)


class SlowTenant:
    """The tenant whose endpoints take their time."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._tenant = Tenant(yard, SLOW)

    async def run(self) -> None:
        """Cause alerts until the soak stops."""
        async with AsyncExitStack() as stack:
            stack.callback(self._tenant.close)
            behaviours = itertools.islice(itertools.cycle(_BEHAVIOURS), _WEBHOOKS_OF_A_PROJECT)
            for behaviour in behaviours:
                endpoint = await stack.enter_async_context(slow_endpoint(behaviour))
                await self._tenant.add_webhook(endpoint.url)
            for number in itertools.count():
                if self._yard.stopping:
                    break
                session, _ = await self._tenant.sign_in()
                await self._tenant.revoke(session)
                if number >= _FIRST_BURST:
                    await let_pass(_SLOW_PAUSE_SECONDS)


@asynccontextmanager
async def _receiver(receive: Callable[[bytes], None]) -> AsyncIterator[str]:
    """An endpoint that answers at once; its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                headers = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
                receive(await reader.readexactly(int(headers["content-length"])))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
