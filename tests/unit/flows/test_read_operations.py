"""Looking at what happened, and at what a holder may see."""

import sqlite3
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest

from satmint.flows import session_queries
from satmint.flows.callers import subscriber_caller
from satmint.flows.issue import GuestTokenRequest, guest_tokens
from satmint.flows.revoke import revoke_key
from satmint.flows.session_queries import (
    get_session,
    list_devices,
    list_events,
    list_sessions,
    ready,
)
from satmint.flows.visible_addresses import addresses_of_caller, subscriber_of_caller, visible_to
from satmint.model.event_filter import EventFilter
from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter, Window
from satmint.model.refusals import NotFound, StoreUnavailable, Unauthorized
from tests.kit.clock import NOW
from tests.kit.proofs import Signer
from tests.kit.service import ORIGIN, Server
from tests.unit.flows.token_chain import a_line


async def test_sessions_of_a_subscriber_by_age(server: Server) -> None:
    lines = []
    for _ in range(3):
        lines.append(await a_line(server))
        server.clock.advance(1)
    bob = await a_line(server, "bob")
    alice = lines[0].sat().sub
    page = await list_sessions(server.services.store, server.tenant.id, alice, Window(10))
    assert [session.id for session in page.items] == [line.sat().sid for line in lines]
    found = await get_session(server.services.store, server.tenant.id, bob.sat().sid)
    assert (found.subscriber, found.created_at, found.agent) == (bob.sat().sub, NOW + 3, "tests")


async def test_devices_are_told_by_what_lives_the_one_used_last_in_front(server: Server) -> None:
    phone, laptop, lost = (Signer.generate() for _ in range(3))
    alice, now = UUID(int=0), server.clock.now
    opened: dict[str, list[dict[str, Any]]] = {}
    for signer in (phone, laptop, phone, lost, None):
        more = {} if signer is None else {"fingerprint": signer.jkt}
        pair = await server.sign_in(**more)
        alice = UUID(pair["subscriber_id"])
        opened.setdefault(more.get("fingerprint", ""), []).append(pair)
        server.clock.advance(10)
    await revoke_key(server.services, server.tenant.id, alice, lost.jkt, ORIGIN)
    devices = await list_devices(server.services, server.tenant.id, alice)
    assert [(one.fingerprint, one.sessions, one.created_at) for one in devices] == [
        (phone.jkt, 2, NOW),
        (laptop.jkt, 1, NOW + 10),
    ]
    await server.rotate(opened[laptop.jkt][0]["refresh_token"])
    first, _ = await list_devices(server.services, server.tenant.id, alice)
    assert (first.fingerprint, first.last.refreshed_at) == (laptop.jkt, now())
    assert first.last.head.generation == 1
    server.clock.advance(7_490)
    assert [
        one.fingerprint for one in await list_devices(server.services, server.tenant.id, alice)
    ] == [laptop.jkt]


async def test_devices_of_one_with_many_sessions_are_all_found(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_queries, "_PAGE_SIZE", 2)
    signers = [Signer.generate() for _ in range(5)]
    pairs = [await server.sign_in(fingerprint=signer.jkt) for signer in signers]
    alice = UUID(pairs[0]["subscriber_id"])
    devices = await list_devices(server.services, server.tenant.id, alice)
    assert {one.fingerprint for one in devices} == {signer.jkt for signer in signers}


async def test_sessions_and_subscribers_of_others_are_not_found(server: Server) -> None:
    line, other = await a_line(server), await server.another_tenant()
    for project, session, subscriber in (
        (other.id, line.sat().sid, line.sat().sub),
        (server.tenant.id, UUID(int=7), UUID(int=7)),
    ):
        with pytest.raises(NotFound):
            await get_session(server.services.store, project, session)
        with pytest.raises(NotFound):
            await list_sessions(server.services.store, project, subscriber, Window(10))
        with pytest.raises(NotFound):
            await list_devices(server.services, project, subscriber)


async def test_each_project_reads_its_own_audit_trail(server: Server) -> None:
    line, other = await a_line(server), await server.another_tenant()
    page = await list_events(server.services.store, server.tenant.id, EventFilter(), Window(10))
    issued = page.items[-1]
    assert (issued.kind, issued.session, issued.subscriber, issued.generation) == (
        EventKind.ISSUED,
        line.sat().sid,
        line.sat().sub,
        0,
    )
    foreign = await list_events(server.services.store, other.id, EventFilter(), Window(10))
    assert [event.kind for event in foreign.items] == [EventKind.API_TOKEN_CREATED]


async def test_ready_until_the_schema_is_another_s(server: Server) -> None:
    await ready(server.services.store)
    with closing(sqlite3.connect(server.database)) as db, db:
        db.execute("INSERT INTO schema_migrations VALUES (9999, 'later', 'x', 0)")
    with pytest.raises(StoreUnavailable) as refusal:
        await ready(server.services.store)
    assert refusal.value.cause == "schema_unknown"


async def test_subscriber_sees_itself_and_its_own_addresses(server: Server) -> None:
    line = await a_line(server)
    holder = await subscriber_caller(server.services, line.pairs[0].token)
    assert (await subscriber_of_caller(server.services.store, holder)).reference == "alice"
    (own,) = await addresses_of_caller(server.services.store, holder)
    assert own.subscriber == line.sat().sub
    assert visible_to(holder) == visible_to(server.tenant.caller) == AddressFilter()


async def test_guest_sees_the_addresses_that_its_token_names(server: Server) -> None:
    places = tuple(address.id for address in server.tenant.addresses[:2])
    pair = await guest_tokens(
        server.services, server.tenant.caller, GuestTokenRequest(places), ORIGIN
    )
    guest = await subscriber_caller(server.services, pair.token)
    assert {
        address.id for address in await addresses_of_caller(server.services.store, guest)
    } == set(places)
    assert visible_to(guest) == AddressFilter(only=frozenset(places))


async def test_holder_whose_subscriber_went_a_moment_ago_is_unauthorized(server: Server) -> None:
    line = await a_line(server)
    holder = await subscriber_caller(server.services, line.pairs[0].token)
    with closing(sqlite3.connect(server.database)) as db, db:
        db.execute("DELETE FROM subscribers")
    with pytest.raises(Unauthorized) as refusal:
        await subscriber_of_caller(server.services.store, holder)
    assert refusal.value.cause == "subscriber_deleted"


async def test_clock_of_the_database_is_told_if_it_has_one(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server.services.store
    assert await session_queries.check_store(store) is None

    async def ready_at(_: object) -> float:
        return NOW + 0.5

    monkeypatch.setattr(type(store), "ready", ready_at)
    assert await session_queries.check_store(store) == NOW + 0.5
