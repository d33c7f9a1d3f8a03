"""The feed of revocations: what ends tokens on one node is told on all, and nothing is missed."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from satmint.assembly import Service, assembled
from satmint.flows.introspect import introspect
from satmint.flows.revocation_cursor import parse_cursor
from satmint.flows.revocation_hub import RevocationHub
from satmint.flows.revocation_listener import FeedBatch, FeedState, RevocationListener
from satmint.flows.revoke import revoke_session
from satmint.model.refusals import StoreUnavailable
from satmint.model.revocations import Revocation, RevokedKind
from tests.kit.clock import FrozenClock
from tests.kit.databases import DATABASES, fresh_database
from tests.kit.entropy import SeededEntropy
from tests.kit.service import ORIGIN, Server, Tenant, a_service

API: Final = "/api/satmint"
PATIENCE_SECONDS: Final = 20.0
JKT: Final = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@dataclass
class Nodes:
    """Two servers of one database: changes are made at `server`, and heard of at `node`."""

    server: Server
    node: Service

    @property
    def hub(self) -> RevocationHub:
        """The listeners of the second node."""
        return self.node.gateway.revocation_hub

    async def listen(
        self, cursor: str | None = None, tenant: Tenant | None = None
    ) -> RevocationListener:
        """A new listener at the second node."""
        project = (tenant or self.server.tenant).id
        return await self.hub.listen(project, UUID(int=1), cursor)

    async def delete(self, path: str) -> None:
        """Delete something at the first node."""
        server = self.server
        answer = await server.client.delete(f"{API}/{path}", auth=server.tenant.auth)
        assert answer.status_code in (200, 204), answer.text


@asynccontextmanager
async def two_nodes(kind: str, folder: Path) -> AsyncIterator[Nodes]:
    url, clock = await fresh_database(kind, folder), FrozenClock()
    async with (
        a_service(folder, clock=clock, database=url) as server,
        assembled(
            server.service.settings, clock=clock, entropy=SeededEntropy("another node")
        ) as node,
    ):
        running = asyncio.ensure_future(node.gateway.run())
        try:
            yield Nodes(server, node)
        finally:
            running.cancel()


@pytest.fixture(params=DATABASES)
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nodes]:
    async with two_nodes(request.param, tmp_path) as found:
        yield found


@pytest.fixture
async def on_sqlite(tmp_path: Path) -> AsyncIterator[Nodes]:
    async with two_nodes("sqlite", tmp_path) as found:
        yield found


async def batch_of(listener: RevocationListener, seconds: float = PATIENCE_SECONDS) -> FeedBatch:
    async with asyncio.timeout(PATIENCE_SECONDS):
        batch = await listener.next(seconds)
    assert batch is not None
    return batch


async def began(listener: RevocationListener) -> FeedBatch:
    batch = await batch_of(listener)
    assert batch.state is not None
    return batch


async def told(listener: RevocationListener) -> Revocation:
    """The next revocation, which is the only one."""
    (revocation,) = (await batch_of(listener)).revocations
    return revocation


Ending = Callable[[Nodes, dict[str, Any]], Awaitable[None]]
ENDINGS: dict[str, tuple[RevokedKind, Ending]] = {}


def ending(kind: RevokedKind) -> Callable[[Ending], Ending]:
    def add(act: Ending) -> Ending:
        ENDINGS[act.__name__] = kind, act
        return act

    return add


@ending(RevokedKind.SESSION)
async def session(nodes: Nodes, answer: dict[str, Any]) -> None:
    await nodes.delete(f"sessions/{answer['session_id']}")


@ending(RevokedKind.SESSION)
async def reuse(nodes: Nodes, answer: dict[str, Any]) -> None:
    server, refresh_token = nodes.server, answer["refresh_token"]
    for _ in range(2):
        refresh_token = (await server.rotate(refresh_token))["refresh_token"]
    assert (await server.refresh(answer["refresh_token"])).status_code == 422


@ending(RevokedKind.SUBSCRIBER)
async def key(nodes: Nodes, answer: dict[str, Any]) -> None:
    await nodes.delete(f"subscribers/{answer['sub']}/sessions?fingerprint={JKT}")


@ending(RevokedKind.SUBSCRIBER)
async def subscriber(nodes: Nodes, answer: dict[str, Any]) -> None:
    await nodes.delete(f"subscribers/{answer['sub']}/sessions")


@ending(RevokedKind.SUBSCRIBER)
async def subscriber_deleted(nodes: Nodes, answer: dict[str, Any]) -> None:
    server = nodes.server
    path = f"/api/fabric/resources/subscribers/{answer['sub']}"
    assert (await server.client.delete(path, auth=server.tenant.auth)).status_code == 204


@ending(RevokedKind.PROJECT)
async def project(nodes: Nodes, answer: dict[str, Any]) -> None:  # noqa: ARG001 - as the others
    await nodes.delete("sessions")


@pytest.mark.parametrize("name", ENDINGS)
async def test_each_ending_is_told_on_another_node(nodes: Nodes, name: str) -> None:
    server, (kind, act) = nodes.server, ENDINGS[name]
    pair = await server.sign_in("alice", fingerprint=JKT, scope="sat:refresh")
    if name == "reuse":
        pair = await server.sign_in("alice")
    listener = await nodes.listen()
    assert (await began(listener)).state is FeedState.START
    before = await introspect(nodes.node.services, server.tenant.id, pair["token"])
    assert before.active
    await act(nodes, {"session_id": before.session_id, "sub": before.sub, **pair})
    revocation = await told(listener)
    assert revocation.type is kind
    assert before.depends_on is not None
    assert revocation.id in before.depends_on
    assert not (await introspect(nodes.node.services, server.tenant.id, pair["token"])).active
    if name in ("subscriber", "project"):
        assert revocation.epoch == 1
        pair = await server.sign_in("alice")
        after = await introspect(nodes.node.services, server.tenant.id, pair["token"])
        epoch = after.epoch if name == "subscriber" else after.project_epoch
        assert epoch == 1
    else:
        assert revocation.epoch is None
    listener.close()


async def test_deleted_address_is_told(nodes: Nodes) -> None:
    server, address = nodes.server, nodes.server.tenant.addresses[0]
    answer = await server.client.post(
        "/api/fabric/guests/tokens",
        json={"allowed_addresses": [str(address.id)]},
        auth=server.tenant.auth,
    )
    before = await introspect(nodes.node.services, server.tenant.id, answer.json()["token"])
    listener = await nodes.listen()
    await began(listener)
    await nodes.delete(f"addresses/{address.id}")
    revocation = await told(listener)
    assert (revocation.type, revocation.id) == (RevokedKind.ADDRESS, str(address.id))
    assert before.depends_on is not None
    assert revocation.id in before.depends_on
    listener.close()


async def test_nothing_is_missed_by_a_listener_that_is_cut_again_and_again(nodes: Nodes) -> None:
    server, randomly = nodes.server, random.Random("cuts")
    store, project_id = server.services.store, server.tenant.id
    sessions = [
        server.claims((await server.sign_in(f"user {number}"))["token"]).sid for number in range(60)
    ]
    listener = await nodes.listen()
    cursor = (await began(listener)).cursor
    seen: set[str] = set()

    async def revoke_all() -> None:
        for session_id in sessions:
            await revoke_session(server.services, project_id, session_id, ORIGIN)

    revoking = asyncio.ensure_future(revoke_all())
    async with asyncio.timeout(PATIENCE_SECONDS * 3):
        while len(seen) < len(sessions):
            batch = await batch_of(listener, 0.1)
            if randomly.random() < 0.5:
                # As if the connection had been lost before the batch arrived, or half of it.
                seen |= {one.id for one in batch.revocations[: len(batch.revocations) // 2]}
                listener.close()
                listener = await nodes.listen(cursor)
                continue
            assert batch.state in (None, FeedState.RESUMED)
            seen |= {one.id for one in batch.revocations}
            cursor = batch.cursor
    await revoking
    assert seen == {str(one) for one in sessions}
    assert store is not None
    listener.close()


async def test_projects_do_not_hear_of_each_other(nodes: Nodes) -> None:
    server = nodes.server
    other = await server.another_tenant()
    mine, theirs = await nodes.listen(), await nodes.listen(tenant=other)
    cursor = (await began(mine)).cursor
    await began(theirs)
    pair = await server.sign_in("alice")
    await nodes.delete(f"sessions/{server.claims(pair['token']).sid}")
    assert (await told(mine)).type is RevokedKind.SESSION
    assert (await batch_of(theirs, 0.6)).revocations == ()
    resumed = await nodes.listen(cursor, other)
    assert (await began(resumed)).state is FeedState.RESET
    assert (await batch_of(resumed, 0.1)).revocations == ()
    for listener in (mine, theirs, resumed):
        listener.close()


async def test_cursor_resumes_on_the_other_node(nodes: Nodes) -> None:
    server = nodes.server
    listener = await nodes.listen()
    cursor = (await began(listener)).cursor
    listener.close()
    pair = await server.sign_in("alice")
    await nodes.delete(f"sessions/{server.claims(pair['token']).sid}")
    hub = server.service.gateway.revocation_hub
    running = asyncio.ensure_future(server.service.gateway.run())
    try:
        again = await hub.listen(server.tenant.id, UUID(int=1), cursor)
        batch = await began(again)
        assert batch.state is FeedState.RESUMED
        assert [one.type for one in batch.revocations] == [RevokedKind.SESSION]
        again.close()
    finally:
        running.cancel()


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "",
        lambda _: "x",
        lambda text: text[:-1] + "\n",
        lambda text: "0" * 16 + text[16:],
        lambda text: text + "0" * 9,
        lambda text: text.upper(),
        lambda text: text.rpartition("-")[0] + "-ffffffffffff",
    ],
)
async def test_cursor_that_is_none_begins_anew(
    on_sqlite: Nodes, change: Callable[[str], str]
) -> None:
    listener = await on_sqlite.listen()
    cursor = (await began(listener)).cursor
    listener.close()
    again = await on_sqlite.listen(change(cursor))
    batch = await began(again)
    assert batch.state is FeedState.RESET
    assert parse_cursor(batch.cursor) is not None
    again.close()


async def test_cursor_is_good_for_a_day(on_sqlite: Nodes) -> None:
    listener = await on_sqlite.listen()
    cursor = (await began(listener)).cursor
    listener.close()
    for seconds, state in ((86_100, FeedState.RESUMED), (1, FeedState.RESET)):
        on_sqlite.server.clock.advance(seconds)
        again = await on_sqlite.listen(cursor)
        assert (await began(again)).state is state
        again.close()


async def test_cursor_of_another_incarnation_begins_anew(on_sqlite: Nodes) -> None:
    listener = await on_sqlite.listen()
    cursor = (await began(listener)).cursor
    listener.close()
    on_sqlite.hub._incarnation = UUID(int=7)
    again = await on_sqlite.listen(cursor)
    assert (await began(again)).state is FeedState.RESET
    again.close()


@pytest.mark.parametrize("kind", DATABASES)
async def test_client_of_a_database_that_was_adopted_begins_anew(kind: str, tmp_path: Path) -> None:
    url, clock, cursor, tenant = await fresh_database(kind, tmp_path), FrozenClock(), None, None
    for state in (FeedState.START, FeedState.RESET):
        async with a_service(tmp_path, clock=clock, tenant=tenant, database=url) as server:
            tenant, hub = server.tenant, server.service.gateway.revocation_hub
            running = asyncio.ensure_future(server.service.gateway.run())
            listener = await hub.listen(tenant.id, UUID(int=1), cursor)
            batch = await began(listener)
            assert batch.state is state
            cursor = batch.cursor
            listener.close()
            running.cancel()
            await server.service.guard.adopt(ORIGIN)


async def test_removed_master_key_is_told_and_a_client_that_was_away_begins_anew(
    on_sqlite: Nodes,
) -> None:
    cipher = on_sqlite.node.services.cipher
    old, entropy = cipher.keyring.active.id, on_sqlite.node.services.entropy
    cipher.reload(cipher.keyring.rotate(entropy, on_sqlite.server.clock.now()))
    listener = await on_sqlite.listen()
    cursor = (await began(listener)).cursor
    cipher.reload(cipher.keyring.remove(old))
    revocation = await told(listener)
    assert (revocation.type, revocation.id) == (RevokedKind.KEY, f"key:{old}")
    again = await on_sqlite.listen(cursor)
    assert (await began(again)).state is FeedState.RESET
    for one in (listener, again):
        one.close()


async def test_client_that_missed_too_much_begins_anew(
    on_sqlite: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.flows.revocation_hub.MAX_PENDING", 2)
    server = on_sqlite.server
    listener = await on_sqlite.listen()
    cursor = (await began(listener)).cursor
    listener.close()
    for number, state in ((2, FeedState.RESUMED), (1, FeedState.RESET)):
        for _ in range(number):
            pair = await server.sign_in("alice")
            await on_sqlite.delete(f"sessions/{server.claims(pair['token']).sid}")
        again = await on_sqlite.listen(cursor)
        assert (await began(again)).state is state
        again.close()


async def test_slow_listener_is_cut_off_and_the_others_are_not(
    on_sqlite: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.flows.revocation_listener.MAX_PENDING", 1)
    server = on_sqlite.server
    slow, quick = await on_sqlite.listen(), await on_sqlite.listen()
    await began(quick)
    for _ in range(2):
        pair = await server.sign_in("alice")
        await on_sqlite.delete(f"sessions/{server.claims(pair['token']).sid}")
        await told(quick)
    assert await slow.next(1) is None
    assert list(on_sqlite.hub.listeners) == [quick]
    assert on_sqlite.hub.outcomes["cut"] == 1
    quick.close()
    assert not on_sqlite.hub.wanted


async def test_listeners_are_limited(on_sqlite: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("satmint.flows.revocation_hub.MAX_LISTENERS_PER_PROJECT", 1)
    listener = await on_sqlite.listen()
    with pytest.raises(Exception, match="revocation_listeners"):
        await on_sqlite.listen()
    listener.close()
    (await on_sqlite.listen()).close()
    assert not on_sqlite.hub.wanted


async def test_quiet_feed_tells_the_cursor_only_while_the_store_is_read(
    on_sqlite: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = await on_sqlite.listen()
    await began(listener)
    batch = await batch_of(listener, 0.01)
    assert (batch.revocations, batch.state) == ((), None)
    with monkeypatch.context() as patched:
        patched.setattr("satmint.flows.revocation_hub._FRESH_SECONDS", -1)  # no poll is as recent
        waiting = asyncio.ensure_future(listener.next(0))
        done, _ = await asyncio.wait({waiting}, timeout=0.6)
        assert not done
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await waiting) is not None
    listener.close()


async def test_epoch_that_cannot_be_read_is_left_out(
    on_sqlite: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = await on_sqlite.listen()
    cursor = (await began(listener)).cursor

    async def epoch(*_: object) -> int:
        raise StoreUnavailable("away")

    monkeypatch.setattr(type(on_sqlite.node.services.store.projects), "epoch", epoch)
    await on_sqlite.delete("sessions")
    revocation = await told(listener)
    assert (revocation.type, revocation.epoch) == (RevokedKind.PROJECT, None)
    again = await on_sqlite.listen(cursor)
    assert [one.epoch for one in (await began(again)).revocations] == [None]
    for one in (listener, again):
        one.close()


async def test_bug_while_revocations_are_told_has_listeners_ask_again(
    on_sqlite: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = await on_sqlite.listen()
    cursor = (await began(listener)).cursor

    async def epoch(*_: object) -> int:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(type(on_sqlite.node.services.store.projects), "epoch", epoch)
        await on_sqlite.delete("sessions")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await listener.next(60) is None
    again = await on_sqlite.listen(cursor)
    batch = await began(again)
    assert batch.state is FeedState.RESUMED
    assert [one.type for one in batch.revocations] == [RevokedKind.PROJECT]
    again.close()
