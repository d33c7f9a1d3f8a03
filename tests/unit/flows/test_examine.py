"""Examining tells how a token stands and why, and leaves no trace."""

from typing import Final

import pytest

from satmint.flows.revoke import revoke_session, revoke_subscriber
from satmint.flows.subscribers import delete_subscriber
from satmint.flows.token_info import TokenState, inspect_token
from satmint.model.claims import TokenType
from satmint.model.lifetimes import CONCURRENT_REPLAY_SECONDS
from satmint.model.rotation import Cause
from satmint.store.sqlite import SqliteStore
from tests.kit.service import ORIGIN, Server

SAT_LIFE: Final = 7_200
REFRESH_LIFE: Final = 7_500


async def states(server: Server, pair: dict[str, str]) -> tuple[str, str]:
    """How the SAT and the refresh token of a pair stand."""
    sat = await inspect_token(server.services, pair["token"])
    refresh = await inspect_token(server.services, pair["refresh_token"])
    assert sat is not None
    assert refresh is not None
    return sat.state, refresh.state


async def test_what_is_found(server: Server) -> None:
    pair = await server.sign_in()
    for member, typ in (("token", TokenType.SAT), ("refresh_token", TokenType.REFRESH)):
        found = await inspect_token(server.services, pair[member])
        assert found is not None
        assert (found.typ, found.ch, found.state) == (typ, None, TokenState.GOOD)
        assert found.claims == server.claims(pair[member], typ)
        assert found.session is not None
        assert found.session.id == found.claims.sid


@pytest.mark.parametrize("text", ["", "x", "a.b.c.d.e", "PT00", "\ud800"])
async def test_what_is_no_token_is_nothing(server: Server, text: str) -> None:
    assert await inspect_token(server.services, text) is None


async def test_looking_leaves_no_trace(server: Server) -> None:
    pair = await server.sign_in()
    fresh = await server.rotate(pair["refresh_token"])
    before = await server.rows()
    assert await states(server, fresh) == (TokenState.GOOD, TokenState.GOOD)
    assert await states(server, pair) == (TokenState.GOOD, TokenState.REPLAYABLE)
    assert await server.rows() == before


async def test_rotation_spends_the_refresh_token_and_not_the_sat(server: Server) -> None:
    first = await server.sign_in()
    second = await server.rotate(first["refresh_token"])
    await server.info(second["token"])
    await server.settled()
    assert await states(server, first) == (TokenState.GOOD, TokenState.REPLAYABLE)
    server.clock.advance(CONCURRENT_REPLAY_SECONDS + 1)
    assert await states(server, first) == (TokenState.GOOD, TokenState.SPENT)
    await server.rotate(second["refresh_token"])
    assert await states(server, first) == (TokenState.GOOD, TokenState.SPENT)


async def test_each_token_ends_on_its_own_second(server: Server) -> None:
    pair = await server.sign_in()
    server.clock.advance(SAT_LIFE - 1)
    assert await states(server, pair) == (TokenState.GOOD, TokenState.GOOD)
    server.clock.advance(1)
    assert await states(server, pair) == (Cause.EXPIRED, TokenState.GOOD)
    server.clock.advance(REFRESH_LIFE - SAT_LIFE - 1)
    assert await states(server, pair) == (Cause.EXPIRED, TokenState.GOOD)
    server.clock.advance(1)
    assert await states(server, pair) == (Cause.EXPIRED, Cause.EXPIRED)


async def test_parent_that_outlives_a_dead_head_is_of_no_use(server: Server) -> None:
    pair = await server.sign_in(expire_at=server.clock.now() + 10 * REFRESH_LIFE)
    await server.rotate(pair["refresh_token"])
    server.clock.advance(REFRESH_LIFE)
    assert await states(server, pair) == (TokenState.GOOD, TokenState.SPENT)


async def test_expired_token_that_was_spent_is_called_spent(server: Server) -> None:
    """A refresh with it would revoke the session."""
    pair = await server.sign_in()
    await server.rotate(pair["refresh_token"])
    server.clock.advance(REFRESH_LIFE)
    assert await states(server, pair) == (Cause.EXPIRED, TokenState.SPENT)


async def test_revocation_is_named(server: Server) -> None:
    pair = await server.sign_in()
    session = server.claims(pair["token"]).sid
    await revoke_session(server.services, server.tenant.id, session, ORIGIN)
    assert await states(server, pair) == (Cause.REVOKED, Cause.REVOKED)
    server.clock.advance(10 * REFRESH_LIFE)
    assert await states(server, pair) == (Cause.REVOKED, Cause.REVOKED)


async def test_whole_subscriber_is_revoked_or_gone(server: Server) -> None:
    pair = await server.sign_in()
    subscriber = server.claims(pair["token"]).sub
    await revoke_subscriber(server.services, server.tenant.id, subscriber, ORIGIN)
    assert await states(server, pair) == (Cause.REVOKED, Cause.REVOKED)
    await delete_subscriber(server.services, server.tenant.id, subscriber, ORIGIN)
    assert await states(server, pair) == (Cause.SUBSCRIBER_DELETED, Cause.SUBSCRIBER_DELETED)


async def test_session_that_the_database_does_not_know_is_named(server: Server) -> None:
    pair = await server.sign_in()
    # As after a restore from an older backup.
    session = server.claims(pair["token"]).sid
    store = server.service.store
    assert isinstance(store, SqliteStore)
    await store._writer.submit(
        lambda db: db.execute("DELETE FROM sessions WHERE session_id = ?", (session.bytes,))
    )
    found = await inspect_token(server.services, pair["token"])
    assert found is not None
    assert (found.state, found.session) == (Cause.UNKNOWN_SESSION, None)
