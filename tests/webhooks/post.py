"""A dispatcher of webhooks, and a project that has something to be told."""

import asyncio
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from satmint.flows.webhooks import create_webhook
from satmint.model.events import EventKind
from satmint.model.webhooks import Webhook
from satmint.webhooks import DispatchLimits, Sender, WebhookDispatcher
from tests.kit.service import ORIGIN, Server, Tenant


class Post:
    """A dispatcher with what it has counted, and a project's webhook."""

    def __init__(
        self,
        server: Server,
        sender: Sender,
        limits: DispatchLimits | None = None,
    ) -> None:
        self.server = server
        self.outcomes: Counter[str] = Counter()
        self.dispatcher = WebhookDispatcher(
            server.services, sender, lambda one: self.outcomes.update([one]), limits
        )
        self.secret = b""

    async def webhook(self, url: str) -> Webhook:
        project = self.server.tenant.id
        webhook, secret = await create_webhook(self.server.services, project, url, ORIGIN)
        kind, _, text = secret.reveal().partition("_")
        assert kind == "whsec"
        self.secret = b64decode(text)
        return webhook

    async def alert(self, reference: str = "ada") -> str:
        """Have a stolen refresh token come back; returns the session."""
        first = await self.server.sign_in(reference)
        second = await self.server.rotate(first["refresh_token"])
        assert (await self.server.info(second["token"])).status_code == 200
        self.server.clock.advance(60)
        assert (await self.server.refresh(first["refresh_token"])).status_code == 422
        return str(self.server.claims(first["token"]).sid)


@asynccontextmanager
async def a_post(
    server: Server, *, private: bool = True, limits: DispatchLimits | None = None
) -> AsyncIterator[Post]:
    async with Sender(private=private) as sender:
        yield Post(server, sender, limits)


@asynccontextmanager
async def running(post: Post) -> AsyncIterator[None]:
    """Run the dispatcher meanwhile, as a server does; then stop it as one."""
    task = asyncio.create_task(post.dispatcher.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def alert(server: Server, tenant: Tenant, count: int = 1) -> None:
    """Have a project something to be told."""
    services = server.services
    for _ in range(count):
        now = services.clock.now()
        event = services.new_event(EventKind.SESSION_REVOKED, tenant.id, ORIGIN, now)
        await services.store.events.record(event)


async def finish(post: Post) -> None:
    """End the attempts of a dispatcher that was not run."""
    for task in list(post.dispatcher._tasks.values()):
        task.cancel()
    await post.dispatcher._drained()
