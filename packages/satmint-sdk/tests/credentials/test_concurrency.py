"""Many threads, many loops; one refresh."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from kit.clients import client_of
from kit.service import FakeTokenService
from kit.sessions import ScriptedProvider, credential_for, session_of
from satmint_sdk.credentials import (
    Credential,
    CredentialExpired,
    CredentialSession,
    SessionClosed,
    SubscriberCredentialProvider,
)
from satmint_sdk.testing import FakeClock, settle


class Crowd:
    """Threads that all do the same, and what came of it."""

    def __init__(self, size: int, do: Callable[[], str]) -> None:
        self.tokens: list[str] = []
        self.errors: list[Exception] = []
        self._do = do
        self._threads = [threading.Thread(target=self._run) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        try:
            self.tokens.append(self._do())
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.errors.append(error)

    async def gone(self) -> None:
        """Wait for all of them without holding the loop up."""
        for thread in self._threads:
            await asyncio.to_thread(thread.join)


async def waiting_for(session: CredentialSession, count: int) -> None:
    while session.stats.waiting < count:
        await settle()


async def test_a_hundred_threads_wait_for_one_refresh(
    service: FakeTokenService, clock: FakeClock
) -> None:
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    provider = ScriptedProvider(credential_for(clock, 100), lambda: answer)
    async with session_of(service, provider) as session:
        await clock.advance(96)
        crowd = Crowd(100, session.token_blocking)
        await waiting_for(session, 100)
        fresh = credential_for(clock, 100)
        answer.set_result(fresh)
        await crowd.gone()
        assert crowd.errors == []
        assert crowd.tokens == [fresh.token] * 100
        assert provider.refreshes == 1


async def test_thirty_loops_wait_for_one_refresh_and_one_may_leave(
    service: FakeTokenService, clock: FakeClock
) -> None:
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    provider = ScriptedProvider(credential_for(clock, 100), lambda: answer)
    left: list[bool] = []

    def ask() -> str:
        async def leave_one_and_wait() -> str:
            leaving = asyncio.ensure_future(session.token())
            await settle()
            leaving.cancel()
            await asyncio.wait([leaving])
            left.append(leaving.cancelled())
            return await session.token()

        return asyncio.run(leave_one_and_wait())

    async with session_of(service, provider) as session:
        await clock.advance(96)
        crowd = Crowd(30, ask)
        while len(left) < 30:
            await settle()
        await waiting_for(session, 30)
        answer.set_result(credential_for(clock, 100))
        await crowd.gone()
        assert (crowd.errors, left) == ([], [True] * 30)
        assert set(crowd.tokens) == {session.credential.token}
        assert provider.refreshes == 1


async def test_threads_that_find_a_live_token_never_touch_the_loop(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service) as session:
        await clock.advance(5)
        crowd = Crowd(20, session.token_blocking)
        for thread in crowd._threads:
            thread.join()  # the loop stands still meanwhile
        assert crowd.tokens == [session.credential.token] * 20


async def test_an_error_reaches_every_thread(service: FakeTokenService, clock: FakeClock) -> None:
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    provider = ScriptedProvider(credential_for(clock, 100), lambda: answer)
    async with session_of(service, provider) as session:
        await clock.advance(101)
        crowd = Crowd(20, session.token_blocking)
        await waiting_for(session, 20)
        answer.set_exception(RuntimeError("no more"))
        await crowd.gone()
        assert [type(error) for error in crowd.errors] == [CredentialExpired] * 20


async def test_closing_releases_every_thread(service: FakeTokenService, clock: FakeClock) -> None:
    answer: asyncio.Future[Credential] = asyncio.get_running_loop().create_future()
    provider = ScriptedProvider(credential_for(clock, 100), lambda: answer)
    session = session_of(service, provider)
    await session.open()
    await clock.advance(96)
    crowd = Crowd(20, session.token_blocking)
    await waiting_for(session, 20)
    closing = asyncio.ensure_future(session.close())
    await crowd.gone()
    answer.set_result(credential_for(clock, 100))
    await closing
    assert [type(error) for error in crowd.errors] == [SessionClosed] * 20


def test_a_loop_that_ended_without_closing_is_told(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = ScriptedProvider(credential_for(clock, 100))
    session = session_of(service, provider)

    async def forget() -> None:
        await session.open()

    asyncio.run(forget())
    with pytest.raises(SessionClosed) as closed:
        session.token_blocking()  # at once, although the token is valid
    assert str(closed.value) == "the session's event loop has ended"
    with pytest.raises(SessionClosed):
        asyncio.run(session.token())
    for read in (
        lambda: session.mechanism,
        lambda: session.credential,
        lambda: session.stats,
    ):
        with pytest.raises(SessionClosed):
            read()
    asyncio.run(session.close())


async def test_threads_whose_loop_ends_under_them_are_told(
    service: FakeTokenService, clock: FakeClock
) -> None:
    session = session_of(service, ScriptedProvider(credential_for(clock, 100)))
    seen: list[Crowd] = []

    async def abandon() -> None:
        provider = session._provider
        assert isinstance(provider, ScriptedProvider)
        provider.then = [lambda: asyncio.get_running_loop().create_future()]
        await session.open()
        await clock.advance(96)
        seen.append(Crowd(5, session.token_blocking))
        seen.append(Crowd(5, lambda: asyncio.run(session.token())))
        await waiting_for(session, 10)

    await asyncio.to_thread(asyncio.run, abandon())
    for crowd in seen:
        await crowd.gone()
        assert [type(error) for error in crowd.errors] == [SessionClosed] * 5
    await session.close()


async def test_blocking_in_the_loop_is_refused_and_not_a_deadlock(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, ScriptedProvider(credential_for(clock, 100))) as session:
        with pytest.raises(RuntimeError) as refused:
            session.token_blocking()  # at once, and not only when it would have to wait
        assert str(refused.value) == (
            "token_blocking must not be called in an event loop: await token()"
        )


async def test_a_provider_on_a_synchronous_client_serves_a_session(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = SubscriberCredentialProvider(client_of(service), reference="alice", clock=clock)
    async with session_of(service, provider) as session:
        clock.sleep(5800)
        token = await session.renew(session.credential.token)
        assert service.accepts(token)
