"""Introspection tells what a good token says, and of any other nothing."""

from collections import Counter
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from satmint.flows.introspect import (
    INACTIVE,
    Introspection,
    introspect,
    introspect_many,
    open_any_type,
)
from satmint.flows.issue import GuestTokenRequest, guest_tokens
from satmint.flows.revoke import revoke_session, revoke_subscriber
from satmint.jose import OpenedToken
from satmint.model.claims import Confirmation, Kind, TokenType
from tests.kit.clock import NOW
from tests.kit.service import ORIGIN, Server, a_service
from tests.unit.flows.token_chain import Line, a_line

JKT: Final = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


async def told(server: Server, token: str) -> Introspection:
    return await introspect(server.services, server.tenant.id, token)


async def active(line: Line) -> tuple[bool, bool]:
    """Whether the newest SAT and refresh token are good."""
    pair = line.pairs[-1]
    return (await told(line.server, pair.token)).active, (
        await told(line.server, pair.refresh_token)
    ).active


async def test_everything_that_a_good_token_says(server: Server) -> None:
    app = UUID(int=9)
    line = await a_line(server, application_id=app, fingerprint=JKT, self_refresh=True)
    sat, refresh_token = line.sat(), line.refresh_claims()
    said = await told(server, line.pairs[0].token)
    assert said == Introspection(
        active=True,
        scope="sat:refresh",
        token_type="SAT",
        iss="satmint",
        sub=sat.sub,
        jti=sat.jti,
        iat=NOW,
        exp=NOW + 7200,
        cnf=Confirmation(JKT),
        session_id=sat.sid,
        generation=0,
        kind=Kind.SUBSCRIBER,
        application_id=app,
        project_id=server.tenant.id,
        epoch=0,
        project_epoch=0,
        depends_on=(
            *map(str, (sat.sid, sat.sub, server.tenant.id)),
            f"key:{server.services.cipher.keyring.active.id}",
        ),
    )
    said = await told(server, line.pairs[0].refresh_token)
    assert (said.token_type, said.exp, said.jti) == ("Refresh", NOW + 7500, refresh_token.jti)


async def test_a_token_is_opened_once_as_what_it_is(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, cipher = await a_line(server), server.services.cipher
    opened, real = Counter[TokenType](), cipher.open

    def counted(token: str, typ: TokenType) -> OpenedToken:
        opened[typ] += 1
        return real(token, typ)

    monkeypatch.setattr(cipher, "open", counted)
    assert (await told(server, line.pairs[0].token)).active
    assert opened == Counter({TokenType.SAT: 1})
    assert (await told(server, line.pairs[0].refresh_token)).active
    assert opened == Counter({TokenType.SAT: 2, TokenType.REFRESH: 1})


async def test_guest_s_addresses_are_told(server: Server) -> None:
    places = (server.tenant.addresses[0].id,)
    pair = await guest_tokens(
        server.services, server.tenant.caller, GuestTokenRequest(places), ORIGIN
    )
    said = await told(server, pair.token)
    assert (said.kind, said.allowed_addresses) == (Kind.GUEST, places)


@pytest.mark.parametrize("text", ["", "....", "x", "\ud800"])
async def test_text_that_is_no_token_is_not_active(server: Server, text: str) -> None:
    assert await told(server, text) == INACTIVE
    assert open_any_type(server.services.cipher, text) is None


async def test_another_project_learns_nothing_and_its_asking_is_no_use(server: Server) -> None:
    line, other = await a_line(server), await server.another_tenant()
    before = await server.rows()
    for token in (line.pairs[0].token, line.pairs[0].refresh_token):
        assert await introspect(server.services, other.id, token) == INACTIVE
    assert await server.rows() == before


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOW + 7199, (True, True)),
        (NOW + 7200, (False, True)),
        (NOW + 7499, (False, True)),
        (NOW + 7500, (False, False)),
    ],
)
async def test_expired_tokens_are_not_active(
    server: Server, at: int, expected: tuple[bool, bool]
) -> None:
    line = await a_line(server)
    server.clock.at = at
    assert await active(line) == expected


async def test_spent_refresh_token_is_not_active_and_its_sat_is(server: Server) -> None:
    line = await a_line(server)
    await line.present()
    assert (await told(server, line.pairs[0].refresh_token)) == INACTIVE
    assert (await told(server, line.pairs[0].token)).active
    assert await active(line) == (True, True)


async def test_looking_at_a_refresh_token_does_not_spend_it(server: Server) -> None:
    line = await a_line(server)
    before = await server.rows()
    assert (await told(server, line.pairs[0].refresh_token)).active
    assert await server.rows() == before


async def test_sat_that_was_found_good_counts_as_seen(server: Server) -> None:
    line = await a_line(server)
    await told(server, line.pairs[0].token)
    assert (await server.row_of_session(line.sat().sid))["seen_generation"] == 0


async def test_tokens_of_sessions_that_do_not_stand_are_not_active(server: Server) -> None:
    revoked, stale = await a_line(server, "a"), await a_line(server, "b")
    await revoke_session(server.services, server.tenant.id, revoked.sat().sid, ORIGIN)
    await revoke_subscriber(server.services, server.tenant.id, stale.sat().sub, ORIGIN)
    assert await active(revoked) == await active(stale) == (False, False)


async def test_refresh_token_is_active_only_while_presenting_it_would_be_answered(
    tmp_path: Path,
) -> None:
    """A session's deadline leaves no room for another pair in its last five minutes."""
    async with a_service(tmp_path, max_session_seconds=1000) as server:
        line = await a_line(server)
        server.clock.at = NOW + 699
        assert (await told(server, line.pairs[0].refresh_token)).active
        server.clock.at = NOW + 700
        assert await told(server, line.pairs[0].refresh_token) == INACTIVE
        assert (await line.refused())[1] == "deadline"


async def test_either_type_is_opened_expired_or_not(server: Server) -> None:
    line = await a_line(server)
    server.clock.advance(100_000)
    for token, typ in (
        (line.pairs[0].token, TokenType.SAT),
        (line.pairs[0].refresh_token, TokenType.REFRESH),
    ):
        opened = open_any_type(server.services.cipher, token)
        assert opened is not None
        assert opened.typ is typ
        assert opened.opened.claims == server.claims(token, typ)


async def test_many_tokens_are_answered_as_each_alone_in_their_order(server: Server) -> None:
    alice, bob = await a_line(server), await a_line(server, "bob")
    tokens = [bob.pairs[0].token, "none", alice.pairs[0].token, bob.pairs[0].refresh_token]
    batch = await introspect_many(server.services, server.tenant.id, tokens)
    assert list(batch.tokens) == [await told(server, token) for token in tokens]
    assert [one.active for one in batch.tokens] == [True, False, True, True]
