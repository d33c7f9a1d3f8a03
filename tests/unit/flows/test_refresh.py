"""Refresh: one line of generations, and rights that never change."""

from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satmint.flows.issue import (
    GuestTokenRequest,
    SubscriberTokenRequest,
    guest_tokens,
    subscriber_tokens,
)
from satmint.flows.refresh import format_errors, refresh
from satmint.flows.revoke import revoke_session, revoke_subscriber
from satmint.flows.subscribers import delete_subscriber
from satmint.flows.token_issuer import TokenPair
from satmint.model.claims import Claims, TokenType, token_id
from satmint.model.events import EventKind
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from satmint.model.rotation import Head, Replayed, Rotated
from tests.kit.clock import NOW
from tests.kit.service import ORIGIN, Server, a_service
from tests.unit.flows.token_chain import Line, a_line
from tests.unit.jose.token_parts import header_of

JKT: Final = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
EXPIRED: Final = FieldError(Code.TOKEN_EXPIRED, "Token has expired.", "refresh_token")
INVALID: Final = FieldError(Code.TOKEN_INVALID, "Token is invalid.", "refresh_token")
NOT_REFRESH: Final = FieldError(
    Code.NOT_A_REFRESH_TOKEN, "Token is not a refresh token.", "refresh_token"
)
BAD_FORMAT: Final = FieldError(
    Code.INVALID_TOKEN_FORMAT, "Token format is invalid.", "refresh_token"
)


async def test_rotation_makes_the_next_generation_for_two_hours(server: Server) -> None:
    line = await a_line(server)
    server.clock.advance(100)
    assert await line.present() == Rotated(Head(1, NOW + 100, NOW + 100 + 7200))
    sat, refresh_token = line.sat(), line.refresh_claims()
    assert (sat.gen, sat.iat, sat.exp) == (1, NOW + 100, NOW + 7300)
    assert (refresh_token.gen, refresh_token.iat, refresh_token.exp) == (1, NOW + 100, NOW + 7600)
    assert sat.jti == token_id(sat.sid, 1, TokenType.SAT)
    assert refresh_token.jti == token_id(sat.sid, 1, TokenType.REFRESH)
    assert await server.events() == [
        EventKind.API_TOKEN_CREATED,
        EventKind.ISSUED,
        EventKind.REFRESHED,
    ]


async def test_a_short_or_long_first_life_is_two_hours_after_a_refresh(server: Server) -> None:
    for asked in (NOW + 60, NOW + 30 * 86_400):
        line = await a_line(server, expire_at=asked)
        assert (line.sat().exp, line.refresh_claims().exp) == (asked, asked + 300)
        await line.present()
        assert (line.sat().exp, line.refresh_claims().exp) == (NOW + 7200, NOW + 7500)


async def test_self_refresh_without_a_key_goes_on_living_a_minute_at_most(server: Server) -> None:
    """Else a refresh would widen the gap in which a thief can be the first to show a key."""
    line = await a_line(server, self_refresh=True)
    for _ in range(2):
        await line.present()
        assert (line.sat().exp, line.refresh_claims().exp) == (NOW + 60, NOW + 360)
    bound = await a_line(server, "bob", self_refresh=True, fingerprint=JKT)
    await bound.present()
    assert bound.sat().exp == NOW + 7200


async def test_lost_answer_is_given_again_equivalent_and_with_fresh_ivs(server: Server) -> None:
    line = await a_line(server)
    await line.present()
    before = await server.row_of_session(line.sat().sid)
    server.clock.advance(600)
    assert await line.present(0) == Replayed(Head(1, NOW, NOW + 7200))
    assert line.sat(1) == line.sat(2)
    assert line.refresh_claims(1) == line.refresh_claims(2)
    assert line.pairs[1].token != line.pairs[2].token
    assert line.pairs[1].refresh_token != line.pairs[2].refresh_token
    assert await server.row_of_session(line.sat().sid) == {**before, "replays": 1}
    assert (await server.events())[-2:] == [EventKind.REFRESHED, EventKind.REPLAYED]


@pytest.mark.parametrize("waited", [601, 7000])
async def test_answer_that_was_lost_too_long_ago_may_be_in_a_thiefs_hands(
    server: Server, waited: int
) -> None:
    """A thief who goes first and never shows the head's SAT is seen when the victim comes."""
    line = await a_line(server)
    await line.present()
    server.clock.advance(waited)
    assert await line.refused(0) == ((INVALID,), "reuse")
    assert (await server.row_of_session(line.sat().sid))["revoked_at"] == NOW + waited
    reuse = (await server.audit_trail())[-1]
    assert (reuse.kind, reuse.generation) == (EventKind.REUSE_DETECTED, 0)
    assert reuse.cause == "replay_window_over"
    assert await line.refused(1) == ((INVALID,), "revoked")


async def test_replayed_answer_goes_on_like_the_lost_one(server: Server) -> None:
    line = await a_line(server)
    await line.present()
    await line.present(0)
    assert await line.present(2) == Rotated(Head(2, NOW, NOW + 7200))
    assert await line.present(1) == Replayed(Head(2, NOW, NOW + 7200))


@pytest.mark.parametrize(
    ("waited", "answered"),
    [
        *[(0, True), (9, True), (10, True), (11, False), (600, False)],
        *[(-10, True), (-11, False), (-3600, False)],
    ],
)
async def test_parent_comes_back_after_its_child_was_seen_in_use(
    server: Server, waited: int, answered: bool
) -> None:
    line = await a_line(server)
    await line.present()
    assert (await server.info(line.pairs[1].token)).status_code == 200
    await server.settled()
    server.clock.advance(waited)
    if answered:
        assert isinstance(await line.present(0), Replayed)
    else:
        assert await line.refused(0) == ((INVALID,), "reuse")
        row = await server.row_of_session(line.sat().sid)
        assert row["revoked_at"] == NOW + waited
        assert EventKind.REUSE_DETECTED in await server.events()
        # Thief and victim both hold a token of this session: it is dead for both.
        assert await line.refused(1) == ((INVALID,), "revoked")
        assert [(await server.info(pair.token)).status_code for pair in line.pairs] == [401, 401]


async def test_grandparent_is_reuse_however_soon(server: Server) -> None:
    line = await a_line(server)
    await line.present()
    await line.present()
    assert await line.refused(0) == ((INVALID,), "reuse")
    assert await line.refused(-1) == ((INVALID,), "revoked")
    events = await server.events()
    assert events.count(EventKind.REUSE_DETECTED) == 1


async def test_rotation_spends_the_refresh_token_and_not_the_sat_beside_it(server: Server) -> None:
    line = await a_line(server)
    for _ in range(3):
        server.clock.advance(20)
        await line.present()
    assert [(await server.info(pair.token)).status_code for pair in line.pairs] == [200] * 4
    server.clock.at = NOW + 7200
    statuses = [(await server.info(pair.token)).status_code for pair in line.pairs]
    assert statuses == [401, 200, 200, 200]


@pytest.mark.parametrize(
    ("cap", "waited", "answered"), [(0, 0, False), (5, 5, True), (5, 6, False)]
)
async def test_cap_on_replays(tmp_path: Path, cap: int, waited: int, answered: bool) -> None:
    async with a_service(tmp_path, replay_seconds=cap) as server:
        line = await a_line(server)
        await line.present()
        server.clock.advance(waited)
        if answered:
            assert isinstance(await line.present(0), Replayed)
        else:
            assert await line.refused(0) == ((INVALID,), "reuse")


@pytest.mark.parametrize(("offset", "answered"), [(-1, True), (0, False), (1, False)])
async def test_refresh_token_at_the_second_of_its_expiry(
    server: Server, offset: int, answered: bool
) -> None:
    line = await a_line(server)
    server.clock.at = line.refresh_claims().exp + offset
    if answered:
        assert isinstance(await line.present(), Rotated)
    else:
        before = await server.rows()
        assert await line.refused() == ((EXPIRED,), "expired")
        assert await server.rows() == before


async def test_long_lived_parent_of_a_head_that_died_within_the_window_has_expired_too(
    tmp_path: Path,
) -> None:
    async with a_service(tmp_path, replay_seconds=7500) as server:
        line = await a_line(server, expire_at=NOW + 30 * 86_400)
        await line.present()
        server.clock.at = line.refresh_claims(1).exp
        assert await line.refused(0) == ((EXPIRED,), "expired")
        assert (await server.row_of_session(line.sat().sid))["revoked_at"] is None


@pytest.mark.parametrize("behind", [1, 2])
@pytest.mark.parametrize("seen", [False, True])
async def test_spent_token_is_evidence_after_its_end_too(
    server: Server, behind: int, *, seen: bool
) -> None:
    """A thief who rotates until the victim's token has expired is seen when it is presented."""
    line = await a_line(server)
    for _ in range(behind):
        await line.present()
        server.clock.advance(3000)
    await line.present()
    if seen:
        assert (await server.info(line.pairs[-1].token)).status_code == 200
        await server.settled()
    spent = line.refresh_claims(0).exp
    server.clock.at = spent
    assert await line.refused(0) == ((EXPIRED,), "reuse")
    assert (await server.row_of_session(line.sat().sid))["revoked_at"] == spent
    assert (await server.events())[-1] is EventKind.REUSE_DETECTED
    assert await line.refused(0) == ((EXPIRED,), "expired")
    assert (await server.events()).count(EventKind.REUSE_DETECTED) == 1
    assert (await server.info(line.pairs[-1].token)).status_code == 401


async def test_expired_token_of_a_session_that_was_purged_has_expired(server: Server) -> None:
    line = await a_line(server)
    server.clock.at = NOW + 40 * 86_400
    while (await server.services.store.purge(server.clock.now(), 0, 500)).removed:
        pass
    assert await line.refused() == ((EXPIRED,), "expired")


async def test_a_clock_that_goes_back_opens_no_window_that_was_over(server: Server) -> None:
    """The head was in use an hour after the rotation, as far as anybody knows."""
    line = await a_line(server)
    await line.present()
    assert (await server.info(line.pairs[1].token)).status_code == 200
    server.clock.advance(3600)
    assert (await server.info(line.pairs[1].token)).status_code == 200
    await server.settled()
    server.clock.advance(-3600)
    assert await line.refused(0) == ((INVALID,), "reuse")


async def test_a_head_made_while_the_clock_was_ahead_keeps_no_spent_token_alive(
    server: Server,
) -> None:
    line = await a_line(server, expire_at=NOW + 86_400)
    server.clock.advance(3600)
    await line.present()
    assert (await server.info(line.pairs[1].token)).status_code == 200
    await server.settled()
    server.clock.advance(-3600)
    assert await line.refused(0) == ((INVALID,), "reuse")


async def test_long_lived_parent_is_reuse_after_the_window(server: Server) -> None:
    line = await a_line(server, expire_at=NOW + 30 * 86_400)
    await line.present()
    server.clock.at = line.refresh_claims(1).exp
    assert await line.refused(0) == ((INVALID,), "reuse")


@pytest.mark.parametrize(
    ("text", "field_error", "cause"),
    [
        ("", BAD_FORMAT, "not_five_parts"),
        ("a.b.c", BAD_FORMAT, "not_five_parts"),
        ("a.b.c.d.e.f", BAD_FORMAT, "not_five_parts"),
        ("....", INVALID, "cannot_open"),
        ("a.b.c.d.e", INVALID, "cannot_open"),
        ("\ud800.\ud800.\ud800.\ud800.\ud800", INVALID, "cannot_open"),
    ],
)
async def test_text_that_is_no_token(
    server: Server, text: str, field_error: FieldError, cause: str
) -> None:
    assert await Line(server, [TokenPair("", text)]).refused() == ((field_error,), cause)
    assert format_errors(text) == ([BAD_FORMAT] if field_error is BAD_FORMAT else [])


async def test_sat_is_no_refresh_token_and_is_called_so(server: Server) -> None:
    line = await a_line(server)
    before = await server.rows()
    for text in (line.pairs[0].token, "x" + line.pairs[0].token):
        forged = Line(server, [TokenPair("", text)])
        genuine = text is line.pairs[0].token
        expected = (NOT_REFRESH, "is_a_sat") if genuine else (INVALID, "cannot_open")
        assert await forged.refused() == ((expected[0],), expected[1])
    assert await server.rows() == before


async def test_header_forged_to_say_sat_or_refresh_proves_nothing(server: Server) -> None:
    line = await a_line(server)
    sat, refresh_token = line.pairs[0].token.split("."), line.pairs[0].refresh_token.split(".")
    for head, rest in ((sat, refresh_token), (refresh_token, sat)):
        crossed = ".".join([head[0], *rest[1:]])
        assert await Line(server, [TokenPair("", crossed)]).refused() == ((INVALID,), "cannot_open")


async def test_token_of_another_project_is_invalid_and_changes_nothing(server: Server) -> None:
    line = await a_line(server)
    other = await server.another_tenant()
    before = await server.rows()
    with pytest.raises(Unprocessable) as refusal:
        await refresh(server.services, other.caller, line.pairs[0].refresh_token, ORIGIN)
    assert (refusal.value.field_errors, refusal.value.cause) == ((INVALID,), "foreign_project")
    server.clock.at = line.refresh_claims().exp + 1
    with pytest.raises(Unprocessable) as refusal:
        await refresh(server.services, other.caller, line.pairs[0].refresh_token, ORIGIN)
    assert refusal.value.field_errors == (INVALID,)
    assert await server.rows() == before


async def test_token_of_a_session_that_nobody_knows_is_invalid(server: Server) -> None:
    line = await a_line(server)
    stray = msgspec.structs.replace(line.refresh_claims(), sid=UUID(int=7))
    text = server.services.cipher.seal(stray, TokenType.REFRESH, None, NOW)
    assert await Line(server, [TokenPair("", text)]).refused() == ((INVALID,), "unknown_session")


async def test_token_from_after_the_backup_that_was_restored_is_invalid(server: Server) -> None:
    line = await a_line(server)
    later = msgspec.structs.replace(line.refresh_claims(), gen=1)
    text = server.services.cipher.seal(later, TokenType.REFRESH, None, NOW)
    assert await Line(server, [TokenPair("", text)]).refused() == ((INVALID,), "ahead_of_head")
    assert isinstance(await line.present(), Rotated)


async def test_revoked_session_refuses_every_generation(server: Server) -> None:
    line = await a_line(server)
    await line.present()
    await revoke_session(server.services, server.tenant.id, line.sat().sid, ORIGIN)
    assert await line.refused(0) == ((INVALID,), "revoked")
    assert await line.refused(1) == ((INVALID,), "revoked")


async def test_raised_epoch_refuses_what_was_issued_before_and_nothing_after(
    server: Server,
) -> None:
    line = await a_line(server)
    await revoke_subscriber(server.services, server.tenant.id, line.sat().sub, ORIGIN)
    assert await line.refused() == ((INVALID,), "revoked")
    later = await a_line(server)
    assert later.sat().epo == 1
    assert isinstance(await later.present(), Rotated)


async def test_token_that_carries_an_older_epoch_than_its_subscriber_is_invalid(
    server: Server,
) -> None:
    line = await a_line(server)
    await revoke_subscriber(server.services, server.tenant.id, line.sat().sub, ORIGIN)
    later = await a_line(server)
    stale = msgspec.structs.replace(later.refresh_claims(), epo=0)
    text = server.services.cipher.seal(stale, TokenType.REFRESH, None, NOW)
    assert await Line(server, [TokenPair("", text)]).refused() == ((INVALID,), "stale_epoch")


async def test_deleted_subscriber_is_not_found(server: Server) -> None:
    line = await a_line(server)
    await delete_subscriber(server.services, server.tenant.id, line.sat().sub, ORIGIN)
    before = await server.rows()
    with pytest.raises(NotFound) as refusal:
        await line.present()
    assert refusal.value.cause == "subscriber_deleted"
    assert await server.rows() == before


async def test_session_ends_at_its_deadline_however_often_it_is_refreshed(tmp_path: Path) -> None:
    async with a_service(tmp_path, max_session_seconds=10_000) as server:
        line = await a_line(server)
        server.clock.at = NOW + 7000
        await line.present()
        assert (line.sat().exp, line.refresh_claims().exp) == (NOW + 9700, NOW + 10_000)
        server.clock.at = NOW + 9699
        await line.present()
        assert (line.sat().exp, line.refresh_claims().exp) == (NOW + 9700, NOW + 10_000)
        server.clock.at = NOW + 9700
        assert await line.refused() == ((EXPIRED,), "deadline")


@pytest.mark.parametrize(
    ("region", "hosts"),
    [
        (None, ["puc.example.com"] * 3),
        ("us-central", ["puc.example.com"] * 3),
        ("eu-west", ["puc.eu.example.com", "puc.eu.example.com", "puc.example.com"]),
    ],
)
async def test_token_keeps_its_region_for_as_long_as_there_is_one(
    tmp_path: Path, region: str | None, hosts: list[str]
) -> None:
    host = "puc.example.com"
    regions = {"us-central": None, "eu-west": "puc.eu.example.com"}
    async with a_service(tmp_path, cluster_host=host, regions=regions) as server:
        line = await a_line(server, region=region)
        await line.present()
        clock, tenant = server.clock, server.tenant
    async with a_service(tmp_path, clock=clock, tenant=tenant, cluster_host=host) as server:
        line.server = server
        await line.present()
    assert [header_of(pair.token).get("ch") for pair in line.pairs] == hosts
    assert [header_of(pair.refresh_token).get("ch") for pair in line.pairs] == hosts


requests = st.builds(
    SubscriberTokenRequest,
    reference=st.sampled_from(["alice", "bob@example.com"]),
    expire_at=st.none() | st.integers(NOW + 1, NOW + 90 * 86_400),
    application_id=st.none() | st.uuids(),
    fingerprint=st.none() | st.just(JKT),
    self_refresh=st.booleans(),
)
GENERATION: Final = {"gen", "jti", "iat", "exp"}


def rights(claims: Claims) -> dict[str, object]:
    """Everything that a refresh must leave as it is."""
    said: dict[str, object] = msgspec.to_builtins(claims)
    return {name: value for name, value in said.items() if name not in GENERATION}


@settings(max_examples=40)
@given(
    asked=requests | st.lists(st.integers(0, 2), min_size=1, unique=True),
    ref=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9)), min_size=1, max_size=6),
)
async def test_a_refresh_never_changes_rights(
    server: Server,
    asked: SubscriberTokenRequest | list[int],
    ref: list[tuple[int, int]],
) -> None:
    """claims(new) = claims(old) except gen, jti, iat, exp, in every line and every replay."""
    server.clock.at = NOW
    services, caller = server.services, server.tenant.caller
    if isinstance(asked, SubscriberTokenRequest):
        tokens = await subscriber_tokens(services, caller, asked, ORIGIN)
        line = Line(server, [TokenPair(tokens.token, tokens.refresh_token)])
    else:
        places = tuple(server.tenant.addresses[at].id for at in asked)
        line = Line(
            server, [await guest_tokens(services, caller, GuestTokenRequest(places), ORIGIN)]
        )
    first, heads = rights(line.sat()), [line.pairs[0]]
    for behind, waited in ref:
        server.clock.advance(waited)
        parent = heads[-1 - behind] if behind < len(heads) else heads[-1]
        head_before = server.claims(heads[-1].token)
        pair, verdict = await refresh(services, caller, parent.refresh_token, ORIGIN)
        line.pairs.append(pair)
        if isinstance(verdict, Rotated):
            heads.append(pair)
            assert line.sat().gen == head_before.gen + 1
            assert line.sat().iat == server.clock.now()
        else:
            assert line.sat() == head_before
        assert rights(line.sat()) == first
        assert rights(line.refresh_claims()) == first
        assert line.refresh_claims().exp == line.sat().exp + 300


def test_pair_does_not_print_its_tokens() -> None:
    assert (
        repr(TokenPair("secret", "secret"))
        == str(TokenPair("secret", "secret"))
        == "TokenPair(hidden)"
    )
