"""The live tail of events: order, no gap across a cut, other workers, other projects."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from satmint.console import event_tail
from satmint.console.event_tail import EventTail, EventTails, ExaminedEvents
from satmint.console.session import new_session
from satmint.console.sign_in import is_signed_in
from satmint.console.viewer import Manager
from satmint.console_assembly import console_context
from satmint.flows.credentials import delete_api_token
from satmint.flows.lookup import find_api_token
from satmint.model.entropy import SystemEntropy
from satmint.model.event_filter import EventFilter
from satmint.model.events import EventKind
from satmint.model.refusals import RateLimited
from tests.console.visitor import ADMIN, SOURCES, visiting
from tests.kit.service import ORIGIN, Server

PATIENCE_SECONDS = 20


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_tail, "POLL_SECONDS", 0.01)


@pytest.fixture
def server(server_on_each_store: Server) -> Server:
    return server_on_each_store


@pytest.fixture
async def tails() -> AsyncIterator[EventTails]:
    tails = EventTails()
    yield tails
    assert not tails._followers, "a tail was not closed"


async def _listen(
    tails: EventTails,
    server: Server,
    after: int | None = None,
    kinds: frozenset[EventKind] = frozenset(),
) -> EventTail:
    project = server.tenant.id
    return await tails.listen(server.services, project, EventFilter(kinds=kinds), after)


async def until_end(events: ExaminedEvents) -> None:
    with suppress(StopAsyncIteration):
        while True:
            await events.__anext__()


async def _read(tail: EventTail, count: int) -> tuple[list[dict[str, Any]], int]:
    """At least so many events, and where to go on."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            event = await tail.__anext__()
            if event.event == "events":
                found += json.loads(event.data or "")["events"]
                if len(found) >= count:
                    return found, int(event.id or "")


async def test_tail_tells_new_events_in_order(server: Server, tails: EventTails) -> None:
    await server.sign_in("before")
    tail = await _listen(tails, server)
    other = await _listen(tails, server, kinds=frozenset({EventKind.KEY_ROTATED}))
    tokens = [await server.sign_in(f"user {number}") for number in range(5)]
    found, _ = await _read(tail, 5)
    assert [one["reference"] for one in found] == [f"user {number}" for number in range(5)]
    assert not any(one["token"] in json.dumps(found) for one in tokens)
    assert await _read(other, 0) == ([], other._follower.position)
    await tail.aclose()
    await other.aclose()


async def test_tails_of_one_project_leave_room_for_other_requests(
    server: Server, tails: EventTails
) -> None:
    listening = [await _listen(tails, server) for _ in range(event_tail.MAX_TAILS_PER_PROJECT)]
    with pytest.raises(RateLimited):
        await _listen(tails, server)
    other = await tails.listen(server.services, UUID(int=1), EventFilter())
    await listening.pop().aclose()
    for tail in (other, *listening, await _listen(tails, server)):
        await tail.aclose()


async def test_tails_of_all_projects_leave_room_for_other_requests(
    server: Server, tails: EventTails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_tail, "MAX_TAILS", 2)
    listening = [await tails.listen(server.services, UUID(int=n), EventFilter()) for n in (1, 2)]
    with pytest.raises(RateLimited):
        await _listen(tails, server)
    for tail in listening:
        await tail.aclose()


async def test_nothing_is_missing_across_a_cut(server: Server, tails: EventTails) -> None:
    tail = await _listen(tails, server)
    told: list[str] = []
    for number in range(6):
        await server.sign_in(f"user {number}")
        found, after = await _read(tail, 1)
        told += [one["id"] for one in found]
        await tail.aclose()
        await server.sign_in(f"during the cut {number}")
        worker = tails if number % 2 else EventTails()  # another worker has its own
        tail = await _listen(worker, server, after)
        while len(set(told)) < 2 * (number + 1):
            found, _ = await _read(tail, 1)
            told += [one["id"] for one in found]
    await tail.aclose()
    issued = [one for one in await server.events() if one is EventKind.ISSUED]
    assert len(set(told)) == len(issued) == 12


async def test_too_many_are_skipped_and_said_so(
    server: Server, tails: EventTails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_tail, "MAX_PENDING", 2)
    monkeypatch.setattr(event_tail, "_PAGE_SIZE", 2)
    first = await _listen(tails, server)
    _, after = await _read(first, 0)
    await first.aclose()
    for number in range(5):
        await server.sign_in(f"user {number}")
    tail = await _listen(tails, server, after)
    event = await tail.__anext__()
    data = json.loads(event.data or "")
    assert data["skipped"]
    assert len(data["events"]) == 2
    await tail.aclose()


async def test_more_than_the_rate_are_skipped_and_said_so(
    server: Server, tails: EventTails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_tail, "MAX_RATE", 0)
    tail = await _listen(tails, server)
    await _read(tail, 0)
    rare = await _listen(tails, server, kinds=frozenset({EventKind.SESSION_REVOKED}))
    tokens = await asyncio.gather(*(server.sign_in(f"user {number}") for number in range(20)))
    body = {"token": tokens[3]["token"]}
    revoked = await server.client.post(
        "/api/satmint/tokens/revoke", json=body, auth=server.tenant.auth
    )
    assert revoked.is_success
    told, is_told = 0, False
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_told:
            data = json.loads((await tail.__anext__()).data or "")
            told += len(data["events"])
            is_told = data["skipped"]
    assert 0 < told < 21
    found, _ = await _read(rare, 1)
    assert [one["kind"] for one in found] == ["session_revoked"], "none is hidden by others"
    await tail.aclose()
    await rare.aclose()


async def test_projects_never_see_each_other(server: Server, tails: EventTails) -> None:
    other = await server.another_tenant()
    theirs = await tails.listen(server.services, other.id, EventFilter())
    ours = await _listen(tails, server)
    await server.sign_in()
    await _read(ours, 1)
    await server.services.store.ready()
    found, _ = await _read(theirs, 0)
    assert not found
    assert not theirs._pending
    await ours.aclose()
    await theirs.aclose()


async def test_tail_ends_soon_after_the_api_token_of_its_reader(
    tails: EventTails, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_tail, "EXAMINE_SECONDS", 0.01)
    context = console_context(server.service, ADMIN, "", SOURCES)
    store, project, now = server.services.store, server.tenant.id, server.clock.now()
    token = await find_api_token(store, server.tenant.api_token)
    assert token is not None
    session = new_session(SystemEntropy(), Manager(project, token.id), now)
    events = ExaminedEvents(
        await _listen(tails, server), lambda: is_signed_in(context, session, now)
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        await events.__anext__()
        await server.sign_in("ada")
        await events.__anext__()
        await delete_api_token(server.services, project, token.id, ORIGIN)
        await until_end(events)
    await events.aclose()


async def test_tail_ends_so_that_the_session_is_examined_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_tail, "LIFE_SECONDS", 0.2)
    path = f"/console/projects/{server.tenant.id}/events"
    async with visiting(server) as visitor:
        assert (await visitor.client.get(f"{path}?as=live")).status_code == 401
        await visitor.sign_in_as_manager()
        page = await visitor.get(path)
        assert 'id="tail"' in page.text
        answer = await visitor.client.get(
            f"{path}?as=live&after=0", headers={"Accept": "text/event-stream"}
        )
        assert answer.headers["content-type"] == "text/event-stream"
        assert "id: " in answer.text
        assert 'id="tail"' not in (await visitor.get(f"{path}?until=1")).text
        other = await server.another_tenant()
        answer = await visitor.client.get(f"/console/projects/{other.id}/events?as=live")
        assert answer.status_code == 404
