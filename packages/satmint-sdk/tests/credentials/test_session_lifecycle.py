"""Signing in, closing, and signing in again."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from kit.clients import async_client_of
from kit.service import FakeTokenService
from kit.sessions import (
    FixedProvider,
    ScriptedProvider,
    credential_for,
    happened,
    kinds,
    session_of,
)
from satmint_sdk.credentials import (
    Credential,
    CredentialSession,
    Failed,
    InvalidCredential,
    SessionClosed,
    StaticCredentialProvider,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import SignalWireRestError
from satmint_sdk.testing import FakeClock, make_token, settle


async def test_a_credential_that_is_dead_at_sign_in_is_an_error(
    service: FakeTokenService, clock: FakeClock
) -> None:
    seconds = Credential("t", int(clock.now().wall))  # somebody forgot to count milliseconds
    session = session_of(service, FixedProvider(seconds))
    with pytest.raises(InvalidCredential) as refused:
        await session.open()
    assert str(refused.value) == "the credential has expired (expiry_at is in milliseconds)"
    with pytest.raises(SessionClosed):
        await session.token()


async def test_a_sign_in_is_tried_for_a_while(service: FakeTokenService, clock: FakeClock) -> None:
    service.refuse(503, 3)
    session = session_of(service)
    opening = asyncio.ensure_future(session.open())
    await clock.advance(10)
    await opening
    assert service.accepts(await session.token())
    assert kinds(session) == ["warning:attempt_failed"] * 3
    await session.close()


async def test_a_sign_in_is_given_up_after_the_longest_wait(
    service: FakeTokenService, clock: FakeClock
) -> None:
    service.disconnect(1000)
    opening = asyncio.ensure_future(session_of(service).open())
    await clock.advance(16)
    with pytest.raises(SignalWireRestError):
        await opening


async def test_a_sign_in_that_is_refused_is_not_repeated(service: FakeTokenService) -> None:
    service.refuse(401, 1)
    with pytest.raises(SignalWireRestError) as refused:
        await session_of(service).open()
    assert refused.value.status_code == 401
    assert len(service.requests) == 1


async def test_closing_releases_who_waits_and_throws_the_result_away(
    service: FakeTokenService, clock: FakeClock
) -> None:
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    provider = ScriptedProvider(credential_for(clock, 100), lambda: answer)
    session = session_of(service, provider)
    await session.open()
    await clock.advance(96)
    waiting = asyncio.ensure_future(session.token())
    await settle()
    closing = asyncio.ensure_future(session.close())
    await settle()
    with pytest.raises(SessionClosed) as closed:
        await waiting
    assert str(closed.value) == "the session is closed"
    answer.set_result(credential_for(clock, 100))
    await closing
    assert happened(session) == []
    with pytest.raises(SessionClosed):
        _ = session.credential


async def test_closing_gives_an_attempt_five_seconds(
    service: FakeTokenService, clock: FakeClock
) -> None:
    ended: list[str] = []

    async def hanging() -> Credential:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append("cancelled")
        raise AssertionError

    session = session_of(service, ScriptedProvider(credential_for(clock, 100), hanging))
    await session.open()
    await clock.advance(90)
    closing = asyncio.ensure_future(session.close())
    await clock.advance(4)
    assert ended == []
    await clock.advance(2)
    await closing
    assert ended == ["cancelled"]


async def test_closing_does_not_wait_for_a_pause_between_attempts(
    service: FakeTokenService, clock: FakeClock
) -> None:
    session = session_of(service)
    await session.open()
    service.disconnect(1000)
    await clock.advance(6000)
    await session.close()
    await session.close()
    requests = len(service.requests)
    await clock.advance(1000)
    assert len(service.requests) == requests


async def test_a_rotation_that_closing_interrupts_is_stored_all_the_same(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = SubscriberCredentialProvider(
        async_client_of(service), reference="alice", clock=clock
    )
    session = session_of(service, provider)
    await session.open()
    clock.suspend(5800)  # due, but nobody has looked at the clock yet
    asking = asyncio.ensure_future(session.renew(await session.token()))
    await asyncio.sleep(0)  # noqa: TID251 - the attempt has begun
    await session.close()
    with pytest.raises(SessionClosed):
        await asking
    async with session_of(service, provider) as again:
        assert service.accepts(await again.token())
    assert service.count("reuse") == 0


async def test_a_new_sign_in_throws_the_old_refresh_away(
    service: FakeTokenService, clock: FakeClock
) -> None:
    late: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    provider = ScriptedProvider(credential_for(clock, 1000), lambda: late)
    async with session_of(service, provider) as session:
        await clock.advance(801)
        assert provider.refreshes == 1
        second = credential_for(clock, 1000)
        provider.first = second
        signing_in = asyncio.ensure_future(session.login())
        await settle()
        late.set_result(credential_for(clock, 9000))
        await settle()
        assert await signing_in == second
        assert session.credential == second
        assert happened(session) == []


async def test_until_the_new_credential_is_there_the_old_one_serves(
    service: FakeTokenService, clock: FakeClock
) -> None:
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    first = credential_for(clock, 1000)
    provider = ScriptedProvider(first)
    async with session_of(service, provider) as session:
        provider.first = lambda: answer
        signing_in = asyncio.ensure_future(session.login())
        await settle()
        assert await session.token() == first.token
        second = credential_for(clock, 1000)
        answer.set_result(second)
        assert await signing_in == second


async def test_a_session_is_opened_once(service: FakeTokenService) -> None:
    session = session_of(service)
    with pytest.raises(SessionClosed) as refused:
        await session.token()
    assert str(refused.value) == (
        "the session is not open: use it within `async with`, or after `open()`"
    )
    async with session:
        with pytest.raises(SessionClosed):
            await session.open()
    with pytest.raises(SessionClosed) as refused:
        await session.open()
    assert str(refused.value) == "a session can be opened only once"


async def test_a_provider_is_told_the_fingerprint(clock: FakeClock) -> None:
    provider = FixedProvider(credential_for(clock, 100))
    async with CredentialSession(provider, clock=clock) as session:
        (context,) = provider.contexts
        assert context is not None
        assert context.fingerprint == session.key.thumbprint


async def test_a_token_without_a_cluster_is_sent_nowhere(
    service: FakeTokenService, clock: FakeClock
) -> None:
    static = StaticCredentialProvider(Credential(make_token("SAT", cluster=None)))
    async with session_of(service, static) as session:
        await clock.advance(100)
        assert (session.mechanism, service.requests) == (None, [])


async def test_a_provider_that_hands_out_something_else_is_told(
    service: FakeTokenService, clock: FakeClock
) -> None:
    wrong: Any = {"token": "t"}

    async def wrongly() -> Credential:
        credential: Credential = wrong
        return credential

    with pytest.raises(InvalidCredential) as refused:
        await session_of(service, FixedProvider(wrongly)).open()
    assert str(refused.value) == "the provider returned something that is not a Credential"
    provider = ScriptedProvider(credential_for(clock, 100), wrongly)
    async with session_of(service, provider) as session:
        await clock.advance(81)
        (failed,) = happened(session)
        assert isinstance(failed, Failed)
        assert failed.cause_code == "invalid_credential"


async def test_a_session_is_not_pickled(service: FakeTokenService) -> None:
    with pytest.raises(TypeError) as refused:
        pickle.dumps(session_of(service))
    assert str(refused.value) == "a session cannot be pickled: open one where it is needed"
