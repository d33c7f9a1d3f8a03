"""Revocation: whatever it names is dead when it returns, and nothing else is."""

from typing import Final
from uuid import UUID

import pytest

from satmint.flows.revoke import revoke_key, revoke_session, revoke_subscriber, revoke_token
from satmint.model.events import EventKind
from satmint.model.refusals import NotFound
from tests.kit.clock import NOW
from tests.kit.service import ORIGIN, Server
from tests.unit.flows.token_chain import Line, a_line

JKT: Final = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
OTHER_JKT: Final = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


async def is_dead(line: Line) -> bool:
    """Whether every token of it is refused, or none."""
    statuses = [(await line.server.info(pair.token)).status_code for pair in line.pairs]
    answer = await line.server.refresh(line.pairs[-1].refresh_token)
    dead = answer.status_code == 422
    assert statuses == [401 if dead else 200] * len(statuses)
    return dead


async def test_session(server: Server) -> None:
    line, other = await a_line(server), await a_line(server)
    await line.present()
    await revoke_session(server.services, server.tenant.id, line.sat().sid, ORIGIN)
    assert (await server.row_of_session(line.sat().sid))["revoked_at"] == NOW
    assert await is_dead(line)
    assert not await is_dead(other)


async def test_session_twice_is_as_good_as_once(server: Server) -> None:
    line = await a_line(server)
    await revoke_session(server.services, server.tenant.id, line.sat().sid, ORIGIN)
    before = await server.rows()
    server.clock.advance(5)
    await revoke_session(server.services, server.tenant.id, line.sat().sid, ORIGIN)
    assert await server.rows() == before
    assert (await server.events()).count(EventKind.SESSION_REVOKED) == 1


@pytest.mark.parametrize("which", ["token", "refresh_token"])
async def test_token_of_either_type_names_its_session_even_when_it_has_expired(
    server: Server, which: str
) -> None:
    line = await a_line(server)
    text: str = getattr(line.pairs[0], which)
    await line.present()
    server.clock.advance(7200)
    assert await revoke_token(server.services, server.tenant.id, text, ORIGIN) is True
    assert (await server.row_of_session(line.sat().sid))["revoked_at"] == NOW + 7200


async def test_key_ends_the_sessions_that_are_bound_to_it(server: Server) -> None:
    bound = [await a_line(server, fingerprint=JKT) for _ in range(2)]
    others = [await a_line(server, fingerprint=OTHER_JKT), await a_line(server)]
    foreign = await a_line(server, "bob", fingerprint=JKT)
    subscriber = bound[0].sat().sub
    revoked = await revoke_key(server.services, server.tenant.id, subscriber, JKT, ORIGIN)
    assert revoked == 2
    assert [await is_dead(line) for line in (*bound, *others, foreign)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    resent = await revoke_key(server.services, server.tenant.id, subscriber, JKT, ORIGIN)
    assert resent == 0
    assert (await server.events()).count(EventKind.SESSION_REVOKED) == 1


async def test_subscriber_ends_everything_issued_so_far_and_nothing_after(server: Server) -> None:
    lines = [await a_line(server) for _ in range(2)]
    bob = await a_line(server, "bob")
    await revoke_session(server.services, server.tenant.id, lines[0].sat().sid, ORIGIN)
    subscriber = lines[0].sat().sub
    revoked = await revoke_subscriber(server.services, server.tenant.id, subscriber, ORIGIN)
    assert revoked == 1
    later = await a_line(server)
    assert [await is_dead(line) for line in (*lines, bob, later)] == [True, True, False, False]
    assert EventKind.SUBSCRIBER_REVOKED in await server.events()


async def test_another_project_ends_nothing(server: Server) -> None:
    line, other = await a_line(server, fingerprint=JKT), await server.another_tenant()
    claims, services = line.sat(), server.services
    before = await server.rows()
    for attempt in (
        revoke_session(services, other.id, claims.sid, ORIGIN),
        revoke_subscriber(services, other.id, claims.sub, ORIGIN),
        revoke_key(services, other.id, claims.sub, JKT, ORIGIN),
    ):
        with pytest.raises(NotFound):
            await attempt
    for text in (line.pairs[0].token, line.pairs[0].refresh_token):
        assert await revoke_token(services, other.id, text, ORIGIN) is False
    assert await server.rows() == before
    assert not await is_dead(line)


async def test_what_is_not_there_is_not_found_or_passed_over(server: Server) -> None:
    services, project, nobody = server.services, server.tenant.id, UUID(int=7)
    before = await server.rows()
    for attempt, cause in (
        (revoke_session(services, project, nobody, ORIGIN), "session"),
        (revoke_subscriber(services, project, nobody, ORIGIN), "subscriber"),
        (revoke_key(services, project, nobody, JKT, ORIGIN), "subscriber"),
    ):
        with pytest.raises(NotFound) as refusal:
            await attempt
        assert refusal.value.cause == cause
    assert await revoke_token(services, project, "a.b.c.d.e", ORIGIN) is False
    assert await server.rows() == before


async def test_token_whose_session_was_purged_is_passed_over(server: Server) -> None:
    line = await a_line(server)
    server.clock.advance(7500 + 86_400)
    assert (await server.services.store.purge(server.clock.now(), 0, 100)).removed == 1
    text = line.pairs[0].refresh_token
    assert await revoke_token(server.services, server.tenant.id, text, ORIGIN) is False
