"""Who is calling: backends and holders, and what is counted against them."""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import pytest

from satmint.flows import callers as callers_module
from satmint.flows.callers import (
    CallerAuthenticator,
    active_subscriber_caller,
    subscriber_caller,
    subscriber_caller_of_opened,
)
from satmint.flows.credentials import create_api_token, delete_api_token, update_api_token
from satmint.flows.revoke import revoke_session, revoke_subscriber
from satmint.flows.subscribers import delete_subscriber
from satmint.model.claims import TokenType
from satmint.model.permissions import FABRIC, MANAGEMENT, Permission
from satmint.model.records import ApiToken, ApiTokenUse
from satmint.model.refusals import RateLimited, Unauthorized
from satmint.model.rotation import RefreshTokenRef
from satmint.model.secrets import digest
from satmint.model.secrets import mask as mask_of
from satmint.store.contract import ProjectStore
from tests.kit.clock import NOW
from tests.kit.proofs import Signer
from tests.kit.service import ORIGIN, Server, Tenant, a_service
from tests.unit.flows.token_chain import a_line

HERE: Final = "10.0.0.1"


def basic(user: object, password: str) -> bytes:
    return b"Basic " + b64encode(f"{user}:{password}".encode())


def right(tenant: Tenant) -> bytes:
    return basic(tenant.id, tenant.api_token)


@pytest.fixture
def callers(server: Server) -> CallerAuthenticator:
    return CallerAuthenticator(server.services)


async def cause_of_no_backend(callers: CallerAuthenticator, authorization: bytes) -> str:
    with pytest.raises(Unauthorized) as refusal:
        await callers.authenticate_api_token(authorization, FABRIC, HERE)
    return refusal.value.cause


async def cause_of_no_holder(callers: CallerAuthenticator, authorization: bytes) -> str:
    with pytest.raises(Unauthorized) as refusal:
        await callers.authenticate_subscriber_token(authorization, HERE)
    return refusal.value.cause


async def test_backend_is_known_by_project_and_api_token(
    server: Server, callers: CallerAuthenticator
) -> None:
    for authorization in (
        right(server.tenant),
        right(server.tenant).replace(b"Basic ", b"bAsIc  "),
        basic(str(server.tenant.id).upper(), server.tenant.api_token),
    ):
        caller = await callers.authenticate_api_token(authorization, MANAGEMENT, HERE)
        assert (caller.project, caller.permissions) == (server.tenant.id, frozenset(Permission))


async def test_credentials_that_are_none(server: Server, callers: CallerAuthenticator) -> None:
    tenant, other = server.tenant, await server.another_tenant()
    wrong = [
        b"Basic",
        b"Basic ",
        b"Basic !!!",
        b"Basic " + b64encode(b"\xff\xfe:x"),
        b"Basic " + b64encode(f"{tenant.id}{tenant.api_token}".encode()),
        b"Basic " + b64encode(f"{tenant.id}:{tenant.api_token}".encode()).rstrip(b"=") + b"\x80",
        b"Bearer " + tenant.api_token.encode(),
        b"Digest " + b64encode(f"{tenant.id}:{tenant.api_token}".encode()),
        basic(tenant.id, ""),
        basic(tenant.id, tenant.api_token + "0"),
        basic(tenant.id, tenant.api_token.lower()),
        basic(tenant.id, f"{tenant.api_token}:"),
        basic(tenant.id.hex, tenant.api_token),
        basic(f"{{{tenant.id}}}", tenant.api_token),
        basic("", tenant.api_token),
        basic(UUID(int=0), tenant.api_token),
        basic(other.id, tenant.api_token),
        basic(tenant.id, other.api_token),
    ]
    assert [await cause_of_no_backend(callers, one) for one in wrong] == (
        ["bad_credentials"] * len(wrong)
    )
    assert await cause_of_no_backend(callers, b"") == "no_credentials"


async def test_api_token_without_the_permission_is_not_enough(
    server: Server, callers: CallerAuthenticator
) -> None:
    project = server.tenant.id
    for permission in Permission:
        _, secret = await create_api_token(
            server.services, project, "narrow", frozenset({permission}), ORIGIN
        )
        authorization = basic(project, secret.reveal())
        for wanted in (FABRIC, MANAGEMENT):
            if permission in wanted:
                caller = await callers.authenticate_api_token(authorization, wanted, HERE)
                assert caller.permissions == {permission}
            else:
                with pytest.raises(Unauthorized) as refusal:
                    await callers.authenticate_api_token(authorization, wanted, HERE)
                assert refusal.value.cause == "permission_missing"
    assert {Permission.CALLING, Permission.MESSAGING, Permission.FAX, Permission.VIDEO} == FABRIC
    assert {Permission.MANAGEMENT} == MANAGEMENT


async def test_insufficient_permissions_are_no_failed_attempt(tmp_path: Path) -> None:
    async with a_service(tmp_path, failures_per_minute=1) as server:
        callers = CallerAuthenticator(server.services)
        _, secret = await create_api_token(
            server.services, server.tenant.id, "chat", frozenset({Permission.CHAT}), ORIGIN
        )
        authorization = basic(server.tenant.id, secret.reveal())
        causes = [await cause_of_no_backend(callers, authorization) for _ in range(5)]
        assert causes == ["permission_missing"] * 5


async def test_token_that_is_deleted_here_is_forgotten_at_once(
    server: Server, callers: CallerAuthenticator
) -> None:
    project = server.tenant.id
    token, secret = await create_api_token(server.services, project, "x", FABRIC, ORIGIN)
    authorization = basic(project, secret.reveal())
    await callers.authenticate_api_token(authorization, FABRIC, HERE)
    await callers.authenticate_api_token(right(await server.another_tenant()), FABRIC, HERE)
    await delete_api_token(server.services, project, token.id, ORIGIN)
    callers.evict(project)
    assert await cause_of_no_backend(callers, authorization) == "bad_credentials"
    assert {caller.project for _, caller in callers._cache.values()} != {project}


async def test_token_that_is_deleted_elsewhere_is_forgotten_within_the_second(
    server: Server, callers: CallerAuthenticator
) -> None:
    project = server.tenant.id
    token, secret = await create_api_token(server.services, project, "x", FABRIC, ORIGIN)
    authorization = basic(project, secret.reveal())
    await callers.authenticate_api_token(authorization, FABRIC, HERE)
    await delete_api_token(server.services, project, token.id, ORIGIN)
    assert (await callers.authenticate_api_token(authorization, FABRIC, HERE)).api_token == token.id
    server.clock.advance(1)
    assert await cause_of_no_backend(callers, authorization) == "bad_credentials"
    assert not callers._cache


async def test_token_that_is_deleted_elsewhere_is_not_remembered_when_its_second_comes_again(
    server: Server, callers: CallerAuthenticator
) -> None:
    project = server.tenant.id
    token, secret = await create_api_token(server.services, project, "x", FABRIC, ORIGIN)
    authorization = basic(project, secret.reveal())
    await callers.authenticate_api_token(authorization, FABRIC, HERE)
    await delete_api_token(server.services, project, token.id, ORIGIN)
    server.clock.advance(3600)
    server.clock.step(-3600)
    assert await cause_of_no_backend(callers, authorization) == "bad_credentials"
    server.clock.advance(-1)
    assert await cause_of_no_backend(callers, authorization) == "bad_credentials"


async def test_permissions_that_were_taken_away_are_gone_after_the_second(
    server: Server, callers: CallerAuthenticator
) -> None:
    project = server.tenant.id
    token, secret = await create_api_token(server.services, project, "x", FABRIC, ORIGIN)
    authorization = basic(project, secret.reveal())
    await callers.authenticate_api_token(authorization, FABRIC, HERE)
    await update_api_token(server.services, project, token.id, None, frozenset(), ORIGIN)
    server.clock.advance(1)
    assert await cause_of_no_backend(callers, authorization) == "permission_missing"


async def test_what_is_remembered_of_callers_is_bounded_and_no_secret(
    server: Server, callers: CallerAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers_module, "_MAX_CACHED_CALLERS", 2)
    tenants = [await server.another_tenant(str(number)) for number in range(4)]
    for tenant in tenants:
        await callers.authenticate_api_token(right(tenant), FABRIC, HERE)
    assert [caller.project for _, caller in callers._cache.values()] == [
        tenant.id for tenant in tenants[2:]
    ]
    assert {len(key) for key in callers._cache} == {32}


async def test_failures_are_counted_by_address_and_hold_back_no_right_credential(
    tmp_path: Path,
) -> None:
    async with a_service(tmp_path, failures_per_minute=3) as server:
        callers = CallerAuthenticator(server.services)
        wrong = basic(server.tenant.id, "PTwrong")
        pair = await server.sign_in()
        for _ in range(3):
            assert await cause_of_no_backend(callers, wrong) == "bad_credentials"
        for attempt in (
            callers.authenticate_api_token(wrong, FABRIC, HERE),
            callers.authenticate_subscriber_token(b"Bearer x", HERE),
        ):
            with pytest.raises(RateLimited) as refusal:
                await attempt
            assert (refusal.value.retry_after, refusal.value.cause) == (60, "failed_credentials")
        caller = await callers.authenticate_api_token(right(server.tenant), FABRIC, HERE)
        holder = await callers.authenticate_subscriber_token(
            b"Bearer " + pair["token"].encode(), HERE
        )
        assert caller.project == holder.project == server.tenant.id
        with pytest.raises(Unauthorized):
            await callers.authenticate_api_token(wrong, FABRIC, "10.0.0.2")
        server.clock.advance(60)
        assert await cause_of_no_backend(callers, wrong) == "bad_credentials"


async def test_showing_nothing_is_no_failed_attempt(tmp_path: Path) -> None:
    async with a_service(tmp_path, failures_per_minute=1) as server:
        callers = CallerAuthenticator(server.services)
        for _ in range(3):
            assert await cause_of_no_backend(callers, b"") == "no_credentials"
            assert await cause_of_no_holder(callers, b"") == "no_credentials"
        assert await cause_of_no_holder(callers, b"Bearer x") == "cannot_open"


async def test_holder_is_known_by_a_sat(server: Server, callers: CallerAuthenticator) -> None:
    line = await a_line(server)
    for scheme in (b"Bearer ", b"bearer ", b"BEARER  "):
        holder = await callers.authenticate_subscriber_token(
            scheme + line.pairs[0].token.encode(), HERE
        )
        assert holder.claims == line.sat()
        assert (holder.project, holder.session.id) == (server.tenant.id, line.sat().sid)
        assert holder.ch is None


async def test_bearers_that_hold_nothing(server: Server, callers: CallerAuthenticator) -> None:
    line = await a_line(server)
    pair = line.pairs[0]
    cases = {
        b"": "no_credentials",
        b"Bearer": "cannot_open",
        b"Bearer ": "cannot_open",
        b"Basic " + pair.token.encode(): "no_credentials",
        b"Bearer \xff\xfe": "cannot_open",
        b"Bearer " + pair.token.encode() + b"x": "cannot_open",
        b"Bearer " + pair.refresh_token.encode(): "cannot_open",
        b"Bearer " + server.tenant.api_token.encode(): "cannot_open",
    }
    causes = {shown: await cause_of_no_holder(callers, shown) for shown in cases}
    assert causes == cases


@pytest.mark.parametrize(("offset", "good"), [(-1, True), (0, False), (1, False)])
async def test_sat_at_the_second_of_its_expiry(server: Server, offset: int, good: bool) -> None:
    line = await a_line(server)
    server.clock.at = line.sat().exp + offset
    if good:
        assert (await subscriber_caller(server.services, line.pairs[0].token)).claims == line.sat()
    else:
        with pytest.raises(Unauthorized) as refusal:
            await subscriber_caller(server.services, line.pairs[0].token)
        assert refusal.value.cause == "expired"


async def test_sats_whose_session_does_not_stand(
    server: Server, callers: CallerAuthenticator
) -> None:
    revoked, stale, gone = [await a_line(server, name) for name in ("a", "b", "c")]
    await revoke_session(server.services, server.tenant.id, revoked.sat().sid, ORIGIN)
    await revoke_subscriber(server.services, server.tenant.id, stale.sat().sub, ORIGIN)
    await delete_subscriber(server.services, server.tenant.id, gone.sat().sub, ORIGIN)
    state = (await a_line(server)).sat()
    other_epoch = msgspec.structs.replace(state, epo=5)
    nowhere = msgspec.structs.replace(state, sid=UUID(int=7))
    ahead = msgspec.structs.replace(state, gen=1)
    sealed = [
        server.services.cipher.seal(claims, TokenType.SAT, None, NOW)
        for claims in (other_epoch, nowhere, ahead)
    ]
    shown = [line.pairs[0].token for line in (revoked, stale, gone)] + sealed
    causes = [await cause_of_no_holder(callers, b"Bearer " + one.encode()) for one in shown]
    assert causes == [
        "revoked",
        "revoked",
        "revoked",
        "revoked",
        "unknown_session",
        "ahead_of_head",
    ]


async def test_head_is_noted_as_seen_once_and_ancestors_never(server: Server) -> None:
    line = await a_line(server)
    assert (await server.row_of_session(line.sat().sid))["seen_generation"] == -1
    await subscriber_caller(server.services, line.pairs[0].token)
    assert (await server.row_of_session(line.sat().sid))["seen_generation"] == 0
    await line.present()
    await subscriber_caller(server.services, line.pairs[0].token)
    assert (await server.row_of_session(line.sat().sid))["seen_generation"] == 0
    await asyncio.gather(
        *(subscriber_caller(server.services, line.pairs[1].token) for _ in range(5))
    )
    assert (await server.row_of_session(line.sat().sid))["seen_generation"] == 1


async def test_what_is_noted_already_costs_no_further_write(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all uses, the first of a generation is written, and its first after ten seconds.

    An ancestor's is not, nor a late one of a head that has no parent.
    """
    line = await a_line(server)
    marked: list[RefreshTokenRef] = []
    mark = type(server.services.store.sessions).mark_seen

    def mark_and_tell(self: object, ref: RefreshTokenRef, now: int) -> None:
        marked.append(ref)
        mark(self, ref, now)  # type: ignore[arg-type]

    monkeypatch.setattr(type(server.services.store.sessions), "mark_seen", mark_and_tell)
    for _ in range(3):
        await subscriber_caller(server.services, line.pairs[0].token)
        await server.settled()
    await line.present()
    await subscriber_caller(server.services, line.pairs[0].token)
    for waited in (0, 10, 1, 1, 3600):
        server.clock.advance(waited)
        await subscriber_caller(server.services, line.pairs[1].token)
        await subscriber_caller(server.services, line.pairs[0].token)
        await server.settled()
    assert [ref.generation for ref in marked] == [0, 1, 1]
    row = await server.row_of_session(line.sat().sid)
    assert (row["seen_generation"], row["seen_late_generation"]) == (1, 1)


async def test_store_that_finds_another_token_than_asked_for_lets_nobody_in(
    server: Server, callers: CallerAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest that was found is compared once more, in constant time."""
    projects = server.services.store.projects
    found = await projects.api_token_by_digest(server.tenant.id, digest(server.tenant.api_token))

    async def careless(self: object, project: UUID, wanted: bytes) -> ApiToken | None:  # noqa: ARG001
        return found

    monkeypatch.setattr(type(projects), "api_token_by_digest", careless)
    caller = await callers.authenticate_api_token(right(server.tenant), FABRIC, HERE)
    assert caller.project == server.tenant.id
    wrong = basic(server.tenant.id, "PTwrong")
    assert await cause_of_no_backend(callers, wrong) == "bad_credentials"


async def test_calls_of_a_project_are_counted_together_and_those_of_each_session_apart(
    server: Server, callers: CallerAuthenticator
) -> None:
    backend = await callers.authenticate_api_token(right(server.tenant), FABRIC, HERE)
    assert backend.rate_limit_key == server.tenant.id
    line = await a_line(server)
    bearer = b"Bearer " + line.pairs[0].token.encode()
    holder = await callers.authenticate_subscriber_token(bearer, HERE)
    assert holder.rate_limit_key == line.sat().sid


HOUR: Final = NOW // 3600 * 3600


@pytest.mark.parametrize(
    ("mask", "last_used_at", "recorded"),
    [
        ("PT0…1", None, True),
        ("PT0…1", HOUR - 3600, True),
        ("PT0…1", HOUR - 1, True),
        ("PT0…1", HOUR, False),
        ("PT0…1", HOUR + 3600, False),
        (None, None, True),
        (None, HOUR, True),
    ],
)
async def test_use_of_an_api_token_is_recorded_once_an_hour_and_where_it_has_no_mask(
    server: Server,
    callers: CallerAuthenticator,
    monkeypatch: pytest.MonkeyPatch,
    mask: str | None,
    last_used_at: int | None,
    recorded: bool,
) -> None:
    kind = type(server.services.store.projects)
    find, uses = kind.api_token_by_digest, list[ApiTokenUse]()

    async def found(self: ProjectStore, project: UUID, secret: bytes) -> ApiToken | None:
        token = await find(self, project, secret)
        assert token is not None
        return msgspec.structs.replace(token, mask=mask, last_used_at=last_used_at)

    monkeypatch.setattr(kind, "api_token_by_digest", found)
    monkeypatch.setattr(kind, "record_api_token_use", lambda _, use: uses.append(use))
    caller = await callers.authenticate_api_token(right(server.tenant), FABRIC, HERE)
    assert len(uses) == recorded
    for use in uses:
        assert (use.project, use.token, use.hour) == (caller.project, caller.api_token, HOUR)
        assert use.mask == mask_of(server.tenant.api_token)


async def test_api_token_that_is_used_for_the_first_time_is_marked_before_the_answer(
    server: Server, callers: CallerAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repetition of the request that has created it must not show it again."""
    kind = type(server.services.store.projects)
    find, marked, unused = kind.api_token_by_digest, list[UUID](), True

    async def found(self: ProjectStore, project: UUID, secret: bytes) -> ApiToken | None:
        token = await find(self, project, secret)
        assert token is not None
        return msgspec.structs.replace(token, unused=unused)

    async def mark(_: object, project: UUID, token: UUID) -> None:
        assert project == server.tenant.id
        marked.append(token)

    monkeypatch.setattr(kind, "api_token_by_digest", found)
    monkeypatch.setattr(kind, "mark_api_token_used", mark)
    caller = await callers.authenticate_api_token(right(server.tenant), FABRIC, HERE)
    assert marked == [caller.api_token]
    unused = False
    server.clock.advance(1)
    await callers.authenticate_api_token(right(server.tenant), FABRIC, HERE)
    assert marked == [caller.api_token]


async def test_expired_sat_is_a_proof_of_nothing_without_slack(
    server: Server, callers: CallerAuthenticator
) -> None:
    bound = await a_line(server, fingerprint=Signer.generate().jkt)
    header = b"DPoP " + bound.pairs[0].token.encode()
    server.clock.advance(bound.sat().exp - NOW)
    holder = await callers.authenticate_bound_token(header, HERE, 1)
    assert holder.claims == bound.sat()
    with pytest.raises(Unauthorized, match="expired"):
        await callers.authenticate_bound_token(header, HERE)
    with pytest.raises(Unauthorized, match="expired"):
        await active_subscriber_caller(server.services, bound.pairs[0].token)
    opened = server.services.cipher.open(bound.pairs[0].token, TokenType.SAT)
    with pytest.raises(Unauthorized, match="expired"):
        await subscriber_caller_of_opened(server.services, opened, bound.pairs[0].token)
