"""Issue: the first tokens of a session, for each kind of holder."""

from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from satmint.flows.callers import ApiTokenCaller, SubscriberCaller, subscriber_caller
from satmint.flows.credentials import disable_c2c_token
from satmint.flows.invites import InviteTokenRequest, invite_token
from satmint.flows.issue import (
    GuestTokenRequest,
    SubscriberTokenRequest,
    SubscriberTokens,
    embed_token,
    guest_tokens,
    subscriber_tokens,
)
from satmint.flows.subscribers import SubscriberFields, get_subscriber, update_subscriber
from satmint.model.claims import Confirmation, Kind, TokenType, token_id
from satmint.model.events import EventKind, Origin
from satmint.model.records import Profile
from satmint.model.refusals import (
    Code,
    FieldError,
    Forbidden,
    NotFound,
    RateLimited,
    Unprocessable,
)
from satmint.model.secrets import new_c2c_token
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy
from tests.kit.service import ORIGIN, Server, a_service
from tests.unit.flows.token_chain import a_line
from tests.unit.jose.token_parts import header_of

JKT: Final = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


async def issue(server: Server, request: SubscriberTokenRequest) -> SubscriberTokens:
    return await subscriber_tokens(server.services, server.tenant.caller, request, ORIGIN)


async def holder(server: Server, reference: str = "alice") -> SubscriberCaller:
    line = await a_line(server, reference)
    return await subscriber_caller(server.services, line.pairs[0].token)


async def own_address(server: Server, subscriber: UUID) -> UUID:
    rows = (await server.rows("addresses"))["addresses"]
    (found,) = [row for row in rows if row[7] == subscriber.bytes]
    assert isinstance(found[1], bytes)
    return UUID(bytes=found[1])


async def test_subscriber_is_created_once_and_gets_a_session_each_time(server: Server) -> None:
    first = await issue(server, SubscriberTokenRequest("alice@example.com"))
    resent = await issue(server, SubscriberTokenRequest("alice@example.com"))
    assert first.subscriber_id == resent.subscriber_id
    one, other = server.claims(first.token), server.claims(resent.token)
    assert one.sid != other.sid
    assert (one.kind, one.gen, one.epo, one.scope) == (Kind.SUBSCRIBER, 0, 0, ())
    assert (one.iss, one.prj, one.sub) == ("satmint", server.tenant.id, first.subscriber_id)
    assert (one.cnf, one.addr, one.app) == (None, None, None)
    assert (one.iat, one.exp) == (NOW, NOW + 7200)
    assert server.claims(first.refresh_token, TokenType.REFRESH).exp == NOW + 7500
    found = await get_subscriber(server.services.store, server.tenant.id, first.subscriber_id)
    assert (found.reference, found.email) == ("alice@example.com", "alice@example.com")


async def test_reference_that_is_no_address_is_no_e_mail(server: Server) -> None:
    tokens = await issue(server, SubscriberTokenRequest("user 7"))
    found = await get_subscriber(server.services.store, server.tenant.id, tokens.subscriber_id)
    assert (found.reference, found.email) == ("user 7", None)


async def test_fields_given_are_set_and_the_others_stay(server: Server) -> None:
    fields: dict[str, str | None] = {"first_name": "Alice", "country": "NO"}
    tokens = await issue(server, SubscriberTokenRequest("alice", fields=fields))
    server.clock.advance(5)
    later: dict[str, str | None] = {"country": "SE"}
    await issue(server, SubscriberTokenRequest("alice", fields=later, region="us-central"))
    found = await get_subscriber(server.services.store, server.tenant.id, tokens.subscriber_id)
    assert found.profile == Profile(first_name="Alice", country="SE", region="us-central")
    assert (found.created_at, found.updated_at) == (NOW, NOW + 5)


@pytest.mark.usefixtures("password_hash_of_production")
async def test_password_rests_as_argon2id_and_an_empty_one_leaves_it(server: Server) -> None:
    async def resting() -> list[object]:
        rows = (await server.rows("subscribers"))["subscribers"]
        return [row[5] for row in rows if row[3] == "alice"]

    await issue(server, SubscriberTokenRequest("alice", password="correct horse"))
    (first,) = await resting()
    assert str(first).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    await issue(server, SubscriberTokenRequest("alice", password=""))
    await issue(server, SubscriberTokenRequest("alice"))
    assert await resting() == [first]
    await issue(server, SubscriberTokenRequest("alice", password="battery staple"))
    assert await resting() != [first]


async def test_request_does_not_print_the_password() -> None:
    assert "hunter2" not in repr(SubscriberTokenRequest("alice", password="hunter2"))
    assert "hunter2" not in repr(SubscriberFields(password="hunter2"))


def test_answer_does_not_print_its_tokens() -> None:
    assert "secret" not in repr(SubscriberTokens(UUID(int=1), "secret", "secret"))


@pytest.mark.parametrize("offset", [0, -1, -NOW, -NOW - 1])
async def test_expiry_must_be_later_than_now(server: Server, offset: int) -> None:
    before = await server.rows()
    field_error = FieldError(
        Code.INVALID_PARAMETER, f"Expire At must be greater than {NOW}", "expire_at"
    )
    with pytest.raises(Unprocessable) as refusal:
        await issue(server, SubscriberTokenRequest("alice", expire_at=NOW + offset))
    assert refusal.value.field_errors == (field_error,)
    places = (server.tenant.addresses[0].id,)
    with pytest.raises(Unprocessable) as refusal:
        await guest_tokens(
            server.services, server.tenant.caller, GuestTokenRequest(places, NOW + offset), ORIGIN
        )
    assert refusal.value.field_errors == (field_error,)
    assert await server.rows() == before


async def test_ceiling_on_the_life_that_may_be_asked_for(tmp_path: Path) -> None:
    async with a_service(tmp_path, max_token_seconds=86_400) as server:
        tokens = await issue(server, SubscriberTokenRequest("alice", expire_at=NOW + 86_400))
        assert server.claims(tokens.token).exp == NOW + 86_400
        with pytest.raises(Unprocessable) as refusal:
            await issue(server, SubscriberTokenRequest("alice", expire_at=NOW + 86_401))
        message = f"Expire At must not be greater than {NOW + 86_400}"
        assert refusal.value.field_errors == (
            FieldError(Code.INVALID_PARAMETER, message, "expire_at"),
        )


async def test_session_s_deadline_cuts_its_first_tokens(tmp_path: Path) -> None:
    async with a_service(tmp_path, max_session_seconds=600) as server:
        tokens = await issue(server, SubscriberTokenRequest("alice"))
        assert server.claims(tokens.token).exp == NOW + 300
        assert server.claims(tokens.refresh_token, TokenType.REFRESH).exp == NOW + 600


@pytest.mark.parametrize(
    ("asked", "fingerprint", "self_refresh", "life"),
    [
        (None, None, True, 60),
        (NOW + 30, None, True, 30),
        (NOW + 600, None, True, 60),
        (None, JKT, True, 7200),
        (NOW + 600, JKT, True, 600),
        (None, JKT, False, 7200),
        (None, None, False, 7200),
    ],
)
async def test_self_refresh_without_a_key_lives_a_minute_at_most(
    server: Server, asked: int | None, fingerprint: str | None, self_refresh: bool, life: int
) -> None:
    request = SubscriberTokenRequest(
        "alice", expire_at=asked, fingerprint=fingerprint, self_refresh=self_refresh
    )
    claims = server.claims((await issue(server, request)).token)
    assert claims.exp == NOW + life
    assert claims.scope == (("sat:refresh",) if self_refresh else ())
    assert claims.cnf == (None if fingerprint is None else Confirmation(fingerprint))


async def test_application_is_a_claim(server: Server) -> None:
    app = UUID("b1946ac9-2492-4d23-8f1b-3a5c7e9d0b2f")
    tokens = await issue(server, SubscriberTokenRequest("alice", application_id=app))
    assert server.claims(tokens.token).app == app
    assert server.claims(tokens.refresh_token, TokenType.REFRESH).app == app


async def test_reference_that_is_another_subscriber_s_address_is_a_subscriber_without_it(
    server: Server,
) -> None:
    bob = await issue(server, SubscriberTokenRequest("bob"))
    await update_subscriber(
        server.services,
        server.tenant.id,
        bob.subscriber_id,
        SubscriberFields({"email": "bob@example.com"}),
    )
    made = await issue(server, SubscriberTokenRequest("Bob@Example.com"))
    assert made.subscriber_id != bob.subscriber_id
    found = await server.services.store.subscribers.get(server.tenant.id, made.subscriber_id)
    assert found is not None
    assert (found.reference, found.email) == ("Bob@Example.com", None)


async def test_one_reference_in_two_projects_is_two_subscribers(server: Server) -> None:
    other = await server.another_tenant()
    request = SubscriberTokenRequest("alice@example.com")
    here = await issue(server, request)
    there = await subscriber_tokens(server.services, other.caller, request, ORIGIN)
    assert here.subscriber_id != there.subscriber_id
    assert server.claims(there.token).prj == other.id


@pytest.mark.parametrize(
    ("region", "host"),
    [
        (None, "puc.example.com"),
        ("us-central", "puc.example.com"),
        ("eu-west", "puc.eu.example.com"),
    ],
)
async def test_region_picks_the_cluster_host_of_both_tokens(
    tmp_path: Path, region: str | None, host: str
) -> None:
    regions = {"us-central": None, "eu-west": "puc.eu.example.com"}
    async with a_service(tmp_path, cluster_host="puc.example.com", regions=regions) as server:
        tokens = await issue(server, SubscriberTokenRequest("alice", region=region))
        assert header_of(tokens.token)["ch"] == header_of(tokens.refresh_token)["ch"] == host


async def test_without_a_cluster_host_there_is_no_ch(server: Server) -> None:
    tokens = await issue(server, SubscriberTokenRequest("alice"))
    assert "ch" not in header_of(tokens.token)


async def test_guest_may_reach_the_addresses_named_and_refresh(server: Server) -> None:
    places = tuple(address.id for address in server.tenant.addresses[:2])
    request = GuestTokenRequest(places, NOW + 600, "puc.example.com")
    pair = await guest_tokens(server.services, server.tenant.caller, request, ORIGIN)
    claims = server.claims(pair.token)
    assert (claims.kind, claims.addr, claims.exp) == (Kind.GUEST, places, NOW + 600)
    assert header_of(pair.token)["ch"] == "puc.example.com"
    (temporary,) = (await server.rows("subscribers"))["subscribers"]
    assert (temporary[1], temporary[2], temporary[3]) == (claims.sub.bytes, "guest", None)


async def test_guest_may_not_be_let_in_to_another_project(server: Server) -> None:
    other = await server.another_tenant()
    before = await server.rows()
    for places in (
        (other.addresses[0].id,),
        (server.tenant.addresses[0].id, other.addresses[0].id),
        (UUID(int=7),),
    ):
        with pytest.raises(Unprocessable) as refusal:
            await guest_tokens(
                server.services, server.tenant.caller, GuestTokenRequest(places), ORIGIN
            )
        message = "The addresses must belong to the project"
        assert refusal.value.field_errors == (
            FieldError(Code.MUST_BELONG_TO_PROJECT, message, "allowed_addresses"),
        )
    assert await server.rows() == before


async def test_subscriber_invites_to_its_own_address_and_backend_to_any_subscriber_s(
    server: Server,
) -> None:
    alice = await holder(server)
    place = await own_address(server, alice.claims.sub)
    for inviter in (alice, server.tenant.caller):
        token = await invite_token(
            server.services, inviter, InviteTokenRequest(place, NOW + 600), ORIGIN
        )
        claims = server.claims(token)
        assert (claims.kind, claims.addr, claims.exp) == (Kind.INVITE, (place,), NOW + 600)
        assert (claims.gen, claims.jti) == (0, token_id(claims.sid, 0, TokenType.SAT))
        assert claims.sub != alice.claims.sub


async def test_addresses_that_cannot_be_given_out(server: Server) -> None:
    alice, bob = await holder(server), await holder(server, "bob")
    other = await server.another_tenant()
    caller = server.tenant.caller
    foreign = FieldError(
        Code.MUST_BELONG_TO_PROJECT, "The address must belong to the project", "address_id"
    )
    not_own = FieldError(
        Code.INVALID_PARAMETER, "The address must belong to the subscriber", "address_id"
    )
    cases: list[tuple[ApiTokenCaller | SubscriberCaller, UUID, FieldError]] = [
        (alice, await own_address(server, bob.claims.sub), not_own),
        (alice, server.tenant.addresses[0].id, not_own),
        (caller, server.tenant.addresses[0].id, not_own),
        (alice, other.addresses[0].id, foreign),
        (caller, other.addresses[0].id, foreign),
        (other.caller, await own_address(server, alice.claims.sub), foreign),
        (alice, UUID(int=7), foreign),
    ]
    before = await server.rows()
    for inviter, place, field_error in cases:
        with pytest.raises(Unprocessable) as refusal:
            await invite_token(server.services, inviter, InviteTokenRequest(place), ORIGIN)
        assert refusal.value.field_errors == (field_error,)
    with pytest.raises(Unprocessable) as refusal:
        await invite_token(server.services, alice, InviteTokenRequest(UUID(int=7), NOW), ORIGIN)
    message = f"Expires At must be greater than {NOW}"
    assert refusal.value.field_errors == (
        FieldError(Code.INVALID_PARAMETER, message, "expires_at"),
    )
    assert await server.rows() == before


async def test_guest_invites_nobody(server: Server) -> None:
    places = (server.tenant.addresses[0].id,)
    pair = await guest_tokens(
        server.services, server.tenant.caller, GuestTokenRequest(places), ORIGIN
    )
    guest = await subscriber_caller(server.services, pair.token)
    with pytest.raises(Forbidden) as refusal:
        await invite_token(server.services, guest, InviteTokenRequest(places[0]), ORIGIN)
    assert refusal.value.cause == "not_a_subscriber"


async def test_visitor_of_a_page_gets_an_embed_token(server: Server) -> None:
    _, text = await server.c2c_token()
    claims = server.claims(await embed_token(server.services, text, "https://x.example", ORIGIN))
    assert (claims.kind, claims.addr) == (Kind.EMBED, (server.tenant.addresses[0].id,))
    assert (claims.gen, claims.jti) == (0, token_id(claims.sid, 0, TokenType.SAT))
    assert (claims.exp, claims.prj) == (NOW + 7200, server.tenant.id)
    assert (await server.events())[-2:] == [EventKind.C2C_TOKEN_CREATED, EventKind.ISSUED]


async def test_click_to_call_tokens_that_are_none(server: Server) -> None:
    unknown = new_c2c_token(SeededEntropy("unknown")).reveal()
    misspelt = unknown[:-1] + ("0" if unknown[-1] != "0" else "1")
    before = await server.rows()
    api_token = ": this is an API token. Keep it out of pages, and delete it if one contained it"
    for text, said in (
        ("", ""),
        ("C2C_" + unknown[4:], ""),
        ("x" + unknown, ""),
        (server.tenant.api_token, api_token),
    ):
        with pytest.raises(Unprocessable) as refusal:
            await embed_token(server.services, text, None, ORIGIN)
        message = f"Token must begin with c2c_{said}"
        assert refusal.value.field_errors == (
            FieldError(Code.TOKEN_HAS_INVALID_PREFIX, message, "token"),
        )
    for text in (unknown, misspelt, "c2c_", unknown + "\n", "c2c_\ud800"):
        with pytest.raises(NotFound):
            await embed_token(server.services, text, None, ORIGIN)
    assert await server.rows() == before


async def test_disabled_click_to_call_token_is_forbidden(server: Server) -> None:
    token, text = await server.c2c_token()
    await disable_c2c_token(server.services, server.tenant.id, token, ORIGIN)
    with pytest.raises(Forbidden) as refusal:
        await embed_token(server.services, text, None, ORIGIN)
    assert refusal.value.cause == "disabled"


async def test_click_to_call_token_works_from_its_origins_only(server: Server) -> None:
    _, text = await server.c2c_token(None, "https://a.example", "https://b.example:8443")
    for origin in ("https://a.example", "https://b.example:8443"):
        assert await embed_token(server.services, text, origin, ORIGIN)
    for wrong in (
        None,
        "null",
        "",
        "https://a.example/",
        "http://a.example",
        "https://a.example:443",
        "https://evil-a.example",
        "https://a.example https://b.example:8443",
    ):
        with pytest.raises(Forbidden) as refusal:
            await embed_token(server.services, text, wrong, ORIGIN)
        assert refusal.value.cause == "origin"


async def test_exchanges_are_limited_per_token_and_address(tmp_path: Path) -> None:
    async with a_service(tmp_path, embeds_per_minute=2) as server:
        _, text = await server.c2c_token()
        _, second = await server.c2c_token()
        here, there = ORIGIN, Origin("kit", "10.0.0.2", "tests")
        for _ in range(2):
            await embed_token(server.services, text, None, here)
        server.clock.advance(59)
        with pytest.raises(RateLimited) as refusal:
            await embed_token(server.services, text, None, here)
        assert (refusal.value.retry_after, refusal.value.cause) == (1, "embeds")
        assert await embed_token(server.services, text, None, there)
        assert await embed_token(server.services, second, None, here)
        server.clock.advance(1)
        assert await embed_token(server.services, text, None, here)


async def test_guessing_click_to_call_tokens_is_limited_no_less(tmp_path: Path) -> None:
    async with a_service(tmp_path, failures_per_minute=1) as server:
        unknown = new_c2c_token(SeededEntropy("unknown")).reveal()
        with pytest.raises(NotFound):
            await embed_token(server.services, unknown, None, ORIGIN)
        with pytest.raises(RateLimited):
            await embed_token(server.services, unknown, None, ORIGIN)
