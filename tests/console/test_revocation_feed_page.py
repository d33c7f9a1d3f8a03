"""Who listens to the feed of revocations, as the operator and the managers of projects see it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from satmint.flows.credentials import create_api_token, delete_api_token
from satmint.flows.revocation_listener import RevocationListener
from satmint.flows.revoke import revoke_session
from satmint.model.permissions import Permission
from tests.console.shown import text_of
from tests.console.visitor import visiting
from tests.kit.polling import until
from tests.kit.service import ORIGIN, Server, Tenant, a_service

PAGE = "/console/revocation-feed"
PATIENCE_SECONDS = 20.0


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server whose feed is read."""
    async with a_service(tmp_path) as server:
        running = asyncio.ensure_future(server.service.gateway.run())
        try:
            yield server
        finally:
            running.cancel()


async def listen(
    server: Server, tenant: Tenant, name: str, address: str | None
) -> tuple[UUID, RevocationListener]:
    """A listener with an API token of its own, which has read how its feed begins."""
    services, permissions = server.services, frozenset({Permission.INTROSPECT})
    token, _ = await create_api_token(services, tenant.id, name, permissions, ORIGIN)
    hub = server.service.gateway.revocation_hub
    listener = await hub.listen(tenant.id, token.id, None, address)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await listener.next(PATIENCE_SECONDS)
    return token.id, listener


async def revoke(server: Server, tenant: Tenant) -> None:
    """End a session, and wait until the listeners of the project have something to read."""
    pair = await server.sign_in("alice")
    await revoke_session(server.services, tenant.id, server.claims(pair["token"]).sid, ORIGIN)
    hub = server.service.gateway.revocation_hub
    await until(
        lambda: any(one.pending for one in hub.listeners if one.project == tenant.id),
    )


def row(page: str, name: str) -> str:
    """The text of the row with the name of an API token."""
    found = [one for one in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if name in one]
    assert len(found) == 1, (name, page)
    return " ".join(re.sub(r"<[^>]*>", " ", found[0]).split())


async def test_operator_sees_every_listener_and_a_manager_those_of_the_project(
    server: Server,
) -> None:
    other = await server.another_tenant()
    _, mine = await listen(server, server.tenant, "door <b>lock</b>", "192.0.2.7")
    _, theirs = await listen(server, other, "camera", None)
    async with visiting(server) as operator:
        await operator.sign_in_as_operator()
        page = (await operator.get(PAGE)).text
    assert "192.0.2.7" in row(page, "door &lt;b&gt;lock&lt;/b&gt;")
    assert "unknown" in row(page, "camera")
    assert "up to date" in row(page, "camera")
    async with visiting(server) as manager:
        await manager.sign_in_as_manager(other)
        page = (await manager.get(PAGE)).text
        home = (await manager.get(f"/console/projects/{other.id}/overview")).text
    assert "camera" in page
    assert "192.0.2.7" not in page
    assert "door" not in page
    assert str(server.tenant.id) not in page
    assert f'href="{PAGE}"' in home
    assert re.findall(r'data-label="Listeners"[^>]*>(\d+)', page) == ["1"]
    for one in (mine, theirs):
        one.close()


async def test_listener_that_does_not_read_is_behind_and_then_counted_as_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, listener = await listen(server, server.tenant, "slow", "192.0.2.7")
    async with visiting(server) as operator:
        await operator.sign_in_as_operator()
        await revoke(server, server.tenant)
        assert "1 wait" in row((await operator.get(PAGE)).text, "slow")
        assert listener.behind_seconds > 0
        assert "satmint_revocation_listener_delay_seconds 0.0\n" not in await server.scrape()
        # It is on its way now, and has arrived when the client asks for more.
        await listener.next(PATIENCE_SECONDS)
        assert "up to date" not in row((await operator.get(PAGE)).text, "slow")
        await listener.next(0)
        assert row((await operator.get(PAGE)).text, "slow").endswith("up to date 1 0")
        assert listener.behind_seconds == 0
        monkeypatch.setattr("satmint.flows.revocation_listener.MAX_PENDING", 0)
        hub = server.service.gateway.revocation_hub
        pair = await server.sign_in("alice")
        sid = server.claims(pair["token"]).sid
        await revoke_session(server.services, server.tenant.id, sid, ORIGIN)
        await until(lambda: not hub.listeners)
        assert "Nobody listens" in text_of(await operator.get(PAGE))
        again = await hub.listen(server.tenant.id, token, None)
        assert row((await operator.get(PAGE)).text, "slow").endswith(" 1")
        await delete_api_token(server.services, server.tenant.id, token, ORIGIN)
        assert "deleted" in text_of(await operator.get(PAGE))
    again.close()


async def test_page_says_how_old_the_last_read_is(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with visiting(server) as operator:
        await operator.sign_in_as_operator()
        assert "nobody listens" in text_of(await operator.get(PAGE))
        _, listener = await listen(server, server.tenant, "door", None)
        assert re.search(r"up to date \d\.\d s ago 1", text_of(await operator.get(PAGE)))
        monkeypatch.setattr("satmint.flows.revocation_hub._FRESH_SECONDS", -1)
        assert "behind: no heartbeats" in text_of(await operator.get(PAGE))
        server.service.gateway.revocation_hub.suspend()
        page = text_of(await operator.get(PAGE))
        assert "not read yet never" in page or "behind" in page  # or the task has read again
    listener.close()
