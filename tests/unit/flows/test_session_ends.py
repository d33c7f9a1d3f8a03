"""What ended a session, and the revocation of many sessions."""

import pytest

from satmint.flows.revoke import (
    revoke_key,
    revoke_matching,
    revoke_project,
    revoke_session,
    revoke_subscriber,
)
from satmint.flows.session_ends import ended_by
from satmint.flows.session_queries import count_matching, list_project_sessions
from satmint.flows.subscribers import delete_subscriber
from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter, BoundedCount, Window
from satmint.model.session_filter import SessionEnd, SessionFilter, SessionStatus
from tests.kit.clock import NOW
from tests.kit.service import ORIGIN, Bearer, Server, said
from tests.unit.flows.token_chain import Line, a_line

JKT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


async def end_of(server: Server, *lines: Line) -> list[SessionEnd | None]:
    """What the list of sessions says of each."""
    services, project = server.services, server.tenant.id
    page = await list_project_sessions(services, project, SessionFilter(), Window(100))
    ends = await ended_by(services, project, page.items)
    return [ends.get(line.sat().sid) for line in lines]


async def test_each_way_to_end_a_session_is_told(server: Server) -> None:
    services, project = server.services, server.tenant.id
    alone, bound, first, deleted, kept = [
        await a_line(server, reference="alice"),
        await a_line(server, reference="bob", fingerprint=JKT),
        await a_line(server, reference="carol"),
        await a_line(server, reference="dora"),
        await a_line(server, reference="eve"),
    ]
    server.clock.advance(1)
    await revoke_session(services, project, alone.sat().sid, ORIGIN)
    server.clock.advance(1)
    await revoke_key(services, project, bound.sat().sub, JKT, ORIGIN)
    server.clock.advance(1)
    await revoke_subscriber(services, project, first.sat().sub, ORIGIN)
    second = await a_line(server, reference="carol")
    server.clock.advance(1)
    await revoke_subscriber(services, project, first.sat().sub, ORIGIN)
    await delete_subscriber(services, project, deleted.sat().sub, ORIGIN)
    assert await end_of(server, alone, bound, first, second, deleted, kept) == [
        SessionEnd("session_revoked", NOW + 1, "", "kit"),
        SessionEnd("session_revoked", NOW + 2, "", "kit"),
        SessionEnd("subscriber_revoked", NOW + 3, "", "kit"),
        SessionEnd("subscriber_revoked", NOW + 4, "", "kit"),
        SessionEnd("subscriber_deleted", NOW + 4, "", "kit"),
        None,
    ]
    server.clock.advance(1)
    await revoke_project(services, project, ORIGIN)
    assert await end_of(server, alone, kept) == [
        SessionEnd("session_revoked", NOW + 1, "", "kit"),
        SessionEnd("project_revoked", NOW + 5, "", "kit"),
    ]


async def test_theft_and_expiry_are_told(server: Server) -> None:
    stolen, old = await a_line(server), await a_line(server)
    await stolen.present()
    server.clock.advance(700)
    assert (await server.refresh(stolen.pairs[0].refresh_token)).status_code == 422
    lives_until = NOW + 7500
    server.clock.advance(7000)
    theft, expiry = await end_of(server, stolen, old)
    assert theft is not None
    assert (theft.by, theft.at, theft.address) == ("reuse_detected", NOW + 700, "127.0.0.1")
    assert theft.cause == "replay_window_over"
    assert expiry == SessionEnd("expired", lives_until)
    assert (theft.status, expiry.status) == (SessionStatus.REVOKED, SessionStatus.EXPIRED)


async def test_an_invite_ends_with_its_inviter(server: Server) -> None:
    inviter = await a_line(server)
    own = AddressFilter(subscriber=inviter.sat().sub)
    (address,) = (
        await server.services.store.addresses.list(server.tenant.id, own, Window(9))
    ).items
    answer = await server.client.post(
        "/api/fabric/subscriber/invites",
        json={"address_id": str(address.id)},
        auth=Bearer(inviter.pairs[0].token),
    )
    invited = server.claims(said(answer, 201)["token"])
    server.clock.advance(2)
    await revoke_session(server.services, server.tenant.id, inviter.sat().sid, ORIGIN)
    page = await list_project_sessions(
        server.services, server.tenant.id, SessionFilter(kind=Kind.INVITE), Window(9)
    )
    assert [one.id for one in page.items] == [invited.sid]
    ends = await ended_by(server.services, server.tenant.id, page.items)
    assert ends[invited.sid] == SessionEnd("session_revoked", NOW + 2, "", "kit")


async def test_an_end_whose_event_was_purged_is_told_without_it(server: Server) -> None:
    line = await a_line(server)
    await revoke_session(server.services, server.tenant.id, line.sat().sid, ORIGIN)
    await server.services.store.purge(NOW, NOW + 10, 1000)
    assert await end_of(server, line) == [SessionEnd("revoked", NOW)]


@pytest.mark.parametrize("batch", [1, 2, 200])
async def test_what_matches_is_revoked_and_each_session_has_its_event(
    server: Server, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("satmint.flows.revoke._BATCH_SIZE", batch)
    services, project = server.services, server.tenant.id
    lines = [await a_line(server, reference="alice") for _ in range(3)]
    other = await a_line(server, reference="bob")
    wanted = SessionFilter(subscriber=lines[0].sat().sub)
    assert await count_matching(services, project, wanted) == BoundedCount(3, is_exact=True)
    expired = SessionFilter(state=SessionStatus.EXPIRED)
    assert await revoke_matching(services, project, expired, ORIGIN) == 0
    assert await revoke_matching(services, project, wanted, ORIGIN) == 3
    assert await revoke_matching(services, project, wanted, ORIGIN) == 0
    revoked = [one for one in await server.audit_trail() if one.kind is EventKind.SESSION_REVOKED]
    assert {one.session for one in revoked} == {line.sat().sid for line in lines}
    assert {(one.subscriber, one.reference) for one in revoked} == {(lines[0].sat().sub, "alice")}
    for line in lines:
        assert (await server.refresh(line.pairs[-1].refresh_token)).status_code == 422
    assert (await server.refresh(other.pairs[-1].refresh_token)).status_code == 201


async def test_sessions_of_another_project_are_not_revoked(server: Server) -> None:
    line, stranger = await a_line(server), await server.another_tenant()
    assert await revoke_matching(server.services, stranger.id, SessionFilter(), ORIGIN) == 0
    assert await end_of(server, line) == [None]


async def test_end_by_a_project_is_not_told_as_that_of_another_subscriber(server: Server) -> None:
    """Both are of the same second."""
    services, project = server.services, server.tenant.id
    alice, bob = await a_line(server), await a_line(server, "bob")
    await revoke_subscriber(services, project, bob.sat().sub, ORIGIN)
    await revoke_project(services, project, ORIGIN)
    assert await end_of(server, alice, bob) == [
        SessionEnd("project_revoked", NOW, "", "kit"),
        SessionEnd("subscriber_revoked", NOW, "", "kit"),
    ]
